"""A session's arguments, variants, tokens and end."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from typing import Any

import aiohttp
import pytest
from session_tools import API_KEY, APP_KEY, TOKEN, bare_server, http, open_session, replies, served
from virtual_loop import VirtualClock

from casemgmt_async import (
    AuthenticationError,
    CaseSession,
    ConfigurationError,
    ConnectionFailedError,
    DecodeError,
    InvalidArgumentError,
    OutcomeUnknownError,
    RateLimitError,
    SessionClosedError,
    routes,
)
from casemgmt_async.models import Case
from casemgmt_async.transport.events import CallFailed, CallSucceeded, RateLimited, RequestStarted, RetryScheduled

CASE = json.dumps({"data": {"id": "a", "type": "case", "attributes": {"title": "t"}}}).encode()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DD_API_KEY", "DD_APP_KEY", "DD_SITE", "CASEMGMT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_stands_behind_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"api_key": "a", "app_key": "b"}
    assert CaseSession(**keys).base_url == "https://api.datadoghq.com"
    monkeypatch.setenv("DD_SITE", "datadoghq.eu")
    assert CaseSession(**keys).base_url == "https://api.datadoghq.eu"
    monkeypatch.setenv("CASEMGMT_BASE_URL", "http://127.0.0.1:8080")
    assert CaseSession(**keys).base_url == "http://127.0.0.1:8080"
    assert CaseSession(**keys, site="us3.datadoghq.com").base_url == "https://api.us3.datadoghq.com"
    assert CaseSession(**keys, base_url="https://x.example").base_url == "https://x.example"


@pytest.mark.parametrize(
    ("variable", "value", "match"),
    [
        ("CASEMGMT_BASE_URL", "http://x.example", "^CASEMGMT_BASE_URL: base_url must be https"),
        ("DD_SITE", "https://datadoghq.eu", "^DD_SITE: unknown site 'https://datadoghq.eu'"),
        ("DD_API_KEY", "a-key-from-a-file\n", "^DD_API_KEY must be printable ASCII without blanks or line breaks"),
        ("DD_APP_KEY", "two words", "^DD_APP_KEY must be printable"),
    ],
)
def test_a_variable_that_is_not_usable_is_named(
    variable: str, value: str, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        monkeypatch.setenv(name, "a-key")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=match):
        CaseSession()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"api_key": None}, "api_key is missing"),
        ({"access_token": "t"}, "not both"),
        ({"site": "datadoghq.eu", "base_url": "https://x"}, "not both"),
        ({"site": "nowhere"}, "site"),
        ({"base_url": "http://x"}, "https"),
        ({"ssl": False}, "switched off"),
        ({"ssl": True}, "SSLContext"),
        ({"client_session": object(), "connector": object()}, "not both"),
    ],
)
def test_what_is_not_usable_is_refused_before_any_io(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        CaseSession(**{"api_key": "a", "app_key": "b", **arguments})


@pytest.mark.parametrize(
    ("argument", "value"),
    [("timeout", 0), ("timeout", -1), ("max_concurrency", 0), ("max_body", 0), ("headers", {"a b": "c"})],
)
def test_arguments_are_named(argument: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        CaseSession(**{"api_key": "a", "app_key": "b", argument: value})
    assert caught.value.argument == argument


async def test_what_is_sent_is_exactly_this() -> None:
    async with (
        bare_server(replies(http(CASE))) as wire,
        open_session(wire.base_url, headers={"X-Team": "ops"}) as session,
    ):
        await session.call(routes.GET_CASE, Case, "a")
        await session.raw(routes.ARCHIVE_CASE, "a")
        await session.raw(routes.UPDATE_PRIORITY, "a", body={"b": "é"})
    get, bare, full = wire.requests
    lines = get.decode().split("\r\n")
    assert lines[0] == "GET /api/v2/cases/a HTTP/1.1"
    sent = dict(line.split(": ", 1) for line in lines[1:-2])
    agent = sent.pop("User-Agent")
    assert agent.startswith("casemgmt-async/")
    assert f"aiohttp {aiohttp.__version__}" in agent
    assert sent == {
        "Host": wire.base_url[7:],
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "X-Team": "ops",
        "DD-API-KEY": API_KEY,
        "DD-APPLICATION-KEY": APP_KEY,
    }
    assert b"content-type" not in bare.lower()
    assert b"\r\nContent-Type: application/json\r\n" in full
    assert full.endswith(b'\r\n\r\n{"b":"\xc3\xa9"}')


async def test_cookies_of_the_service_are_not_kept() -> None:
    async with served(http(CASE, Set_Cookie="sid=secret; Path=/")) as (wire, session):
        for _ in range(2):
            await session.raw(routes.GET_CASE, "a")
    assert b"cookie" not in wire.requests[1].lower()


async def test_a_raw_answer_is_whole_and_decompressed() -> None:
    packed = http(gzip.compress(CASE), Content_Encoding="gzip", X_Any="thing")
    async with served(packed) as (_wire, session):
        answer = await session.raw(routes.GET_CASE, "a")
    assert (answer.status, answer.body, answer.headers["x-any"]) == (200, CASE, "thing")
    assert "attributes" not in repr(answer)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip"])
async def test_a_compression_that_cannot_be_right_is_a_lost_answer(encoding: str) -> None:
    async with served(http(CASE, Content_Encoding=encoding)) as (wire, session):
        with pytest.raises(ConnectionFailedError):
            await session.raw(routes.GET_CASE, "a")
    assert len(wire.requests) == 5


async def test_a_create_whose_answer_cannot_be_read_is_unknown() -> None:
    async with served(http(b'{"data": {"id": 7}}')) as (wire, session):
        with pytest.raises(OutcomeUnknownError) as caught:
            await session.call(routes.CREATE_CASE, Case, body={})
        assert isinstance(caught.value.__cause__, DecodeError)
        with pytest.raises(DecodeError) as wrong:
            await session.call(routes.GET_CASE, Case, "a")
    assert wrong.value.route == "get_case"
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "junk", [b"\x00\xff\r\n\r\n", b"HTTP/1.1 abc X\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"]
)
async def test_what_is_not_http_is_a_lost_answer(junk: bytes) -> None:
    async with served(junk, retry=None) as (_wire, session):
        with pytest.raises(ConnectionFailedError) as caught:
            await session.raw(routes.GET_CASE, "a")
        assert not isinstance(caught.value.__cause__, aiohttp.ClientResponseError)
        with pytest.raises(OutcomeUnknownError):
            await session.raw(routes.CREATE_CASE, body={})


async def test_a_variant_shares_the_pool_and_closes_nothing() -> None:
    async with served(http(CASE), headers={"X-A": "1"}) as (wire, session):
        async with session.with_options(timeout=5, retry=None, headers={"X-B": "2"}) as variant:
            await variant.raw(routes.GET_CASE, "a")
        assert not session.closed
        await session.raw(routes.GET_CASE, "a")
        assert wire.open == 1
        again = variant.with_options(headers={"X-A": "3"})
        await again.raw(routes.GET_CASE, "a")
    assert variant.closed
    assert [b"X-B: 2" in request for request in wire.requests] == [True, False, True]
    assert [b"X-A: 1" in request for request in wire.requests] == [True, True, False]
    with pytest.raises(SessionClosedError):
        await variant.raw(routes.GET_CASE, "a")


async def test_a_session_that_was_handed_in_is_not_closed() -> None:
    passed = []

    async def note(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        passed.append(request.method)
        return await handler(request)

    async with bare_server(replies(http(CASE))) as wire:
        async with aiohttp.ClientSession(raise_for_status=True, middlewares=(note,)) as client:
            async with open_session(wire.base_url, client_session=client) as session:
                await session.raw(routes.GET_CASE, "a")
            assert not client.closed
        assert passed == ["GET"]
        async with open_session(wire.base_url, client_session=client) as session:
            with pytest.raises(SessionClosedError):
                await session.raw(routes.GET_CASE, "a")


async def test_a_client_session_that_its_owner_has_closed_is_named() -> None:
    async with aiohttp.ClientSession() as client:
        session = open_session("http://127.0.0.1:9", client_session=client)
    async with session:
        with pytest.raises(SessionClosedError, match=r"^the client_session that was passed is closed$"):
            await session.raw(routes.GET_CASE, "a")
        assert not session.closed


async def test_no_request_waits_for_a_connection_of_the_pool() -> None:
    """The connector takes as many as the session admits."""
    async with served(http(CASE), max_concurrency=150) as (_, session):
        await session.raw(routes.GET_CASE, "a")
        connector = session._pool.client().connector
        assert connector is not None
        assert connector.limit == 150


async def test_a_connector_that_was_given_is_closed() -> None:
    for used in (True, False):
        connector = aiohttp.TCPConnector()
        async with (
            bare_server(replies(http(CASE))) as wire,
            open_session(wire.base_url, connector=connector) as session,
        ):
            if used:
                await session.raw(routes.GET_CASE, "a")
        assert connector.closed


async def test_a_closed_session_says_so() -> None:
    session = open_session("http://127.0.0.1:1")
    await session.close()
    await session.close()
    assert repr(session) == "<CaseSession http://127.0.0.1:1 closed>"
    with pytest.raises(SessionClosedError):
        await session.raw(routes.GET_CASE, "a")
    with pytest.raises(SessionClosedError):
        async with session:
            pass


async def test_a_refused_token_is_supplied_again_once() -> None:
    supplied: list[str] = []

    async def supply() -> str:
        supplied.append(f"{TOKEN}-{len(supplied)}")
        return supplied[-1]

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        good = f"Bearer {TOKEN}-1\r\n".encode() in request
        writer.write(http(CASE) if good else http(b'{"errors": ["no"]}', 401))

    async with bare_server(answer) as wire:
        async with open_session(wire.base_url, api_key=None, app_key=None, access_token=supply) as session:
            assert (await session.call(routes.GET_CASE, Case, "a")).id == "a"
            assert len(supplied) == 2
            await asyncio.gather(*(session.raw(routes.CREATE_CASE, body={}) for _ in range(5)))
            assert len(supplied) == 2
        async with open_session(wire.base_url, api_key=None, app_key=None, access_token="wrong") as session:
            with pytest.raises(AuthenticationError):
                await session.raw(routes.GET_CASE, "a")
        supplied[:] = ["x"] * 9
        async with open_session(wire.base_url, api_key=None, app_key=None, access_token=supply) as session:
            with pytest.raises(AuthenticationError):
                await session.raw(routes.GET_CASE, "a")
            assert len(supplied) == 11


async def test_a_wait_that_the_service_asks_for_is_kept_in_full() -> None:
    time = VirtualClock(random=0.0)
    limited = http(b"{}", 429, X_RateLimit_Name="cases", X_RateLimit_Limit="5", X_RateLimit_Reset="7")
    busy = http(b"{}", 503, Retry_After="11")
    async with served(limited, busy, http(CASE), clock=time.as_clock()) as (_wire, session):
        await session.raw(routes.GET_CASE, "a")
    assert time.slept == pytest.approx([7, 11])


@pytest.mark.parametrize("headers", [{"Retry_After": "121"}, {"X_RateLimit_Name": "c", "X_RateLimit_Reset": "500"}])
async def test_a_wait_over_the_cap_is_raised_at_once(headers: dict[str, str]) -> None:
    time = VirtualClock()
    async with served(http(b"{}", 429, **headers), clock=time.as_clock()) as (wire, session):
        with pytest.raises(RateLimitError) as caught:
            await session.raw(routes.GET_CASE, "a")
        assert caught.value.retry_after in {121, 500}
        with pytest.raises(RateLimitError):
            await session.raw(routes.GET_CASE, "a")
    assert time.slept == []
    assert len(wire.requests) == 1


async def test_a_wait_of_less_than_a_second_is_told_too() -> None:
    heard: list[Any] = []
    limited = http(b"{}", 429, Retry_After="0.5")
    async with served(limited, http(CASE), clock=VirtualClock().as_clock(), on_event=heard.append) as (_, session):
        await session.raw(routes.GET_CASE, "a")
    waits = [(event.answered, event.wait) for event in heard if isinstance(event, RateLimited)]
    assert waits == [(True, pytest.approx(0.5)), (False, pytest.approx(0.5))]


async def test_a_call_that_waits_for_its_turn_is_not_told_as_rate_limited() -> None:
    heard: list[Any] = []
    async with served(*[http(CASE)] * 6, max_concurrency=1, on_event=heard.append) as (_, session):
        await session.raw(routes.GET_CASE, "a")
        await asyncio.gather(*(session.raw(routes.GET_CASE, "a") for _ in range(5)))
    assert [type(event).__name__ for event in heard].count("CallSucceeded") == 6
    assert not any(isinstance(event, RateLimited) for event in heard)


async def test_events_tell_the_life_of_a_call() -> None:
    heard: list[Any] = []
    limited = http(b"{}", 429, Retry_After="3")
    async with served(http(b"{}", 503), limited, http(CASE), http(b"{}", 404), on_event=heard.append) as (
        _wire,
        session,
    ):
        await session.raw(routes.GET_CASE, "a")
        with pytest.raises(Exception, match="404"):
            await session.raw(routes.GET_CASE, "a")
        session.remove_listener(heard.append)
        with pytest.raises(Exception, match="404"):
            await session.raw(routes.GET_CASE, "a")
    first = [event for event in heard if event.call == 1]
    assert [type(event).__name__ for event in first] == [
        *("RequestStarted", "ResponseReceived", "RetryScheduled"),
        *("RequestStarted", "ResponseReceived", "RateLimited", "RetryScheduled", "RateLimited"),
        *("RequestStarted", "ResponseReceived", "CallSucceeded"),
    ]
    assert [event.attempt for event in first if isinstance(event, RequestStarted)] == [1, 2, 3]
    assert [event.wait for event in first if isinstance(event, RetryScheduled)] == pytest.approx([0.2, 3])
    assert [event.answered for event in first if isinstance(event, RateLimited)] == [True, False]
    assert isinstance(first[-1], CallSucceeded)
    assert first[-1].attempts == 3
    assert isinstance(heard[-1], CallFailed)
    assert {event.call for event in heard} == {1, 2}


async def test_a_listener_may_add_headers() -> None:
    def trace(event: object) -> None:
        if isinstance(event, RequestStarted):
            event.headers["traceparent"] = f"00-{event.attempt}"

    async with served(http(b"{}", 503), http(CASE), on_event=trace) as (wire, session):
        await session.raw(routes.GET_CASE, "a")
    assert [b"traceparent: 00-%d" % number in wire.requests[number - 1] for number in (1, 2)] == [True, True]


async def test_a_tls_context_and_a_proxy_are_passed_on() -> None:
    async with bare_server(replies(http(CASE))) as proxy:
        options = {"proxy": proxy.base_url, "ssl": ssl.create_default_context()}
        async with open_session("http://127.0.0.1:9", **options) as session:
            await session.raw(routes.GET_CASE, "a")
    assert proxy.requests[0].startswith(b"GET http://127.0.0.1:9/api/v2/cases/a HTTP/1.1\r\n")
