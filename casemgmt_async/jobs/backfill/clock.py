"""The time of the service, learned from its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from attrs import define

__all__ = ["ServiceClock"]


@define
class ServiceClock:
    """This machine's clock, corrected by the `Date` header of the last answer.

    A journal that is copied to a machine whose clock is off still knows how long ago something was sent.
    """

    local: Callable[[], float]
    """This machine's clock, in Unix seconds."""
    offset: float = 0.0
    """Seconds by which the service is ahead."""
    is_set: bool = False
    """Whether an answer had a `Date` header."""

    def __call__(self) -> float:
        """Return the time in Unix seconds."""
        return self.local() + self.offset

    def learn(self, headers: Mapping[str, str]) -> None:
        """Learn the time from the headers of an answer that has just come; the header has whole seconds."""
        try:
            said = parsedate_to_datetime(headers["Date"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return
        self.is_set, offset = True, said - self.local()
        if not self.offset - 1.5 <= offset <= self.offset + 0.5:
            self.offset = offset + 0.5
