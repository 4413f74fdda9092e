"""Bytes on the wire: whole answers as fast as they go, and every way to break one.

An ordinary response of aiohttp would cost more time than most of our handlers, and cannot be cut short.
So answers are written to the transport here, and aiohttp is told that all is done.
"""

from __future__ import annotations

import functools
import os
import socket
import struct
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from attrs import define

__all__ = ["JSON_API", "Door", "Wire", "encoded", "head", "problem", "reset"]

JSON_API: Final = "application/vnd.api+json"
LINGER: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""On, for no time: closing sends RST."""
WORTH_GZIP: Final = 1024
"""Smaller bodies are sent as they are."""


class Door(Protocol):
    """The listening side, as far as a fault may move it."""

    def refuse(self, seconds: float) -> None:
        """Close all connections, and refuse new ones for so long."""

    def hang_up(self, connections: int) -> None:
        """Reset so many of the next connections as soon as they are made."""


class Written(web.StreamResponse):
    """Tells aiohttp that the answer has been written already."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002 - aiohttp's
        """Do nothing."""
        return None

    async def write_eof(self, data: Any = b"") -> None:
        """Do nothing."""


KEEP: Final = Written(keep_alive=True)
CLOSE: Final = Written(keep_alive=False)


@functools.cache
def status_line(status: int) -> str:
    """The first line of an answer; for a status without a name, only the number."""
    known = HTTPStatus._value2member_map_.get(status)
    return f"HTTP/1.1 {status} {known.phrase if isinstance(known, HTTPStatus) else 'Unknown'}\r\n"


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and the headers, with the empty line that ends them."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{status_line(status)}{lines}\r\n".encode()


def encoded(body: Any) -> bytes:
    """The bytes of a reply's body."""
    if isinstance(body, bytes):
        return body
    return b"" if body is None else msgspec.json.encode(body)


def gzipped(body: bytes) -> bytes:
    """The fastest gzip there is; the same bytes each time."""
    return zlib.compress(body, level=1, wbits=31)


def problem(status: int, detail: str | None = None) -> bytes:
    """An error body in the recorded shape."""
    known = HTTPStatus._value2member_map_.get(status)
    error = {"status": str(status), "title": known.phrase if isinstance(known, HTTPStatus) else "Unknown"}
    return encoded({"errors": [error if detail is None else {**error, "detail": detail}]})


def reset(transport: Any) -> None:
    """Break a connection with RST rather than FIN, dropping what is not sent yet."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    transport.abort()


@define(eq=False)
class Wire:
    """Our end of one exchange."""

    request: web.BaseRequest
    """What aiohttp parsed."""
    door: Door
    """The listening side."""
    headers: dict[str, str]
    """Headers that every answer to this request has."""
    status: int | None = None
    """The status that went out, None while none did."""
    whole: bool = False
    """Whether an answer went out whole and sound."""
    response: web.StreamResponse = CLOSE
    """What aiohttp is told at the end."""

    def send(self, status: int, body: bytes, headers: Mapping[str, str], media_type: str = JSON_API) -> None:
        """Send a whole answer."""
        lines = {"Content-Type": media_type, **self.headers, **headers} if body else {**self.headers, **headers}
        if len(body) >= WORTH_GZIP and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            body = gzipped(body)
            lines["Content-Encoding"] = "gzip"
        if status != 204:
            lines["Content-Length"] = str(len(body))
        if not self.keep():
            lines["Connection"] = "close"
        self.begin(status, lines, b"" if self.request.method == "HEAD" else body)
        self.whole = True

    def keep(self) -> bool:
        """Keep the connection open for another request, if the client wishes; tells whether it does."""
        self.response = KEEP if self.request.keep_alive else CLOSE
        return self.response is KEEP

    def begin(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send the head of an answer as it is given, and the first bytes of its body."""
        self.status = status
        self.write(head(status, headers) + body)

    def write(self, data: bytes) -> None:
        """Send more bytes; when the client has gone, they go nowhere."""
        transport = self.request.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def reset(self) -> None:
        """Break the connection with RST."""
        if self.request.transport is not None:
            reset(self.request.transport)
