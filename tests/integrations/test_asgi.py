"""The middleware that cancels the handler of a client that disconnected, message by message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from casemgmt_async.integrations.asgi import CancelOnDisconnect

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"x"}


class Server:
    """The messages of one request; the client disconnects when `gone` is set."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.sent: list[str] = []
        self._first = True

    async def receive(self) -> dict[str, Any]:
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message["type"])


@pytest.mark.parametrize(
    ("last", "ends"),
    [
        ({**BODY}, True),
        ({**BODY, "more_body": False}, True),
        ({"type": "http.response.pathsend", "path": "/a"}, True),
        ({**BODY, "more_body": True}, False),
    ],
)
async def test_what_follows_a_complete_response_is_not_cancelled(last: dict[str, Any], ends: bool) -> None:
    server, done = Server(), []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send(last)
        server.gone.set()
        await asyncio.sleep(0.01)  # a background task
        done.append(True)

    await CancelOnDisconnect(app)({"type": "http", "path": "/"}, server.receive, server.send)
    assert bool(done) is ends
    assert server.sent == ["http.response.start", last["type"]]


async def test_a_client_that_is_gone_before_the_response_gets_499_for_the_log() -> None:
    server, cancelled = Server(), []

    async def app(_: Any, receive: Any, __: Any) -> None:
        await receive()
        server.gone.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(await receive())
            raise

    await CancelOnDisconnect(app)({"type": "http", "path": "/"}, server.receive, server.send)
    assert cancelled == [{"type": "http.disconnect"}]
    assert server.sent == ["http.response.start", "http.response.body"]


async def test_an_error_of_the_app_is_raised_as_it_is() -> None:
    server = Server()

    async def app(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await CancelOnDisconnect(app)({"type": "http", "path": "/"}, server.receive, server.send)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_scopes_are_passed_on(kind: str) -> None:
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.extend(arguments)

    server = Server()
    await CancelOnDisconnect(app)({"type": kind}, server.receive, server.send)
    assert seen == [{"type": kind}, server.receive, server.send]
