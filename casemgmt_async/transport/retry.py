"""Whether a failed attempt is made again, and when. The only importer of backoff."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

import backoff
from attrs import Attribute, Factory, field, frozen

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.routes import Replay
from casemgmt_async.transport.classify import FailureKind

__all__ = ["DECISIONS", "RetryBudget", "RetryPolicy", "Step"]


class Step(enum.Enum):
    """What follows a failed attempt."""

    AGAIN = "again"
    """Send the request again, if time, attempts and the retry budget allow."""
    RAISE = "raise"
    """Raise the error."""
    UNKNOWN = "unknown"
    """Raise `OutcomeUnknownError`: it may have happened, and sending it again could make it happen twice."""


_AGAIN, _RAISE, _UNKNOWN = Step.AGAIN, Step.RAISE, Step.UNKNOWN

DECISIONS: Final[Mapping[FailureKind, Mapping[Replay, Step]]] = {
    fault: dict(zip((Replay.READ, Replay.SET, Replay.CREATE), steps, strict=True))
    for fault, steps in {
        FailureKind.NOT_SENT: (_AGAIN, _AGAIN, _AGAIN),
        FailureKind.LIMITED: (_AGAIN, _AGAIN, _AGAIN),
        FailureKind.FAILED: (_AGAIN, _AGAIN, _UNKNOWN),
        FailureKind.LOST: (_AGAIN, _AGAIN, _UNKNOWN),
        FailureKind.UNREADABLE: (_RAISE, _RAISE, _UNKNOWN),
        FailureKind.REFUSED: (_RAISE, _RAISE, _RAISE),
    }.items()
}
"""What went wrong x what a lost answer allows -> what to do."""


def _over_zero(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise InvalidArgumentError(attribute.name, "must be over 0")


def _at_least(least: int) -> Callable[[object, Attribute[Any], float], None]:
    def check(_: object, attribute: Attribute[Any], value: float) -> None:
        if not value >= least:
            raise InvalidArgumentError(attribute.name, f"must be at least {least}")

    return check


def _schedule(policy: RetryPolicy) -> tuple[float, ...]:
    waits = backoff.expo(base=2, factor=policy.initial_backoff, max_value=policy.max_backoff)
    return tuple(islice((wait for wait in waits if wait is not None), min(policy.attempts, 64)))


@frozen
class RetryPolicy:
    """How often and how patiently a call is tried."""

    attempts: int = field(default=5, validator=_at_least(1))
    """Attempts at most; those that the service itself put off with a 429 and a time do not count."""
    initial_backoff: float = field(default=0.2, validator=_over_zero)
    """The longest wait after the first failure, in seconds; it doubles from one to the next."""
    max_backoff: float = field(default=20.0, validator=_over_zero)
    """The longest wait of our own choosing, in seconds; each is drawn at random below its longest."""
    max_retry_after: float = field(default=120.0, validator=_at_least(0))
    """The longest wait of the service's choosing, in seconds; where it asks for more, its error is raised at once."""
    attempt_timeout: float | None = field(default=60.0, validator=_over_zero)
    """Seconds for one attempt, after which it counts as lost; None leaves it to the deadline of the call."""
    _longest: tuple[float, ...] = field(default=Factory(_schedule, takes_self=True), init=False, repr=False, eq=False)

    def longest_wait(self, attempt: int) -> float:
        """The longest wait after so many failed attempts."""
        return self._longest[min(attempt, len(self._longest)) - 1]


class RetryBudget:
    """Keeps the retries of all calls together in proportion to their successes.

    While things work, every call may be tried again. In an outage the tokens run out, and each call is sent once
    instead of five times, until successes fill the bucket again.
    """

    __slots__ = ("_capacity", "_refill", "tokens")

    def __init__(self, capacity: float = 100.0, refill: float = 0.5) -> None:
        self._capacity = capacity
        self._refill = refill
        self.tokens = capacity

    def take(self) -> bool:
        """Pay for a retry; False where there is nothing left to pay with."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def succeeded(self) -> None:
        """Put back what a success is worth."""
        if self.tokens < self._capacity:
            self.tokens = min(self._capacity, self.tokens + self._refill)
