"""What happens to a call, as typed events and as lines of the `casemgmt_async` logger.

An event is made only if there is a listener or the logger is enabled. No event holds a key, a token or a header that
the session sets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from attrs import field, frozen
from yarl import URL

from casemgmt_async.routes import Route
from casemgmt_async.transport.user_code import UserCodeError

__all__ = [
    "CallFailed",
    "CallSucceeded",
    "Event",
    "Events",
    "Listener",
    "RateLimited",
    "RequestStarted",
    "ResponseReceived",
    "RetryScheduled",
]

log: Final = logging.getLogger("casemgmt_async")
log.addHandler(logging.NullHandler())


@frozen
class RequestStarted:
    """A request is about to be sent."""

    call: int
    """The number of the call in its session; all events of one call share it."""
    route: Route
    """The operation."""
    attempt: int
    """The number of the attempt, from 1."""
    url: str
    """The URL, with ids and query."""
    headers: dict[str, str] = field(factory=dict, eq=False)
    """Extra headers, empty at first: a listener may add some, such as `traceparent`."""


@frozen
class ResponseReceived:
    """An answer was read."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempt: int
    """The number of the attempt, from 1."""
    status: int
    """The HTTP status."""
    elapsed: float
    """Seconds since the attempt started."""
    size: int
    """Bytes of the body, decompressed."""
    request_id: str | None = None
    """The service's id of the request; None if it sent none."""


@frozen
class RetryScheduled:
    """An attempt failed, and another one will be made."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempt: int
    """The number of the attempt that failed, from 1."""
    wait: float
    """Seconds until the next attempt."""
    error: Exception
    """The error of the attempt that failed."""


@frozen
class RateLimited:
    """The rate limit delays a call: the service answered 429, or its headers said that it would."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempt: int
    """The number of the attempt that is delayed, from 1."""
    wait: float
    """Seconds: those that the service asked for, or those until the rate limit may allow the request."""
    answered: bool
    """True after a 429; False if the request was held back to avoid one."""


@frozen
class CallSucceeded:
    """A call ended with a result."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempts: int
    """The number of attempts."""
    elapsed: float
    """Seconds since the call started."""


@frozen
class CallFailed:
    """A call ended without a result."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempts: int
    """The number of attempts."""
    elapsed: float
    """Seconds since the call started."""
    error: BaseException
    """The exception that the caller gets; `asyncio.CancelledError` if the call was cancelled."""


Event = RequestStarted | ResponseReceived | RetryScheduled | RateLimited | CallSucceeded | CallFailed
Listener = Callable[[Event], object]
"""Called with every event, in the event loop: it must return quickly and must not block."""


class Events:
    """The listeners of a session, and its log."""

    __slots__ = ("_listeners",)

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> None:
        """Call `listener` with every event from now on."""
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        """Stop calling `listener`; does nothing if it was not added."""
        self._listeners = tuple(each for each in self._listeners if each is not listener and each != listener)

    def __bool__(self) -> bool:
        return bool(self._listeners) or log.isEnabledFor(logging.INFO)

    def emit(self, event: Event) -> None:
        """Write the log and call every listener; then raise the first exception of a listener as `UserCodeError`."""
        write_log(event)
        errors = []
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - raised below, when the other listeners have been called
                errors.append(error)
        if errors:
            raise UserCodeError(errors[0]) from errors[0]


def write_log(event: Event) -> None:
    """Write an event as one line of the log."""
    start = (event.call, event.route.name)
    match event:
        case RequestStarted() if log.isEnabledFor(logging.DEBUG):
            target = URL(event.url).raw_path_qs
            log.debug("call %d: %s: %s %s, attempt %d", *start, event.route.method, target, event.attempt)
        case ResponseReceived():
            log.debug(
                "call %d: %s: attempt %d answered %d, %d bytes in %.3f s, request id %s",
                *(*start, event.attempt, event.status, event.size, event.elapsed, event.request_id or "none"),
            )
        case RetryScheduled():
            text = "call %d: %s: attempt %d failed, next one in %.3f s: %s"
            log.info(text, *start, event.attempt, event.wait, one_line(event.error))
        case RateLimited():
            reason = "the service answered 429" if event.answered else "the rate limit would be exceeded"
            log.info("call %d: %s: attempt %d waits %.3f s, because %s", *start, event.attempt, event.wait, reason)
        case CallSucceeded():
            log.debug("call %d: %s: succeeded in %.3f s with %d attempts", *start, event.elapsed, event.attempts)
        case CallFailed():
            kind, text = type(event.error).__name__, "call %d: %s: failed in %.3f s with %d attempts: %s: %s"
            log.info(text, *start, event.elapsed, event.attempts, kind, one_line(event.error))


def one_line(error: BaseException) -> str:
    """Return the text of an error without line breaks: it may quote an HTML page of a proxy."""
    return " ".join(str(error).split())
