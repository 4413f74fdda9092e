"""Nothing leaks: no key to another origin or into a text, no slot, task or socket after a cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import logging
import random
import traceback
from typing import Any, get_origin

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_tools import API_KEY, APP_KEY, TOKEN, bare_server, http, open_session, replies, served

from casemgmt_async import CaseManagementError, OutcomeUnknownError, RedirectError, models, routes
from casemgmt_async.emulator import Emulator
from casemgmt_async.models import Case, Page
from casemgmt_async.transport.retry import RetryPolicy

SECRETS = (API_KEY, APP_KEY, TOKEN)
FAULTS = [
    "*#1/3@40%: drop-after-effect",
    *("*@4%: cut", "*@4%: cut-gzip", "*@4%: early-eof", "*@4%: html", "*@4%: status=503", "*@4%: status=429"),
    *("*@4%: redirect=307", "*@4%: empty", "*@2%: reset", "*@4%: giant=200kB", "*@4%: content-type=text/html"),
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("route", [routes.GET_CASE, routes.ARCHIVE_CASE, routes.DELETE_PROJECT, routes.WATCH_CASE])
async def test_a_redirect_reaches_no_other_origin(status: int, route: routes.Route) -> None:
    async with bare_server(replies(http(b"{}"))) as other:
        away = http(b"", status, Location=f"{other.base_url}/api/v2/cases")
        async with served(away) as (wire, session):
            with pytest.raises(RedirectError) as caught:
                await session.raw(route, *("a" for _ in route.parameters))
        assert caught.value.status == status
        assert len(wire.requests) == 1
        assert other.requests == []


async def test_after_hundreds_of_cancellations_the_session_works_at_full_concurrency() -> None:
    asyncio.get_running_loop().set_debug(False)  # it would keep a traceback of each of 30,000 steps
    rng = random.Random(11)
    async with (
        Emulator(cases=3, log_size=0, limits="all=100000/1m: *", faults=["*@10%: status=503", "*@5%: cut"]) as emulator,
        open_session(emulator.base_url, max_concurrency=20) as session,
    ):

        async def call() -> None:
            with contextlib.suppress(CaseManagementError):
                if rng.random() < 0.5:
                    await session.raw(routes.SEARCH_CASES, query={"page[size]": 1})
                else:
                    await session.raw(routes.COMMENT_CASE, "nobody", body={"data": {}})

        cancelled = 0
        while cancelled < 300:
            tasks = [asyncio.create_task(call()) for _ in range(40)]
            for task in rng.sample(tasks, 40):
                for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
                    await asyncio.sleep(0)
                cancelled += task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        emulator.set_faults(None)
        limiter = session._caller.limiter
        assert (limiter.waiting, limiter.in_flight) == (0, 0)

        emulator.latency = 0.02
        calls = [asyncio.create_task(session.raw(routes.SEARCH_CASES, query={"page[size]": 1})) for _ in range(60)]
        most = 0
        while not all(task.done() for task in calls):
            most = max(most, limiter.in_flight)
            await asyncio.sleep(0.001)
        assert {(await task).status for task in calls} == {200}
        assert most == 20
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_session_leaves_no_socket_and_no_task() -> None:
    async with Emulator(cases=3, faults=FAULTS) as emulator, aiohttp.TCPConnector() as connector:
        async with open_session(emulator.base_url, connector=connector, max_body=100_000) as session:
            await asyncio.gather(
                *(session.raw(routes.SEARCH_CASES) for _ in range(60)),
                *(session.raw(routes.CREATE_CASE, body={}) for _ in range(60)),
                return_exceptions=True,
            )
            assert not connector._acquired
        assert connector.closed
    await asyncio.sleep(0.01)
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "id", "type", "attributes", "meta", "errors", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
ANSWERS: list[Any] = [Case, list[Case], Page[Case], models.Project, models.CaseView, None]


@settings(max_examples=200)
@given(
    exchanges=st.lists(
        st.tuples(
            st.sampled_from(routes.ROUTES),
            BODIES,
            st.sampled_from([200, 200, 200, 201, 204, 302, 400, 404, 429, 500]),
            st.sampled_from(["", "", "gzip", "br"]),
            st.sampled_from(ANSWERS),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_answer_to_any_route_is_a_result_or_an_error_of_ours(exchanges: list[Any]) -> None:
    async def main() -> None:
        for route, body, status, encoding, answer in exchanges:
            sent = b"" if status == 204 else body
            headers = {"Content_Encoding": encoding} if encoding else {}
            async with served(http(sent, status, **headers), retry=RetryPolicy(attempts=2)) as (_, session):
                try:
                    result = await session.call(route, answer, *("a" for _ in route.parameters), body={})
                except CaseManagementError:
                    continue
                assert status < 300, "an error status gave a result"
                assert result is None or isinstance(result, get_origin(answer) or answer)

    asyncio.run(main())


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)
async def test_noise_from_every_route_is_an_error_of_ours(route: routes.Route) -> None:
    noise = random.Random(route.name).randbytes(80)
    for framed in (noise, http(noise), http(b"[" * 5000 + b"]"), http(b'{"data":' + b"[" * 900)):
        async with served(framed, retry=None, timeout=5) as (_, session):
            with pytest.raises(CaseManagementError) as caught:
                await session.call(route, Case, *("a" for _ in route.parameters), body={})
            assert isinstance(caught.value, OutcomeUnknownError) == (route.replay is routes.Replay.CREATE)


def everything_shown(error: BaseException | None) -> str:
    """All that an error and its causes show, with the locals of the frames that are ours."""
    shown = []
    while error is not None:
        shown += [repr(error), str(error), repr(error.args), repr(vars(error))]
        summary = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += [str(frame.locals) for frame in summary.stack if "casemgmt_async" in frame.filename]
        error = error.__cause__ or error.__context__
    return "\n".join(shown)


@pytest.mark.parametrize("by_token", [False, True])
async def test_neither_key_nor_token_is_shown_anywhere(
    by_token: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def supply() -> str:
        return TOKEN

    heard = io.StringIO()
    access = {"api_key": None, "app_key": None, "access_token": supply} if by_token else {}
    caplog.set_level(logging.DEBUG)
    shown = []
    async with Emulator(cases=3, seed=3, faults=FAULTS) as emulator:
        async with open_session(
            emulator.base_url, **access, max_body=100_000, on_event=lambda event: print(repr(event), file=heard)
        ) as session:
            calls = [session.call(routes.GET_CASE, Case, "a") for _ in range(60)]
            calls += [session.call(routes.CREATE_CASE, Case, body={"data": {}}) for _ in range(60)]
            ends = await asyncio.gather(*calls, return_exceptions=True)
            shown += [everything_shown(end) for end in ends if isinstance(end, BaseException)]
            shown += [
                repr(session),
                str(vars(session)),
                repr(session.with_options(timeout=1)),
                str(vars(session._caller)),
            ]
        shown.append(repr(list(emulator.log)))
    echo = json.dumps({"errors": [f"what is {API_KEY} {APP_KEY} {TOKEN}?"]}).encode()
    for junk in (http(echo, 403), http(echo, 500), b"HTTP/1.1 abc X\r\n\r\n", b""):
        async with served(junk, **access, on_event=lambda event: print(repr(event), file=heard)) as (_, session):
            with pytest.raises(CaseManagementError) as caught:
                await session.call(routes.CREATE_CASE, Case, body={})
            shown.append(everything_shown(caught.value))
    printed = capfd.readouterr()
    text = "\n".join([*shown, caplog.text, heard.getvalue(), printed.out, printed.err])
    assert len(shown) > 50
    assert heard.getvalue().count("RequestStarted") > 100
    held = SECRETS[2:] if by_token else SECRETS[:2]
    assert [secret for secret in held if secret in text] == []
