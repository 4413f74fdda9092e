"""Closing a session ends all waits, and a session belongs to one event loop."""

from __future__ import annotations

import asyncio
import threading

import aiohttp
import pytest
from session_tools import TOKEN, bare_server, http, open_session, replies

from casemgmt_async import (
    CaseSession,
    Clock,
    ConfigurationError,
    ConnectionFailedError,
    OutcomeUnknownError,
    RetryPolicy,
    SessionClosedError,
    routes,
)

CASE = b'{"data": {"id": "a", "type": "case", "attributes": {}}}'
USED_UP = {"X_RateLimit_Name": "c", "X_RateLimit_Limit": "5", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "60"}
WAITS = {
    "after a failure": http(b"{}", 503, Retry_After="60"),
    "after a lost answer": b"",
    "after a 429 with a time": http(b"{}", 429, Retry_After="60"),
    "after a 429 without a time": http(b"{}", 429),
    "after a 429 of a bucket": http(b"{}", 429, **USED_UP),
}


@pytest.mark.parametrize("wait", WAITS)
async def test_closing_ends_every_wait_at_once(wait: str) -> None:
    policy = RetryPolicy(initial_backoff=60, max_backoff=60)
    options = {"clock": Clock(random=lambda: 1.0), "retry": policy}
    async with bare_server(replies(WAITS[wait])) as wire, open_session(wire.base_url, **options) as session:
        calls = [asyncio.create_task(session.raw(routes.GET_CASE, "a")) for _ in range(3)]
        while not wire.requests:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert not any(call.done() for call in calls)
        await session.close()
        async with asyncio.timeout(1):
            ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [SessionClosedError] * 3
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_ends_the_wait_for_a_token() -> None:
    asked = asyncio.Event()

    async def supply() -> str:
        asked.set()
        await asyncio.sleep(3600)
        return TOKEN

    session = open_session("http://127.0.0.1:9", api_key=None, app_key=None, access_token=supply)
    calls = [asyncio.create_task(session.raw(routes.GET_CASE, "a")) for _ in range(3)]
    await asked.wait()
    await session.close()
    async with asyncio.timeout(1):
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [SessionClosedError] * 3


async def test_closing_ends_the_calls_that_are_under_way() -> None:
    async def hang(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)

    async with bare_server(hang) as wire, open_session(wire.base_url, max_concurrency=2) as session:
        create = asyncio.create_task(session.raw(routes.CREATE_CASE, body={}))
        calls = [asyncio.create_task(session.raw(routes.GET_CASE, "a")) for _ in range(5)]
        while len(wire.requests) < 2:
            await asyncio.sleep(0.001)
        await session.close()
        async with asyncio.timeout(1):
            ends = await asyncio.gather(create, *calls, return_exceptions=True)
    assert isinstance(ends[0], OutcomeUnknownError)
    assert all(isinstance(end, (SessionClosedError, ConnectionFailedError)) for end in ends[1:])


async def test_a_client_session_of_the_user_finishes_what_was_sent() -> None:
    async def slowly(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(http(CASE))

    async with bare_server(slowly) as wire, aiohttp.ClientSession() as client:
        session = open_session(wire.base_url, client_session=client)
        call = asyncio.create_task(session.raw(routes.GET_CASE, "a"))
        while not wire.requests:
            await asyncio.sleep(0.001)
        await session.close()
        assert (await call).status == 200


def test_a_second_event_loop_is_refused_by_name() -> None:
    async def use(session: CaseSession) -> None:
        with pytest.raises(ConnectionFailedError):
            await session.with_options(retry=None).raw(routes.GET_CASE, "a")

    async def misuse(session: CaseSession, first: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            await session.raw(routes.GET_CASE, "a")
        assert first in str(caught.value)
        assert repr(asyncio.get_running_loop()) in str(caught.value)
        for entered in (session, session.with_options(timeout=1)):
            with pytest.raises(ConfigurationError, match="make one session for each event loop"):
                async with entered:
                    pass
        with pytest.raises(ConfigurationError, match="belongs to the event loop"):
            await session.close()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        session = open_session("http://127.0.0.1:9")
        first.run(use(session))
        second.run(misuse(session, repr(first.get_loop())))
        first.run(session.close())


async def test_a_second_thread_is_refused_by_name() -> None:
    caught: list[BaseException] = []

    async def misuse(session: CaseSession) -> None:
        try:
            await session.raw(routes.GET_CASE, "a")
        except ConfigurationError as error:
            caught.append(error)

    async with open_session("http://127.0.0.1:9", retry=None) as session:
        thread = threading.Thread(target=lambda: asyncio.run(misuse(session)), name="the-other-thread")
        thread.start()
        await asyncio.to_thread(thread.join)
    assert repr(asyncio.get_running_loop()) in str(caught[0])
    assert "the-other-thread" in str(caught[0])


async def test_a_session_can_be_made_outside_of_its_event_loop() -> None:
    session = await asyncio.to_thread(open_session, "http://127.0.0.1:9")
    async with session:
        assert not session.closed
    assert session.closed
