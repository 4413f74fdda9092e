"""No error, traceback, log or event shows a credential, whoever repeats it and in whatever form."""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
from typing import Any

import pytest
from session_tools import API_KEY, APP_KEY, bare_server, http, open_session, replies, served

from casemgmt_async import CaseManagementError, CaseSession, RetryPolicy, StatusError, routes
from casemgmt_async.models import Case
from casemgmt_async.transport.credentials import Secret

PASSWORD = "pass-w0rd-of-the-proxy"
LOGIN = base64.b64encode(f"proxy-user:{PASSWORD}".encode()).decode()
TOKEN = "a/b+c/token=="


def everything_shown(error: BaseException) -> str:
    """What an error, its causes and the locals of all its frames show, those of the tests left out."""
    shown, seen = [], set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        shown += [repr(each), str(each), repr(each.args), repr(vars(each))]
        summary = traceback.TracebackException.from_exception(each, capture_locals=True)
        shown += [f"{frame.filename} {frame.locals}" for frame in summary.stack if "/tests/" not in frame.filename]
        todo += [each.__cause__, each.__context__]
    return "\n".join(shown)


@pytest.mark.parametrize("target", ["https://127.0.0.1:9", "http://127.0.0.1:9"])
@pytest.mark.parametrize("answer", [None, b"", http(b"no", 407), http(b"no", 502), b"nonsense\r\n\r\n"])
async def test_the_password_of_a_proxy(target: str, answer: bytes | None) -> None:
    async with bare_server(replies(answer or b"")) as proxy:
        address = "127.0.0.1:9" if answer is None else proxy.base_url[7:]
        options = {"proxy": f"http://proxy-user:{PASSWORD}@{address}", "retry": RetryPolicy(attempts=1)}
        async with open_session(target, **options) as session:
            with pytest.raises(CaseManagementError) as caught:
                await session.raw(routes.GET_CASE, "a")
            shown = everything_shown(caught.value) + repr(session) + repr(vars(session))
        sent = b"".join(proxy.requests).decode()
    assert PASSWORD not in shown
    assert LOGIN not in shown
    assert answer is None or f"Proxy-Authorization: Basic {LOGIN}" in sent
    if target.startswith("https:"):  # the request that opens the tunnel is for the proxy alone
        assert "DD-" not in sent


@pytest.mark.parametrize("proxy", [f"http://u:{PASSWORD}@h:99999", f"ftp://u:{PASSWORD}@h", f"u:{PASSWORD}@h", 5])
def test_a_proxy_that_is_no_url_is_refused_without_showing_it(proxy: Any) -> None:
    with pytest.raises(CaseManagementError, match="proxy") as caught:
        CaseSession(api_key="a", app_key="b", proxy=proxy)
    assert PASSWORD not in everything_shown(caught.value)


FORMS = [TOKEN, TOKEN.replace("/", r"\/"), TOKEN.replace("/", r"\u002F"), "a%2Fb%2Bc%2Ftoken%3D%3D"]
ECHO = """{"errors": [{"title": "%s", "meta": {"%s": "%s"}}],
"data": {"id": "a", "type": "case", "attributes": {"created_at": "%s"}}}"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [200, 404, 500])
async def test_what_the_service_repeats(status: int, form: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "casemgmt_async")
    heard: list[str] = []
    answer = http((ECHO % ((form,) * 4)).encode(), status, X_Request_Id=f"r-{TOKEN}")
    options = {"api_key": None, "app_key": None, "access_token": TOKEN, "retry": None}
    async with served(answer, **options, on_event=lambda event: heard.append(repr(event))) as (_, session):
        with pytest.raises(CaseManagementError) as caught:
            await session.call(routes.GET_CASE, Case, "a")
    shown = everything_shown(caught.value) + caplog.text + "".join(heard)
    if isinstance(caught.value, StatusError):
        shown += caught.value.body
        assert "<secret>" in caught.value.body
    assert TOKEN not in without_frames_of_aiohttp(shown)
    assert "b+c/token" not in without_frames_of_aiohttp(shown)


def without_frames_of_aiohttp(shown: str) -> str:
    return "\n".join(line for line in shown.splitlines() if "site-packages" not in line)


@pytest.mark.parametrize(
    "head",
    [
        f"HTTP/1.1 200 OK\r\nX-Echo {API_KEY}\r\n\r\n",
        f"HTTP/1.1 {API_KEY}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nX-Echo: {API_KEY}\r\nContent-Length: {API_KEY}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{API_KEY}\r\n",
        f"HTTP/1.1 200 OK\r\nX-Echo: {API_KEY}\r\n",
        f"{API_KEY}\r\n\r\n",
    ],
)
async def test_a_malformed_answer_that_repeats_a_key(head: str) -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    async with bare_server(answer) as wire, open_session(wire.base_url, retry=None) as session:
        with pytest.raises(CaseManagementError) as caught:
            await session.raw(routes.GET_CASE, "a")
    shown = everything_shown(caught.value)
    assert API_KEY not in shown
    assert APP_KEY not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        {"base_url": "no url"},
        {"base_url": "https://x y"},
        {"site": "nowhere"},
        {"timeout": -1},
        {"max_concurrency": 0},
        {"headers": {"a b": "c"}},
        {"proxy": "::"},
        {"api_key": "key with blanks"},
        {"access_token": 5},
    ],
)
def test_a_traceback_with_locals_works_for_a_session_that_could_not_be_made(arguments: dict[str, Any]) -> None:
    with pytest.raises(CaseManagementError) as caught:
        CaseSession(**{"api_key": API_KEY, "app_key": APP_KEY, **arguments})
    shown = everything_shown(caught.value)
    assert API_KEY not in shown
    assert APP_KEY not in shown
    assert "key with blanks" not in shown


def test_a_policy_that_could_not_be_made_can_be_shown() -> None:
    with pytest.raises(CaseManagementError) as caught:
        RetryPolicy(attempts="five")  # type: ignore[arg-type]
    assert "attempts" in everything_shown(caught.value)


def test_every_secret_is_hidden_in_what_is_derived_from_it() -> None:
    assert repr({"Proxy-Authorization": Secret(f"Basic {LOGIN}")}) == "{'Proxy-Authorization': <secret>}"
