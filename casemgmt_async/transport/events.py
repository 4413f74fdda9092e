"""What happens to a call, as typed events and as lines of the `casemgmt_async` logger.

An event is made only if there is a listener or the logger is enabled. No event holds a key, a token or a header that
the session sets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from casemgmt_async.routes import Route

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
        """Call every listener, then write the log. A listener that raises is logged; the others are still called."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
        write_log(event)


def write_log(event: Event) -> None:
    """Write an event as one line of the log."""
    name, call = event.route.name, event.call
    match event:
        case RequestStarted():
            log.debug("call %d: %s, attempt %d", call, name, event.attempt)
        case ResponseReceived():
            log.debug("call %d: %s answered %d in %.3f s", call, name, event.status, event.elapsed)
        case RetryScheduled():
            log.info("call %d: %s retries in %.3f s: %s", call, name, event.wait, event.error)
        case RateLimited():
            log.info("call %d: %s waits %.3f s for the rate limit", call, name, event.wait)
        case CallSucceeded():
            log.debug("call %d: %s succeeded after %d attempts", call, name, event.attempts)
        case CallFailed():
            kind = type(event.error).__name__
            log.info("call %d: %s failed after %d attempts: %s: %s", call, name, event.attempts, kind, event.error)
