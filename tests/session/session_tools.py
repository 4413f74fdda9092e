"""Sessions against an emulator or a bare socket, on a time that tests move."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from virtual_loop import VirtualClock

from casemgmt_async.session import CaseSession

API_KEY = "api-key-5f1d9c"
APP_KEY = "app-key-77b0ae"
TOKEN = "token-e44a1b"


def open_session(base_url: str, **options: Any) -> CaseSession:
    given = {
        "api_key": API_KEY,
        "app_key": APP_KEY,
        "base_url": base_url,
        "clock": VirtualClock().as_clock(),
        **options,
    }
    return CaseSession(**given)


Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[object]]


class Wire:
    """What a bare socket has seen: the heads of all requests, bodies behind them."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.requests: list[bytes] = []
        self.open = 0


@contextlib.asynccontextmanager
async def bare_server(handle: Handler) -> AsyncIterator[Wire]:
    """Answer every request with the bytes that `handle` writes; it may close the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.open += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
                )
                request = head + await reader.readexactly(int(length.split(b":")[1]))
                wire.requests.append(request)
                await handle(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            wire.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield wire
    finally:
        server.close()
        for _ in range(100):
            if not wire.open:
                break
            await asyncio.sleep(0.005)


def http(body: bytes, status: int = 200, **headers: str) -> bytes:
    named = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    top = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} X\r\n{top}\r\n".encode() + body


def replies(*answers: bytes) -> Handler:
    """Write these, one a request, the last one for ever; an empty one breaks the connection."""
    left = list(answers)

    async def handle(_: bytes, writer: asyncio.StreamWriter) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer:
            writer.write(answer)
        else:
            writer.transport.abort()

    return handle


@contextlib.asynccontextmanager
async def served(*answers: bytes, **options: Any) -> AsyncIterator[tuple[Wire, CaseSession]]:
    """A session on a bare server that answers with these."""
    async with bare_server(replies(*answers)) as wire, open_session(wire.base_url, **options) as session:
        yield wire, session
