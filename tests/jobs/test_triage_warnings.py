"""Warnings of a plan about rules that look like a mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scenes import ruled

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import JobControl, RulesError, RuleSet, list_runs, plan_triage, run_triage


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Forty cases, and a clock that stands still."""
    async with Emulator(cases=40, seed=7, clock=1_780_000_000.0) as running:
        yield running


async def test_rules_and_filters_that_find_nothing_are_warnings_with_the_nearest_value(
    session: CaseSession, journal: Path
) -> None:
    rules = ruled({"match": {"status": "Opne", "priority": "P1"}, "actions": {"archive": True}})
    with pytest.raises(RulesError, match='did you mean "Open"'):
        await plan_triage(session, rules, state=journal)
    rules = ruled({"match": {"project": "OSP"}, "actions": {"archive": True}})
    (warning,) = (await plan_triage(session, rules, state=journal)).warnings
    assert warning == 'rule "r0" matches no case: no case has the project "OSP"; did you mean "OPS"?'
    rules = ruled({"actions": {"archive": True}}, filter="status:opne")
    (warning,) = (await plan_triage(session, rules, state=journal)).warnings
    assert warning == "the filter 'status:opne' finds no case; did you mean status:Open?"
    assert (await plan_triage(session, ruled({"actions": {"archive": True}}), state=journal)).warnings == ()


@pytest.mark.parametrize(
    ("rules", "first", "later"),
    [
        (ruled({"match": {"priority": "P5"}, "actions": {"archive": True}}), ['rule "r0" matches no case'], []),
        (
            ruled({"match": {"project": "OSP"}, "actions": {"archive": True}}),
            ['rule "r0" matches no case: no case has the project "OSP"; did you mean "OPS"?'],
            ['rule "r0" matches no case: no case has the project "OSP"; did you mean "OPS"?'],
        ),
        (
            ruled({"actions": {"archive": True}}, filter="priority:P5"),
            ["the filter 'priority:P5' finds no case"],
            [],
        ),
        (
            ruled({"actions": {"archive": True}}, filter="status:opne"),
            ["the filter 'status:opne' finds no case; did you mean status:Open?"],
            ["the filter 'status:opne' finds no case; did you mean status:Open?"],
        ),
    ],
    ids=["rule", "rule with a value that no case has", "filter", "misspelt filter"],
)
async def test_what_finds_nothing_again_is_a_warning_only_where_it_looks_like_a_mistake(
    emulator: Emulator,
    session: CaseSession,
    journal: Path,
    rules: RuleSet,
    first: list[str],
    later: list[str],
) -> None:
    for case in emulator.store.tables.cases:
        emulator.store.cases.touch(case.id, priority="P2")

    async def hourly(rules: RuleSet) -> None:
        await run_triage(session, rules, state=journal, control=JobControl(clock=emulator.clock), settle=0)

    async def planned() -> list[str]:
        warnings: list[str] = (await list_runs(journal))[-1].facts["warnings"]
        return warnings

    for _ in range(2):  # a plan that was not applied is no reason to be silent
        await plan_triage(session, rules, state=journal)
        assert await planned() == first
    await hourly(rules)
    assert await planned() == first
    await hourly(rules)
    assert await planned() == later
    await hourly(ruled({"match": {"priority": "P4"}, "actions": {"archive": True}}))
    assert await planned() == ['rule "r0" matches no case'], "these are other rules"
