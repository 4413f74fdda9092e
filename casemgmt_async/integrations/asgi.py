"""Notice that a client hung up, in any ASGI app: FastAPI, Starlette and their like."""

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

CLIENT_CLOSED: Final = 499
"""What proxies log for a client that hung up before the response."""


class CancelOnDisconnect:
    """Cancel the handler of a client that hung up, and with it the upstream call it waits for.

    FastAPI lets a handler run to its end though nobody listens any more. This ASGI middleware reads
    what the server has to say beside the app and cancels the app when that is `http.disconnect`,
    unless the response was complete: background tasks run on. Handlers see an ordinary
    `asyncio.CancelledError`; plain `def` handlers run in a thread and cannot be cancelled. At most
    two messages are read ahead, so a large body that nobody reads hides the hang-up behind it.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        line = _Line(receive, send)
        try:
            async with line.open:
                listener = asyncio.create_task(line.listen())
                try:
                    await self.app(scope, line.hear, line.tell)
                finally:
                    listener.cancel()
                    await asyncio.gather(listener, return_exceptions=True)
        except Exception:
            if not line.open.expired():
                raise
            log.debug("the client of %s hung up", scope["path"], exc_info=True)
            if not line.started:
                # Nobody reads it, but middleware around this one wants a response to pass on.
                await send({"type": "http.response.start", "status": CLIENT_CLOSED, "headers": []})
                await send({"type": "http.response.body", "body": b""})


class _Line:
    """The connection of one request, as the app sees it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._ahead: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)
        self.open = asyncio.timeout(None)
        self.started = self._complete = False

    async def listen(self) -> None:
        """Read beside the app until the client hangs up."""
        while (message := await self._receive())["type"] != "http.disconnect":
            await self._ahead.put(message)
        if not self._complete:
            # A time-out that is due now cancels its own task only, and takes the cancellation back.
            self.open.reschedule(asyncio.get_running_loop().time())
        await self._ahead.put(message)

    async def hear(self) -> Message:
        """Receive, for the app."""
        message = await self._ahead.get()
        if message["type"] == "http.disconnect":
            self._ahead.put_nowait(message)  # once said it stays said
        return message

    async def tell(self, message: Message) -> None:
        """Send, for the app."""
        self.started = True
        self._complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)
