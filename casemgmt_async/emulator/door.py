"""The listening side: a port that can be shut and opened again while it stays ours."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aiohttp import web

from casemgmt_async.emulator.wire import reset

__all__ = ["Door"]

BACKLOG: Final = 1024


class HangUp(asyncio.Protocol):
    """Resets a connection as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reset(transport)


class Door:
    """Lets connections in to a server of aiohttp, or keeps them out."""

    def __init__(self, server: web.Server, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._server = server
        self._socket: socket.socket | None = None
        self._stop: Callable[[], object] | None = None
        """Ends listening; None while the door is shut."""
        self._arriving: set[asyncio.Task[Any]] = set()
        self._reopening: asyncio.Task[None] | None = None
        self._hang_ups = 0

    async def open(self) -> None:
        """Take the port, if it is not ours yet, and listen, if that is not so yet."""
        if self._stop is not None:
            return
        loop = asyncio.get_running_loop()
        listening = self._socket
        if listening is None:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            listening = self._bind(socket.socket(family, kind, protocol), address)
        listening.setblocking(False)
        listening.listen(BACKLOG)
        try:
            # a server of asyncio, closed while a connection arrives, would leave that one open for ever
            loop.add_reader(listening, self._accept, listening)
        except NotImplementedError:  # Windows has no readers, and no such gap either
            server = await loop.create_server(self._connect, sock=listening, backlog=BACKLOG)
            self._stop = server.close
        else:
            self._stop = partial(loop.remove_reader, listening)

    def shut(self) -> None:
        """Stop listening and break all connections; new ones are refused, and the port stays ours."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._stop is None or self._socket is None:
            return
        family, kind, protocol = self._socket.family, self._socket.type, self._socket.proto
        address = self._socket.getsockname()
        self._stop_listening()
        # bound but not listening: connections are refused, and no one else gets the port
        self._bind(socket.socket(family, kind, protocol), address)
        for transport in self._transports():
            reset(transport)

    def refuse(self, seconds: float) -> None:
        """Shut for so long."""
        self.shut()
        self._reopening = asyncio.get_running_loop().create_task(self._open_after(seconds))

    def hang_up(self, connections: int) -> None:
        """Reset so many of the next connections as soon as they are made."""
        self._hang_ups += connections

    async def close(self) -> None:
        """Give the port back and end everything that is still going on, at once."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        self._stop_listening()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        for transport in self._transports():
            transport.abort()
        for _ in range(10):  # the handlers of aborted connections are cancelled in the next turns of the loop
            await asyncio.sleep(0)
        await self._server.shutdown(1)

    def _stop_listening(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _accept(self, listening: socket.socket) -> None:
        """Take a connection that has come."""
        try:
            connection, _ = listening.accept()
        except OSError:  # it has gone already
            return
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(self._connect, connection))
        self._arriving.add(task)
        task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        self._arriving.discard(task)
        if not task.cancelled() and task.exception() is None and self._stop is None:
            reset(task.result()[0])  # the door was shut meanwhile

    async def _open_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.open()

    def _bind(self, fresh: socket.socket, address: Any) -> socket.socket:
        try:
            if os.name == "posix":  # elsewhere the option lets others steal the port
                fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            fresh.bind(address)
        except OSError:
            fresh.close()
            raise
        self._socket = fresh
        self.port = fresh.getsockname()[1]
        return fresh

    def _connect(self) -> asyncio.BaseProtocol:
        if self._hang_ups:
            self._hang_ups -= 1
            return HangUp()
        return self._server()

    def _transports(self) -> list[Any]:
        return [connection.transport for connection in self._server.connections if connection.transport is not None]
