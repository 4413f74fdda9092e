"""Warnings about rules that look like a mistake: nothing matches, or a value is on no case."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from attrs import define, field

from casemgmt_async import Case
from casemgmt_async.jobs.actions import as_uuid
from casemgmt_async.jobs.statuses import status_code
from casemgmt_async.jobs.triage.rules import RuleSet

__all__ = ["Observed", "closest", "warnings_of", "warnings_of_names"]

STATUSES: Final = (
    "Open", "Not Started", "In Progress", "Closed", "Acknowledged", "Triggered", "Pending Approval", "Approved",
    "Implementing", "Completed", "Cancelled", "Declined", "Resolved",
)  # fmt: skip
"""The statuses that the service names in its messages."""
TERM: Final = re.compile(r'\b(status|priority|type|project):\(?("[^"]*"|[^\s()]+)')
PRIORITIES: Final = ("P1", "P2", "P3", "P4", "P5", "NOT_DEFINED")


@define(eq=False)
class Observed:
    """The values that the cases read have, by the key of a match."""

    values: dict[str, set[str]] = field(factory=lambda: {key: set() for key in ("status", "type", "project")})

    def add(self, case: Case) -> None:
        """Note the values of a case."""
        status = case.status_name or case.status
        if status:
            self.values["status"].add(status)
        if case.type:
            self.values["type"].add(case.type)
        if case.key:
            self.values["project"].add(case.key.rpartition("-")[0])


def closest(value: str, known: Iterable[str]) -> str | None:
    """The known value that a misspelt one probably means."""
    by_code = {status_code(each): each for each in known}
    found = difflib.get_close_matches(status_code(value), by_code, 1, 0.6)
    return by_code[found[0]] if found else None


def warnings_of(
    rules: RuleSet, observed: Observed, matched: Collection[str], cases: int, *, is_repeated: bool
) -> list[str]:
    """Say what looks like a mistake.

    With `is_repeated`, the run before was by the same rules and has ended. Then it is normal that a rule finds
    nothing, and only a value that no case has is still a warning.
    """
    if not cases:
        hint = hint_for_filter(rules.filter)
        return (
            [f"the filter {rules.filter!r} finds no case{hint}"] if rules.filter and (hint or not is_repeated) else []
        )
    known = {**observed.values, "status": observed.values["status"] | set(STATUSES)}
    warnings = []
    for each in rules.rules:
        if each.is_policy or each.name in matched:
            continue
        hints = [
            f'no case has the {key} "{value}"' + (f'; did you mean "{close}"?' if close else "")
            for key, values in each.looks_for
            for value in values
            if key in known
            and as_uuid(value) is None
            and status_code(value) not in map(status_code, observed.values[key])
            for close in [closest(value, known[key])]
            if close is None or status_code(close) != status_code(value)
        ]
        if hints or not is_repeated:
            warnings.append(f'rule "{each.name}" matches no case' + (f": {'; '.join(hints)}" if hints else ""))
    return warnings


def warnings_of_names(new: Iterable[str], gone: Mapping[str, int]) -> list[str]:
    """Warn of rules that are new if others are gone, with the number of cases that those are remembered for.

    What is remembered goes by the name of its rule, so a rule that was renamed is applied to every case again.
    """
    counted = ", ".join(f'"{name}" ({count:,} {"case" if count == 1 else "cases"})' for name, count in gone.items())
    return [
        f'rule "{name}" is new, and what is remembered of {counted} counts no longer; if you renamed a rule, give it '
        "its old name, or the same cases get it again"
        for name in new
        if gone
    ]


def hint_for_filter(filter: str | None) -> str:
    """Suggest what a filter may have meant."""
    for key, quoted in TERM.findall(filter or ""):
        value = quoted.strip('"')
        known = {"status": STATUSES, "priority": PRIORITIES}.get(key, ())
        close = closest(value, known)
        if close is not None and status_code(close) != status_code(value):
            return f"; did you mean {key}:{close if ' ' not in close else repr(close)}?"
    return ""
