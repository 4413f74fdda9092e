"""Bodies are read whole or not at all: bounded, decompressed, never cut short without an error."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from session_tools import bare_server, http, open_session, served

from casemgmt_async import (
    CaseSession,
    ConnectionFailedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RetryPolicy,
    routes,
)

CASE = b'{"data": {"id": "a", "type": "case", "attributes": {}}}'


async def test_an_oversized_body_is_not_read_to_its_end() -> None:
    written, stopped = 0, asyncio.Event()

    async def flood(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        try:
            for _ in range(3000):
                writer.write(b"x" * 65536)
                written += 65536
                await writer.drain()
        finally:
            stopped.set()

    async with bare_server(flood) as wire, open_session(wire.base_url, max_body=100_000) as session:
        with pytest.raises(ResponseTooLargeError):
            await session.raw(routes.GET_CASE, "a")
        async with asyncio.timeout(5):
            await stopped.wait()
        assert len(wire.requests) == 1
    assert written < 50_000_000


@pytest.mark.parametrize("parts", [2, 7])
async def test_a_gzip_body_of_several_members_is_read_whole(parts: int) -> None:
    size = len(CASE) // parts + 1
    packed = b"".join(gzip.compress(CASE[start : start + size]) for start in range(0, len(CASE), size))
    async with served(http(packed, Content_Encoding="gzip")) as (_, session):
        assert (await session.raw(routes.GET_CASE, "a")).body == CASE


async def test_several_members_are_bounded_together() -> None:
    packed = gzip.compress(b"x" * 60_000) * 2
    async with served(http(packed, Content_Encoding="gzip"), max_body=100_000) as (_, session):
        with pytest.raises(ResponseTooLargeError):
            await session.raw(routes.GET_CASE, "a")


async def test_a_body_of_very_many_members_is_refused() -> None:
    packed = gzip.compress(b"") * 5000
    async with served(http(packed, Content_Encoding="gzip"), retry=None) as (_, session):
        with pytest.raises(ConnectionFailedError, match="members"):
            await session.raw(routes.GET_CASE, "a")


@pytest.mark.parametrize("lost", [1, 4, 8, 20])
async def test_a_gzip_body_without_its_end_is_a_lost_answer_of_raw_too(lost: int) -> None:
    packed = gzip.compress(CASE)[:-lost]
    async with served(http(packed, Content_Encoding="gzip")) as (wire, session):
        with pytest.raises(ConnectionFailedError):
            await session.raw(routes.UPDATE_PRIORITY, "a", body={})
    assert len(wire.requests) == 5


async def test_a_connect_timeout_means_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A create is sent again, because no connection was there to send it on."""
    refused = 0

    async with bare_server(lambda _, writer: write(writer)) as wire, open_session(wire.base_url) as session:
        loop = asyncio.get_running_loop()
        connect = loop.sock_connect

        async def slow_connect(*args: object) -> None:
            nonlocal refused
            refused += 1
            if refused <= 2:
                raise TimeoutError  # as a connect that takes longer than it may
            await connect(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(loop, "sock_connect", slow_connect)
        assert (await session.raw(routes.CREATE_CASE, body={})).status == 200
    assert refused == 3
    assert len(wire.requests) == 1


async def write(writer: asyncio.StreamWriter) -> None:
    writer.write(http(CASE))


async def test_an_attempt_that_times_out_while_connecting_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.sleep(3600)

    async with bare_server(lambda _, writer: write(writer)) as wire:
        policy = RetryPolicy(attempts=2, attempt_timeout=0.05)
        async with open_session(wire.base_url, retry=policy) as session:
            monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
            with pytest.raises(RequestTimeoutError):
                await session.raw(routes.CREATE_CASE, body={})
    assert wire.requests == []


async def test_pages_that_arrive_together_are_not_read_together(wire: Any) -> None:
    iteration, read = 0, []

    async def count() -> None:
        nonlocal iteration
        while True:
            await asyncio.sleep(0)
            iteration += 1

    async def call(session: CaseSession) -> None:
        await session.raw(routes.GET_CASE, "a")
        read.append(iteration)

    page = CASE[:-1] + b" " * 20_000 + b"}"
    for _ in range(8):
        wire.answer(body=page, Content_Length=str(len(page)))
    async with open_session("http://127.0.0.1:9") as session:
        counting = asyncio.create_task(count())
        await asyncio.gather(*(call(session) for _ in range(8)))
        counting.cancel()
    assert len(set(read)) == 8
