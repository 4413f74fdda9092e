"""Rules and looks into the emulator that the tests of triage share."""

from __future__ import annotations

from collections import Counter
from typing import Any

from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import (
    RuleSet,
    parse_rules,
    rule,
)

ME = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"


def all_cases(**actions: Any) -> RuleSet:
    """One rule for every case."""
    return parse_rules(
        {"rules": [{"name": "all", "match": "all", "actions": actions, "once": set(actions) == {"comment"}}]}
    )


def ruled(*rules: dict[str, Any], **document: Any) -> RuleSet:
    """Rules named `r0`, `r1` and so on, for every case where they do not say another match."""
    named = [{"name": f"r{number}", "match": "all", **each} for number, each in enumerate(rules)]
    return parse_rules({"rules": named, **document})


def routes(emulator: Emulator) -> Counter[str | None]:
    """How often each operation was called."""
    return Counter(entry.route for entry in emulator.log)


def comments(emulator: Emulator, text: str) -> int:
    """How many comments say that; the seeded cases have others of their own."""
    return sum(cell.message == text for cell in emulator.store.tables.cells.values())


def only(key: str, **actions: Any) -> RuleSet:
    """A rule for one case."""

    @rule("only")
    def one(case: Any) -> dict[str, Any] | None:
        return actions if case.key == key else None

    return RuleSet([one])
