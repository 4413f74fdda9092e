"""Cancel the handler when a client disconnects, in any ASGI app such as FastAPI or Starlette."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from casemgmt_async.integrations.answers import log

__all__ = ["CancelOnDisconnect"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

PATHSEND: Final = "http.response.pathsend"
"""The message that sends a file as the whole body, an extension of ASGI."""
CLIENT_CLOSED: Final = 499
"""The status that proxies log for a client that disconnected before the response."""


class CancelOnDisconnect:
    """Cancel the handler of a client that disconnected, and with it the call to Case Management that it awaits.

    FastAPI lets a handler run to its end even if the client is gone. This ASGI middleware reads the messages of the
    server while the app works, and cancels the app when it reads `http.disconnect`. It leaves complete responses and
    their background tasks alone. A handler sees an ordinary `asyncio.CancelledError`. Plain `def` handlers run in a
    thread and cannot be cancelled. The middleware reads at most two messages ahead, so it does not notice a
    disconnect while a large request body is waiting to be read.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = Connection(receive, send)
        try:
            async with connection.open:
                listener = asyncio.create_task(connection.listen())
                try:
                    await self.app(scope, connection.receive, connection.send)
                finally:
                    listener.cancel()
                    await asyncio.gather(listener, return_exceptions=True)
        except Exception:
            if not connection.open.expired():
                raise
            log.debug("the client of %s disconnected", scope["path"], exc_info=True)
            if not connection.started:
                # Nobody reads it, but middleware around this one needs a response to pass on.
                await send({"type": "http.response.start", "status": CLIENT_CLOSED, "headers": []})
                await send({"type": "http.response.body", "body": b""})


class Connection:
    """The connection of one request, as the app sees it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._ahead: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)
        self.open = asyncio.timeout(None)
        self.started = self._complete = False

    async def listen(self) -> None:
        """Read the messages of the server until the client disconnects."""
        while (message := await self._receive())["type"] != "http.disconnect":
            await self._ahead.put(message)
        if not self._complete:
            # A time-out that is due now cancels the app's task alone, and clears the cancellation afterwards.
            self.open.reschedule(asyncio.get_running_loop().time())
        await self._ahead.put(message)

    async def receive(self) -> Message:
        """Receive a message, for the app."""
        message = await self._ahead.get()
        if message["type"] == "http.disconnect":
            self._ahead.put_nowait(message)  # the app may ask again
        return message

    async def send(self, message: Message) -> None:
        """Send a message, for the app."""
        self.started = True
        kind = message["type"]
        self._complete = kind == PATHSEND or (kind == "http.response.body" and not message.get("more_body", False))
        await self._send(message)
