"""Cases that get the same change in one request."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from attrs import Factory, evolve, field, frozen

from casemgmt_async.jobs.actions import ACTIONS, Check
from casemgmt_async.jobs.journal import parsed

__all__ = ["BulkChange"]


def check_of(action: str) -> Check:
    """Return the check that shows on a case whether a bulk action is done."""
    check = ACTIONS[action].holds
    assert check is not None, f"nothing on a case shows that {action} is done"
    return check


@frozen(eq=False)
class BulkChange:
    """Cases that get the same change by the same rule in one request."""

    rule: str
    """The rule that asks for it."""
    action: str
    """The name of the action."""
    payload: str
    """What the action is given, as JSON."""
    numbers: Mapping[str, int]
    """The number of each case's operation, by the id of the case."""
    value: Any = field(init=False, default=Factory(lambda batch: parsed(batch.payload), takes_self=True))
    """The same payload as data."""
    check: Check = field(init=False, default=Factory(lambda batch: check_of(batch.action), takes_self=True))
    """Says whether a case shows the change."""

    def first(self, count: int) -> BulkChange:
        """Return the same change for the first `count` cases only."""
        return evolve(self, numbers=dict(islice(self.numbers.items(), count)))
