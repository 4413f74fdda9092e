"""Stopping a rule whose changes are refused again and again for the same reason."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from attrs import define, field

from casemgmt_async.jobs.journal import Journal, Operation, State
from casemgmt_async.jobs.journal.triage_queries import skip_rule

__all__ = ["STOPPED", "Refusals"]

IN_A_ROW: Final = 3
STOPPED: Final = "the rule was stopped"
IDS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[A-Z][A-Z0-9]*-\d+\b")


@define(eq=False)
class Refusals:
    """Counts the refusals of each rule; the third of a kind in a row, with no success between, stops the rule."""

    journal: Journal
    stopped: set[str] = field(init=False, factory=set)
    """The rules that were stopped."""
    reason: ClassVar[str] = (
        f"{STOPPED} after {IN_A_ROW} equal refusals in a row; correct the rule, then retry what was rejected"
    )
    """The reason given for skipping the rest of a stopped rule."""
    _rows: dict[tuple[str, str], tuple[str, int]] = field(init=False, factory=dict)

    async def heard(self, operation: Operation, state: State, error: str | None) -> None:
        """Count how an operation ended, and stop its rule if that is the third refusal of a kind."""
        key = operation.rule, operation.action
        if state is not State.REJECTED:
            self._rows.pop(key, None)
            return
        kind = IDS.sub("...", error or "")
        before, count = self._rows.get(key, ("", 0))
        self._rows[key] = kind, count + 1 if kind == before else 1
        if self._rows[key][1] >= IN_A_ROW and operation.rule not in self.stopped:
            self.stopped.add(operation.rule)
            await skip_rule(self.journal, operation.rule, self.reason)
