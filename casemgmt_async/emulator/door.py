"""The listening side: a port that can be shut and opened again while it stays ours."""

from __future__ import annotations

import asyncio
import os
import socket
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
        self._listener: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._hang_ups = 0

    async def open(self) -> None:
        """Take the port, if it is not ours yet, and listen, if that is not so yet."""
        if self._listener is not None:
            return
        loop = asyncio.get_running_loop()
        listening = self._socket
        if listening is None:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            listening = self._bind(socket.socket(family, kind, protocol), address)
        self._listener = await loop.create_server(self._connect, sock=listening, backlog=BACKLOG)

    def shut(self) -> None:
        """Stop listening and break all connections; new ones are refused, and the port stays ours."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._listener is None or self._socket is None:
            return
        family, kind, protocol = self._socket.family, self._socket.type, self._socket.proto
        address = self._socket.getsockname()
        self._listener.close()
        self._listener = None
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
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for transport in self._transports():
            transport.abort()
        for _ in range(10):  # the handlers of aborted connections are cancelled in the next turns of the loop
            await asyncio.sleep(0)
        await self._server.shutdown(1)

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
