"""Send one request once: return its answer, or say what went wrong and whether anything was sent.

aiohttp resends idempotent requests on its own when a connection breaks. `SendTracker` is an aiohttp middleware, which
runs around each single send. It records whether something was sent, and replaces the exception of a broken connection
by one for which aiohttp does not resend. It also works inside an `aiohttp.ClientSession` that the user passed.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from attrs import define, field
from multidict import CIMultiDict, istr
from yarl import URL

from casemgmt_async.errors import (
    CaseManagementError,
    ConnectionFailedError,
    RequestTimeoutError,
    TransportError,
)
from casemgmt_async.routes import Replay, Route
from casemgmt_async.transport.body import read_body
from casemgmt_async.transport.rate_limit import RateLimit, read_rate_limit
from casemgmt_async.transport.turns import Turns
from casemgmt_async.transport.user_code import UserCodeError, find_user_error

__all__ = ["RawResponse", "Request", "SendTracker", "send"]

CONTENT_LENGTH: Final = hdrs.CONTENT_LENGTH
TRANSFER_ENCODING: Final = istr("Transfer-Encoding")
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=15.0)
"""Bounds the connect only; the caller of `send` bounds the whole attempt."""
ERRNO: Final = re.compile(r"\[Errno (\d+)\]").findall
NO_CONTENT_TYPE: Final = ("Content-Type",)
NOTHING_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Exceptions of aiohttp that are raised before the request reaches a socket."""


@define
class RawResponse:
    """An answer as it was received."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The headers; look-up ignores the case of names."""
    body: bytes = field(repr=False)
    """The body, complete and decompressed."""

    @property
    def is_framed(self) -> bool:
        """Whether the answer said where its body ends; without that, a body cut short looks complete."""
        return CONTENT_LENGTH in self.headers or TRANSFER_ENCODING in self.headers or self.status == 204

    @property
    def rate_limit(self) -> RateLimit:
        """The rate limit that the headers report; each value is None if they do not."""
        return read_rate_limit(self.headers, time.time)


@define(eq=False)
class Request:
    """What to send, and what to expect."""

    route: Route
    replay: Replay
    ids: tuple[str, ...]
    """The ids in the path, in the order of `route.parameters`."""
    url: URL
    body: bytes | None = field(repr=False)
    expects_body: bool
    """Whether a success must have a body."""
    answer: Any = None
    """The type of the answer."""


class DroppedConnectionError(Exception):
    """Replaces the exception of a broken connection; aiohttp does not resend for it."""


class SendTracker:
    """Counts the attempts of one call, and says whether the current one sent its request; a middleware of aiohttp."""

    attempts = 0
    """Attempts that were started."""
    sent = False
    """Whether the current attempt sent its request, or may have."""
    _entered = False

    def begin(self) -> None:
        """Start another attempt."""
        self.attempts += 1
        self.sent = self._entered = False

    def record_failure(self, error: BaseException) -> None:
        """Record an attempt that ended without an answer."""
        if not self._entered and not isinstance(error, NOTHING_SENT):  # no middleware ran: a test double of aiohttp
            self.sent = True

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        self._entered = True
        try:
            return await handler(request)
        except NOTHING_SENT:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise DroppedConnectionError from error
        finally:
            if getattr(request, "response", request) is not None:  # aiohttp sets it when it writes to the socket
                self.sent = True


async def send(
    client: aiohttp.ClientSession,
    tracker: SendTracker,
    request: Request,
    headers: CIMultiDict[str],
    *,
    max_body: int,
    turns: Turns,
    options: Mapping[str, Any],
) -> RawResponse:
    """Send one request once and read its answer; raise a `TransportError` if no complete answer arrives."""
    if request.body is None and request.route.method != "GET":
        options = {**options, "skip_auto_headers": NO_CONTENT_TYPE}
    # Middlewares of a request replace those of the client session, so pass on those of a session of the user's.
    middlewares = (*getattr(client, "_middlewares", ()), tracker)
    try:
        response = await client.request(
            request.route.method,
            request.url,
            data=request.body,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            middlewares=middlewares,
            timeout=TIMEOUT,
            **options,
        )
        try:
            body = await read_body(response, max_body, turns)
        except BaseException:
            response.close()
            raise
        if not response.closed:  # nearly always, the end of the body has released the connection
            response.release()
        return RawResponse(response.status, response.headers, body)
    except CaseManagementError:
        raise
    except Exception as error:
        if user_error := find_user_error(error):
            raise UserCodeError(user_error) from error
        tracker.record_failure(error)
        failure = translated(error, tracker, request.url)
        failure.__cause__ = safe_cause(error)
    raise failure  # outside of the `except`, so that it has no context that could show credentials


def translated(error: Exception, tracker: SendTracker, url: URL) -> TransportError:
    """The error of ours for an exception of aiohttp."""
    if isinstance(error, TimeoutError):
        return RequestTimeoutError("no answer within the time of one attempt")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return ConnectionFailedError(f"the proxy refused the connection with status {error.status}")
    if isinstance(error, aiohttp.ClientConnectorError):
        proxied = isinstance(error, aiohttp.ClientProxyConnectionError)
        target = f"the proxy {error.host}:{error.port}" if proxied else url.origin()
        return ConnectionFailedError(f"could not connect to {target}: {connect_problem(error)}")
    if isinstance(error, aiohttp.ClientResponseError):
        return ConnectionFailedError("the answer is not valid HTTP")
    if tracker.sent:
        return ConnectionFailedError("the connection broke before the answer was complete")
    return ConnectionFailedError("the connection broke before the request was sent")


def connect_problem(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection could be made, in a few words."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "the TLS handshake failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host name cannot be resolved"
    # If several addresses were tried, only the text of the error names their errors.
    numbers = [error.errno] if error.errno else [int(found) for found in ERRNO(str(error.os_error))]
    return ", ".join(dict.fromkeys(os.strerror(number).lower() for number in numbers)) or type(error).__name__


def safe_cause(error: Exception) -> BaseException | None:
    """The exception to chain, or None for one that may show credentials.

    Other exceptions of aiohttp hold the headers of the request, or quote an answer, which may repeat them.
    """
    cause = error.__cause__ if isinstance(error, DroppedConnectionError) else error
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        is_safe = isinstance(cause.message, str)
    else:
        is_safe = isinstance(cause, OSError | TimeoutError)
    if cause is None or not is_safe:
        return None
    cause.__cause__ = cause.__cause__ if isinstance(cause.__cause__, OSError) else None
    cause.__context__ = cause.__cause__
    return cause
