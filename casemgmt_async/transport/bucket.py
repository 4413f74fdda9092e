"""One budget of the service, as its answers tell of it.

A request passes while fewer are on their way than are left, so a budget is used up and not overrun. What is left is
the service's own count, in which the requests of other processes show: each process then keeps to the part of the
last window that was its own, and goes carefully over what remains.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import define

__all__ = ["Bucket"]

SCOUTS: Final = 8
"""How many requests are on their way at most before the first answer of a route, or early in a window."""
ALONE: Final = 0.9
"""The share of a window from which on we take it that nobody else uses the bucket."""
SPARE: Final = 2
"""How much of a shared bucket is left alone at the end of a window, when others may already be taking it."""
STRAY: Final = 0.03
"""The part of a window that may be used by requests of ours whose answers were lost."""
LEAST: Final = 0.15
"""The part of a window that is left to the others, and kept for us, where others were seen."""
REGAIN: Final = 0.01
"""By how much our share may grow from one window to the next, should the others have gone."""
DOUBT: Final = 1.0
"""Seconds by which a reset told in whole seconds may be off."""


@define(eq=False)
class Bucket:
    """One budget: what is left of it, until when."""

    name: str | None = None
    is_known: bool = False
    """Whether any answer has told of it, if only that it is not limited."""
    limit: float | None = None
    period: float = 60.0
    remaining: float = math.inf
    """What the newest answers of this window left."""
    resets_at: float = math.inf
    """When the window ends, by our clock; after it, nothing is certain until an answer tells."""
    in_flight: int = 0
    own: int = 0
    """How many requests of this window were ours."""
    others: float = 0.0
    """How many requests of this window were certainly not ours."""
    share: float = 1.0
    """Which part of the last window was ours."""
    lag: float = 0.0
    """What to add to the resets of a service that rounds them down."""
    admitted_at: float = 0.0
    settles_at: float = -math.inf
    """Until when a new window is begun slowly, so that others who learn of it later find something left."""
    rolled: bool = False
    probing: bool = False

    def delay(self, now: float) -> float:
        """Seconds until a request may pass, if no answer makes room before: 0 for now."""
        if self.is_unlimited:
            return 0.0
        if now < self.resets_at:
            return self._delay_within(now)
        if self.limit is None:
            self.remaining = self.resets_at = math.inf
            return 0.0
        if now >= self.resets_at + DOUBT:
            self._roll(self.resets_at + math.ceil((now - self.resets_at) / self.period) * self.period, self.limit)
            return self.delay(now) if now < self.resets_at else 0.0
        return self.resets_at + DOUBT - now if self.probing else 0.0

    @property
    def is_unlimited(self) -> bool:
        """Whether an answer has told that there is no limit."""
        return self.is_known and self.remaining is math.inf

    def _delay_within(self, now: float) -> float:
        share = self._share()
        allowed = self._allowance(share)
        if now < self.settles_at and allowed >= 1:
            return 0.0 if self.in_flight < min(allowed, SCOUTS) else self.settles_at - now
        if self.in_flight >= allowed:
            return self.resets_at - now
        if self.rolled and share < ALONE and self._is_beyond(share):  # what others may leave over, spread out
            return max(0.0, self.admitted_at + (self.resets_at - self.admitted_at) / self.remaining - now)
        return 0.0

    @property
    def is_used_up(self) -> bool:
        """Whether nothing passes until the window ends, whatever the answers on their way tell."""
        return self._allowance(self._share()) < 1

    def admit(self, now: float) -> None:
        """Let one request pass; the first after a reset goes alone, to see what the new window holds."""
        self.in_flight += 1
        self.admitted_at = now
        if now >= self.resets_at:
            self.probing = True

    def _share(self) -> float:
        """Which part of the window is ours, by the last one and by what this one has shown."""
        ours = self.own + self.in_flight
        return min(self.share, ours / (ours + self.others)) if self.others and ours else self.share

    def _is_beyond(self, share: float) -> bool:
        return self.own + self.in_flight >= share * (self.limit or self.remaining)

    def _allowance(self, share: float) -> float:
        """How many requests may be on their way."""
        if self.remaining is math.inf:
            return math.inf if self.is_known else SCOUTS
        alone = share >= ALONE
        if self.remaining < 1 or (not alone and self.remaining <= min(SPARE, (self.limit or self.remaining) / 10)):
            return 0.0
        fair = max(1.0, self.remaining * share)
        if not self.rolled and (self.own < 3 * SCOUTS or not alone):  # who else is there, will show
            return min(fair, SCOUTS if alone else SCOUTS / 2)
        if alone:
            return self.remaining
        return 1.0 if self._is_beyond(share) else fair

    def _roll(self, resets_at: float, left: float) -> None:
        used = (self.limit or 0.0) - self.remaining
        self.rolled = self.resets_at is not math.inf
        measured = self.own / used if self.own and used > 0 else 1.0
        measured = max(LEAST, min(measured, 1 - LEAST)) if measured < 1 - STRAY else 1.0
        self.share = min(measured, self.share + REGAIN)
        self.own, self.others = 0, 0.0
        self.remaining, self.resets_at, self.probing = left, resets_at, False

    def observe(self, limit: float, period: float, left: float, reset: float, now: float) -> None:
        """Take in what an answer told of the bucket."""
        self.limit, self.period = limit, period
        ends = now + reset + self.lag
        is_open_again = now >= self.resets_at and left > self.remaining
        if self.resets_at is math.inf or is_open_again or ends > self.resets_at + period / 2:
            self._roll(ends, left)
            self.settles_at = now + min(DOUBT, period / 10) if self.rolled else -math.inf
        elif ends > self.resets_at - period / 2:
            self.remaining = min(self.remaining, left)
            self.resets_at = min(self.resets_at, ends)
        else:
            return  # an answer from a window that is over
        self.own += 1
        self.others = max(self.others, limit - left - self.own - self.in_flight)

    def exhausted(self, wait: float, now: float) -> None:
        """Take in a 429: nothing passes for `wait` seconds."""
        if self.limit is not None and now >= self.resets_at:
            self.lag = min(DOUBT, self.period / 2)  # the window was not over when its reset had passed
        self.remaining = 0.0
        self.probing = False
        until = now + wait + self.lag
        self.resets_at = until if self.resets_at is math.inf else max(self.resets_at, until)
