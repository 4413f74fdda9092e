"""One request sent once: what came back, or what went wrong and whether anything had left the machine.

aiohttp sends idempotent requests a second time by itself when a connection breaks. A middleware, which runs
around each single send, tells the two apart exactly: it counts the send, and hands a broken connection on as an
error that aiohttp does not resend for. It also works inside an `aiohttp.ClientSession` that we were handed.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from attrs import field, frozen
from multidict import CIMultiDict, istr
from yarl import URL

from casemgmt_async.errors import (
    CaseManagementError,
    ConfigurationError,
    ConnectionFailedError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from casemgmt_async.routes import Replay, Route

__all__ = ["RawResponse", "Request", "SendTracker", "send"]

_LENGTH: Final = hdrs.CONTENT_LENGTH
_ENCODING: Final = hdrs.CONTENT_ENCODING
_CHUNKED: Final = istr("Transfer-Encoding")
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=15.0)
"""Of making one connection; the time of the whole attempt is for the caller to keep."""
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]").findall
_NO_TYPE: Final = ("Content-Type",)
_NOTHING_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


@frozen
class RawResponse:
    """An answer as it came: for what the typed operations do not cover."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The headers; names are looked up in any case."""
    body: bytes = field(repr=False)
    """The body, whole and decompressed."""

    @property
    def is_framed(self) -> bool:
        """Whether the answer said where its body ends; without that, one cut short looks whole."""
        return _LENGTH in self.headers or _CHUNKED in self.headers or self.status == 204


@frozen
class Request:
    """What is to be sent, and what is to come back."""

    route: Route
    replay: Replay
    url: URL
    body: bytes | None
    due: bool
    """Whether a success must have a body."""


class _DroppedError(Exception):
    """A broken connection, in a form that aiohttp does not send again for."""


class SendTracker:
    """What is known of one call's sends, kept exact by running around each of them."""

    __slots__ = ("_entered", "attempts", "sends", "sent")

    def __init__(self) -> None:
        self.attempts = 0
        """How many attempts were begun."""
        self.sends = 0
        """How many requests have left the machine, or may have."""
        self.sent = False
        """Whether the current attempt is one of them."""
        self._entered = False

    def begin(self) -> None:
        """Start another attempt."""
        self.attempts += 1
        self.sent = self._entered = False

    def failed(self, error: BaseException) -> None:
        """Take note of an attempt that ended without an answer."""
        if not self._entered and not isinstance(error, _NOTHING_SENT):  # no middleware ran: a double of aiohttp
            self._count()

    def _count(self) -> None:
        self.sends += 1
        self.sent = True

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        self._entered = True
        try:
            return await handler(request)
        except _NOTHING_SENT:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise _DroppedError from error
        finally:
            if getattr(request, "response", request) is not None:  # set once the request is handed to the socket
                self._count()


async def send(
    client: aiohttp.ClientSession,
    flight: SendTracker,
    order: Request,
    headers: CIMultiDict[str],
    *,
    max_body: int,
    options: Mapping[str, Any],
) -> RawResponse:
    """Send one request once and read its answer; raise a `TransportError` where none came."""
    if order.body is None and order.route.method != "GET":
        options = {**options, "skip_auto_headers": _NO_TYPE}
    # Middlewares given with a request replace those of the session, so a handed-in session's own come first.
    around = (*getattr(client, "_middlewares", ()), flight)
    try:
        response = await client.request(
            order.route.method,
            order.url,
            data=order.body,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            middlewares=around,
            timeout=_TIMEOUT,
            **options,
        )
        try:
            content = await _read(response, max_body)
        except BaseException:
            response.close()
            raise
        response.release()
        return RawResponse(response.status, response.headers, content)
    except CaseManagementError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever aiohttp and a handed-in session's middlewares may raise
        flight.failed(error)
        raise _translated(error, flight, order.url) from _cause(error)


async def _read(response: aiohttp.ClientResponse, cap: int) -> bytes:
    content = response.content
    chunks = [await content.readany()]
    size = len(chunks[0])
    while size <= cap and (chunk := await content.readany()):
        size += len(chunk)
        chunks.append(chunk)
    if size > cap:
        raise ResponseTooLargeError(f"the answer is over {cap} bytes")
    raw = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = response.headers.get(_ENCODING)
    return raw if encoding is None else _decompressed(raw, encoding.strip().lower(), cap)


def _decompressed(raw: bytes, encoding: str, cap: int) -> bytes:
    if encoding in {"identity", ""} or not raw:
        return raw
    if encoding not in {"gzip", "x-gzip"}:
        raise ConnectionFailedError("the answer is compressed in a way that was not asked for")
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = decoder.decompress(raw, cap + 1)
    except zlib.error as error:
        raise ConnectionFailedError("the compressed answer is damaged") from error
    if len(body) > cap:
        raise ResponseTooLargeError(f"the answer is over {cap} bytes, decompressed")
    if not decoder.eof:
        raise ConnectionFailedError("the compressed answer is cut short")
    return body


def _translated(error: Exception, flight: SendTracker, url: URL) -> CaseManagementError:
    if isinstance(error, TimeoutError):
        return RequestTimeoutError("no answer within the time of one attempt")
    if isinstance(error, aiohttp.ClientConnectorError):
        proxied = isinstance(error, aiohttp.ClientProxyConnectionError)
        where = f"the proxy {error.host}:{error.port}" if proxied else url.origin()
        return ConnectionFailedError(f"could not connect to {where}: {_obstacle(error)}")
    if flight.sent:
        return ConnectionFailedError("the connection broke before the answer was whole")
    if isinstance(error, (_DroppedError, aiohttp.ClientError, OSError)):
        return ConnectionFailedError("the connection broke before anything was sent")
    return ConfigurationError(f"the client session cannot send this request: {type(error).__name__}")


def _obstacle(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "it does not speak TLS as it should"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name is not known"
    # Where several addresses were tried, their errors are only to be found in the text.
    numbers = [error.errno] if error.errno else [int(found) for found in _ERRNO(str(error.os_error))]
    return ", ".join(dict.fromkeys(os.strerror(number).lower() for number in numbers)) or type(error).__name__


def _cause(error: Exception) -> BaseException:
    # These two hold nothing of their own: the cause says what happened. An aiohttp.ClientResponseError moreover
    # carries the headers of the request.
    hollow = isinstance(error, (_DroppedError, aiohttp.ClientResponseError))
    return error.__cause__ if hollow and error.__cause__ is not None else error
