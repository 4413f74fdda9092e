"""Whether a failed attempt is repeated, and after what wait. The only importer of backoff."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from attrs import Attribute, field, frozen

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.routes import Replay
from casemgmt_async.transport.classify import FailureKind

__all__ = ["DECISIONS", "Decision", "RetryBudget", "RetryPolicy", "is_number"]


class Decision(enum.Enum):
    """What to do after a failed attempt."""

    RETRY = "retry"
    """Send the request again, if the deadline, the number of attempts and the retry budget allow it."""
    RAISE = "raise"
    """Raise the error."""
    UNKNOWN = "unknown"
    """Raise `OutcomeUnknownError`: the request may have taken effect, and a second one could take effect twice."""


MAX_DOUBLINGS: Final = 64

RETRY, RAISE, UNKNOWN = Decision.RETRY, Decision.RAISE, Decision.UNKNOWN

DECISIONS: Final[Mapping[FailureKind, Mapping[Replay, Decision]]] = {
    kind: dict(zip((Replay.READ, Replay.SET, Replay.CREATE), decisions, strict=True))
    for kind, decisions in {
        FailureKind.NOT_SENT: (RETRY, RETRY, RETRY),
        FailureKind.LIMITED: (RETRY, RETRY, RETRY),
        FailureKind.FAILED: (RETRY, RETRY, UNKNOWN),
        FailureKind.LOST: (RETRY, RETRY, UNKNOWN),
        FailureKind.UNREADABLE: (RAISE, RAISE, UNKNOWN),
        FailureKind.REFUSED: (RAISE, RAISE, RAISE),
    }.items()
}
"""The decision for each kind of failure and each replay class of the operation."""


def greater_than_zero(_: object, attribute: Attribute[Any], value: float | None) -> None:
    """Refuse zero, negative numbers and NaN; None means no bound."""
    if value is not None and not (is_number(value) and value > 0):
        raise InvalidArgumentError(attribute.name, f"must be a number greater than 0, not {value!r}")


def at_least(minimum: int) -> Callable[[object, Attribute[Any], float], None]:
    """Make a validator that refuses numbers below `minimum` and NaN."""

    def check(_: object, attribute: Attribute[Any], value: float) -> None:
        if not (is_number(value) and value >= minimum):
            raise InvalidArgumentError(attribute.name, f"must be a number of at least {minimum}, not {value!r}")

    return check


def is_number(value: object) -> bool:
    """Whether a value is a number and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache
def backoff_limits(initial: float, maximum: float, count: int) -> tuple[float, ...]:
    """The upper bound of each wait, in seconds; the last one applies to all further attempts."""
    import backoff  # noqa: PLC0415 - takes a moment to load, and most sessions never wait

    waits = backoff.expo(base=2, factor=initial, max_value=maximum)
    return tuple(islice((wait for wait in waits if wait is not None), count))


@frozen
class RetryPolicy:
    """How often and how long a call is retried."""

    attempts: int = field(default=5, validator=at_least(1))
    """Maximum number of attempts. An attempt that is refused with 429 and a time to wait does not count."""
    initial_backoff: float = field(default=0.2, validator=greater_than_zero)
    """Upper bound of the wait after the first failure, in seconds; it doubles after each further failure."""
    max_backoff: float = field(default=20.0, validator=greater_than_zero)
    """Upper bound of all waits that the service did not ask for, in seconds; the wait itself is random."""
    max_retry_after: float = field(default=120.0, validator=at_least(0))
    """Longest wait that the service may ask for, in seconds; if it asks for more, its error is raised at once."""
    attempt_timeout: float | None = field(default=60.0, validator=greater_than_zero)
    """Seconds after which one attempt counts as lost; None leaves only the deadline of the call."""

    def backoff_limit(self, failures: int) -> float:
        """The upper bound of the wait after a number of failed attempts, in seconds."""
        return backoff_limits(self.initial_backoff, self.max_backoff, MAX_DOUBLINGS)[min(failures, MAX_DOUBLINGS) - 1]


class RetryBudget:
    """Limits the retries of all calls of a session to a share of their successes.

    While most calls succeed, each of them may be retried. During an outage the tokens run out, and each call is sent
    once until successes have refilled the budget.
    """

    __slots__ = ("_capacity", "_refill", "tokens")

    def __init__(self, capacity: float = 100.0, refill: float = 0.5) -> None:
        self._capacity = capacity
        self._refill = refill
        self.tokens = capacity

    def take(self) -> bool:
        """Take a token for one retry; False if none is left."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def record_success(self) -> None:
        """Add the refill of one success."""
        if self.tokens < self._capacity:
            self.tokens = min(self._capacity, self.tokens + self._refill)
