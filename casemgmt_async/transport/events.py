"""What happens to a call, told as typed events and as lines of the `casemgmt_async` logger.

An event is made only when somebody listens. No event holds a key or a token, nor a header of ours.
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
    """Which attempt of the call this is, from 1."""
    url: str
    """Where it goes, with the ids and the query."""
    headers: dict[str, str] = field(factory=dict, eq=False)
    """Headers to send along, empty at first: a listener may put some in, such as `traceparent`."""


@frozen
class ResponseReceived:
    """A request has been answered, and the answer read."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempt: int
    """Which attempt of the call this is, from 1."""
    status: int
    """The HTTP status."""
    elapsed: float
    """Seconds from the start of the attempt."""
    size: int
    """Bytes of the body, decompressed."""


@frozen
class RetryScheduled:
    """An attempt failed, and another will be made."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempt: int
    """Which attempt failed, from 1."""
    wait: float
    """Seconds until the next."""
    error: Exception
    """What was wrong with this one."""


@frozen
class RateLimited:
    """The service's rate limit holds a call up: it answered 429, or its headers said that it would."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempt: int
    """Which attempt is held up, from 1."""
    wait: float
    """Seconds that the service asked for; for a call held back, those until its budget may be free again."""
    answered: bool
    """True for a 429, False for a request held back to avoid one."""


@frozen
class CallSucceeded:
    """A call ended with a result."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempts: int
    """How many attempts were made."""
    elapsed: float
    """Seconds from the start of the call."""


@frozen
class CallFailed:
    """A call ended without a result."""

    call: int
    """The number of the call in its session."""
    route: Route
    """The operation."""
    attempts: int
    """How many attempts were made."""
    elapsed: float
    """Seconds from the start of the call."""
    error: BaseException
    """What the caller gets; `asyncio.CancelledError` where the call was cancelled."""


Event = RequestStarted | ResponseReceived | RetryScheduled | RateLimited | CallSucceeded | CallFailed
Listener = Callable[[Event], object]
"""Is called with every event, in the event loop: it must be quick and must not block."""


class Events:
    """Those who listen to a session."""

    __slots__ = ("_listeners",)

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> None:
        """Call `listener` with every event from now on."""
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        """Stop calling `listener`; one that was never added is no error."""
        self._listeners = tuple(each for each in self._listeners if each is not listener and each != listener)

    def __bool__(self) -> bool:
        return bool(self._listeners) or log.isEnabledFor(logging.INFO)

    def emit(self, event: Event) -> None:
        """Tell everybody; a listener that fails is logged and harms nobody else."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
        _log(event)


def _log(event: Event) -> None:
    name, call = event.route.name, event.call
    match event:
        case RequestStarted():
            log.debug("call %d: %s, attempt %d", call, name, event.attempt)
        case ResponseReceived():
            log.debug("call %d: %s answered %d in %.3f s", call, name, event.status, event.elapsed)
        case RetryScheduled():
            log.info("call %d: %s again in %.3f s: %s", call, name, event.wait, event.error)
        case RateLimited():
            log.info("call %d: %s held up by the rate limit for %.3f s", call, name, event.wait)
        case CallSucceeded():
            log.debug("call %d: %s ended after %d attempts", call, name, event.attempts)
        case CallFailed():
            kind = type(event.error).__name__
            log.info("call %d: %s gave up after %d attempts: %s: %s", call, name, event.attempts, kind, event.error)
