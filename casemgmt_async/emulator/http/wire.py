"""Writes answers to the socket: complete ones fast, and broken ones byte by byte.

An aiohttp response costs more CPU time than most handlers, and cannot be cut short. Answers are therefore written to
the transport here, and aiohttp gets a response object that writes nothing.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from attrs import define

from casemgmt_async.emulator.http.listener import Listener, reset

__all__ = ["JSON_API", "ResponseWriter", "encoded", "error_body", "gzipped", "head", "http_date"]

JSON_API: Final = "application/vnd.api+json"
MIN_GZIP_SIZE: Final = 1024
"""Smaller bodies are sent uncompressed."""


class WrittenResponse(web.StreamResponse):
    """A response that is already written; aiohttp writes nothing more."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002 - aiohttp's
        """Do nothing."""
        return None

    async def write_eof(self, data: Any = b"") -> None:
        """Do nothing."""


KEEP: Final = WrittenResponse(keep_alive=True)
CLOSE: Final = WrittenResponse(keep_alive=False)
PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


@functools.cache
def status_line(status: int) -> str:
    """The first line of an answer."""
    return f"HTTP/1.1 {status} {PHRASES.get(status, 'Unknown')}\r\n"


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line, the headers, and the empty line after them."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{status_line(status)}{lines}\r\n".encode()


@functools.lru_cache(maxsize=8)
def http_date(seconds: int) -> str:
    """A time in Unix seconds, as the `Date` header gives it."""
    return formatdate(seconds, usegmt=True)


def encoded(body: Any) -> bytes:
    """The body of a reply as bytes."""
    if isinstance(body, bytes):
        return body
    return b"" if body is None else msgspec.json.encode(body)


def gzipped(body: bytes) -> bytes:
    """Compress with gzip at the fastest level. The same input always gives the same bytes."""
    return zlib.compress(body, level=1, wbits=31)


def error_body(status: int, detail: str | None = None) -> bytes:
    """An error body in the recorded shape."""
    error = {"status": str(status), "title": PHRASES.get(status, "Unknown")}
    return encoded({"errors": [error if detail is None else {**error, "detail": detail}]})


@define(eq=False)
class ResponseWriter:
    """Writes the answer to one request."""

    request: web.BaseRequest
    """The request, as aiohttp parsed it."""
    listener: Listener
    """The listener that accepted the connection."""
    headers: dict[str, str]
    """Headers of all answers to this request."""
    exhausted: Callable[[], Mapping[str, str]] = dict
    """Makes the rate-limit headers of a 429."""
    status: int | None = None
    """The status that was sent; None until then."""
    complete: bool = False
    """Whether an answer was sent complete and intact."""
    response: web.StreamResponse = CLOSE
    """The response object for aiohttp."""

    def send(self, status: int, body: bytes, headers: Mapping[str, str], media_type: str = JSON_API) -> None:
        """Send a complete answer."""
        lines = {"Content-Type": media_type, **self.headers, **headers} if body else {**self.headers, **headers}
        if len(body) >= MIN_GZIP_SIZE and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            body = gzipped(body)
            lines["Content-Encoding"] = "gzip"
        if status != 204:
            lines["Content-Length"] = str(len(body))
        if not self.keep():
            lines["Connection"] = "close"
        self.begin(status, lines, b"" if self.request.method == "HEAD" else body)
        self.complete = True

    def keep(self) -> bool:
        """Keep the connection open if the client asks for it; returns whether it stays open."""
        self.response = KEEP if self.request.keep_alive else CLOSE
        return self.response is KEEP

    def begin(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send the status line, exactly these headers, and the first bytes of the body."""
        self.status = status
        self.write(head(status, headers) + body)

    def write(self, data: bytes) -> None:
        """Send bytes. Does nothing if the client has gone."""
        transport = self.request.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def reset(self) -> None:
        """End the connection with RST."""
        if self.request.transport is not None:
            reset(self.request.transport)
