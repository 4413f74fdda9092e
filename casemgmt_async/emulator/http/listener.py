"""The listening socket. It can be closed and opened again without losing its port."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aiohttp import web

__all__ = ["Listener", "reset"]

BACKLOG: Final = 1024
LINGER: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""SO_LINGER on, with a time of zero: closing sends RST instead of FIN."""


def reset(transport: Any) -> None:
    """End a connection with RST, dropping what is not sent yet."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    transport.abort()


class HangUp(asyncio.Protocol):
    """Resets a connection as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reset(transport)


class Listener:
    """Accepts connections for an aiohttp server, or refuses them."""

    def __init__(self, server: web.Server, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._server = server
        self._socket: socket.socket | None = None
        self._stop: Callable[[], object] | None = None
        """Stops listening; None while connections are refused."""
        self._accepting: set[asyncio.Task[Any]] = set()
        self._reopening: asyncio.Task[None] | None = None
        self._hang_ups = 0

    async def open(self) -> None:
        """Bind the port if it is not bound yet, and start to listen. Does nothing if already listening."""
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
            # not loop.create_server: closing that while a connection arrives leaves the connection open forever
            loop.add_reader(listening, self._accept, listening)
        except NotImplementedError:  # Windows has no add_reader, and not this problem either
            server = await loop.create_server(self._connect, sock=listening, backlog=BACKLOG)
            self._stop = server.close
        else:
            self._stop = partial(loop.remove_reader, listening)

    def shut(self) -> None:
        """Stop listening and reset all connections. New connections are refused; the port stays bound."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._stop is None or self._socket is None:
            return
        family, kind, protocol = self._socket.family, self._socket.type, self._socket.proto
        address = self._socket.getsockname()
        self._stop_listening()
        # bound but not listening: connections are refused, and no other process can take the port
        self._bind(socket.socket(family, kind, protocol), address)
        for transport in self._transports():
            reset(transport)

    def refuse(self, seconds: float) -> None:
        """Refuse connections for a number of seconds."""
        self.shut()
        self._reopening = asyncio.get_running_loop().create_task(self._open_after(seconds))

    def hang_up(self, connections: int) -> None:
        """Reset this many of the next connections as soon as they are made."""
        self._hang_ups += connections

    async def close(self) -> None:
        """Release the port and end all connections and running requests at once."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        self._stop_listening()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for transport in self._transports():
            transport.abort()
        for _ in range(10):  # the handlers of aborted connections are cancelled in the next iterations of the loop
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
        try:
            connection, _ = listening.accept()
        except OSError:  # the client has already gone
            return
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(self._connect, connection))
        self._accepting.add(task)
        task.add_done_callback(self._accepted)

    def _accepted(self, task: asyncio.Task[Any]) -> None:
        self._accepting.discard(task)
        if not task.cancelled() and task.exception() is None and self._stop is None:
            reset(task.result()[0])  # the listener was shut in the meantime

    async def _open_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.open()

    def _bind(self, fresh: socket.socket, address: Any) -> socket.socket:
        try:
            if os.name == "posix":  # on Windows the option lets other processes steal the port
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
