"""What a triage does the second time: after a refused plan, a late apply, an edit, a kill, or by another user."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scenes import comments, routes

from casemgmt_async import CaseSession, cases, timeline
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import (
    Budget,
    ForeignJournalError,
    JobControl,
    JobError,
    PlanTooLargeError,
    RuleSet,
    RunState,
    State,
    apply_triage,
    list_runs,
    parse_rules,
    plan_triage,
    prune_runs,
    read_changes,
    rule,
    run_triage,
)
from casemgmt_async.jobs.journal import runs

HOUR = 3_600.0
DAY = 24 * HOUR


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Twelve open cases, made sixty days ago, and a clock that stands still until it is moved on."""
    async with Emulator(cases=12, seed=7, clock=1_780_000_000.0) as running:
        for case in running.store.tables.cases:
            running.store.cases.touch(case.id, status="OPEN", priority="P3")
        running.clock.advance(60 * DAY)
        yield running


@pytest.fixture
def now(emulator: Emulator) -> Callable[..., JobControl]:
    """Make a control with the clock of the emulator."""
    return lambda **options: JobControl(clock=emulator.clock, **options)


def ruled(*rules: dict[str, Any], **document: Any) -> RuleSet:
    named = [{"name": f"r{number}", "match": "all", **each} for number, each in enumerate(rules)]
    return parse_rules({"rules": named, **document})


def stale(**more: Any) -> RuleSet:
    return parse_rules({"stale": {"warn_after": "30d", "close_after": "7d", **more}})


def closed(emulator: Emulator) -> int:
    return sum(case.closed_at is not None for case in emulator.store.tables.cases)


async def test_a_plan_that_fails_leaves_the_plan_before_it_to_be_applied(
    session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """Whether the next plan is too large, stopped, or killed: only a whole plan replaces another."""
    await plan_triage(session, ruled({"actions": {"priority": "P1"}}), state=journal, control=now())
    other = {"actions": {"priority": "P2"}}
    with pytest.raises(PlanTooLargeError):
        await plan_triage(session, ruled(other, max_cases=3), state=journal, control=now())

    def kill(step: str) -> None:
        if step == "planned":
            raise RuntimeError(step)

    with pytest.raises(RuntimeError):
        await plan_triage(session, ruled(other), state=journal, control=now(on_step=kill))
    assert [each.state for each in await list_runs(journal)] == [RunState.PLANNED]
    result = await apply_triage(session, state=journal, control=now())
    assert (result.run, result.states) == (1, {State.DONE: 12})


async def test_a_plan_whose_making_was_killed_is_neither_shown_nor_applied(
    session: CaseSession, journal: Path, now: Callable[..., JobControl], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tidy_nothing(_: Any) -> None:
        """Do what a killed process does."""

    def kill(step: str) -> None:
        if step == "planned":
            raise RuntimeError(step)

    async def killed_plan() -> None:
        with monkeypatch.context() as patch, contextlib.suppress(RuntimeError):
            patch.setattr(runs, "drop_unfinished_plan", tidy_nothing)
            rules = ruled({"actions": {"priority": "P2"}})
            await plan_triage(session, rules, state=journal, control=now(on_step=kill))

    await killed_plan()
    with pytest.raises(JobError, match="it has no plan; make one first"):
        await apply_triage(session, state=journal, control=now())
    await plan_triage(session, ruled({"actions": {"priority": "P1"}}), state=journal, control=now())
    await killed_plan()
    assert [each.state for each in await list_runs(journal)] == [RunState.PLANNED, RunState.PLANNING]
    assert {change.after async for change in read_changes(journal)} == {"P1"}
    result = await apply_triage(session, state=journal, control=now())
    assert result.states == {State.DONE: 12}


async def test_a_plan_between_a_broken_off_run_and_the_next_run_leaves_no_case_half_done(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """The cases that were begun are finished first, so no comment is made twice."""
    rules = ruled({"match": {"status_group": "open"}, "actions": {"comment": "bye", "status": "Closed"}})
    await run_triage(session, rules, state=journal, control=now(budget=Budget(max_operations=7)))
    assert (comments(emulator, "bye"), closed(emulator)) == (6, 1)
    await plan_triage(session, rules, state=journal, control=now())
    await run_triage(session, rules, state=journal, control=now())
    assert (comments(emulator, "bye"), closed(emulator)) == (12, 12)


async def test_of_a_broken_off_run_of_functions_the_cases_that_were_begun_are_finished(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """Whether functions were edited cannot be seen, so they decide anew about all other cases."""

    def saying(text: str) -> RuleSet:
        @rule("close", once=True)
        def close(_: Any) -> dict[str, Any]:
            return {"comment": text, "status": "Closed"}

        return RuleSet([close])

    await run_triage(session, saying("old"), state=journal, control=now(budget=Budget(max_operations=7)))
    await run_triage(session, saying("new"), state=journal, control=now())
    assert (comments(emulator, "old"), comments(emulator, "new"), closed(emulator)) == (6, 6, 12)


async def test_the_days_to_a_close_count_from_the_warning_and_not_from_its_plan(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    await plan_triage(session, stale(), state=journal, control=now())
    emulator.clock.advance(6 * DAY)
    assert (await apply_triage(session, state=journal, control=now())).states == {State.DONE: 24}
    emulator.clock.advance(6 * DAY)
    assert not (await plan_triage(session, stale(), state=journal, control=now())).rows
    emulator.clock.advance(1 * DAY)
    plan = await plan_triage(session, stale(), state=journal, control=now())
    assert {row.rule for row in plan.rows} >= {"stale: close"}


async def test_a_rule_that_is_resumed_is_done_again_after_its_time_from_then_on(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    rules = ruled({"every": "7d", "actions": {"comment": "hello"}})
    await run_triage(session, rules, state=journal, control=now(budget=Budget(max_operations=5)))
    emulator.clock.advance(4 * DAY)
    await run_triage(session, rules, state=journal, control=now())
    assert comments(emulator, "hello") == 12
    emulator.clock.advance(4 * DAY)
    await run_triage(session, rules, state=journal, control=now())
    assert comments(emulator, "hello") == 12 + 5, "the other seven were made four days ago"


async def test_runs_that_are_not_finished_are_not_deleted(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """What they have begun is finished, although they are old."""
    rules = ruled({"once": True, "actions": {"comment": "bye", "status": "Closed"}})
    await plan_triage(session, rules, state=journal, control=now())
    await run_triage(session, rules, state=journal, control=now(budget=Budget(max_operations=7)))
    await plan_triage(session, rules, state=journal, control=now())
    assert await prune_runs(journal, keep=1) == 1
    assert [each.number for each in await list_runs(journal)] == [2, 3]
    await apply_triage(session, state=journal, control=now())
    assert (comments(emulator, "bye"), closed(emulator)) == (12, 12)
    assert await prune_runs(journal, keep=1) == 1


async def test_the_limit_of_a_policy_counts_all_its_phases(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    for case in emulator.store.tables.cases[:5]:
        emulator.store.cases.touch(case.id, priority="P1")
    emulator.clock.advance(31 * DAY)
    await run_triage(session, stale(match={"priority": "P1"}), state=journal, control=now())
    emulator.clock.advance(8 * DAY)
    with pytest.raises(PlanTooLargeError, match='policy "stale" would change 12 cases, and its max_cases is 11'):
        await plan_triage(session, stale(max_cases=11), state=journal, control=now())
    assert (await plan_triage(session, stale(max_cases=12), state=journal, control=now())).matched == 12
    phases = {change.rule async for change in read_changes(journal, rule="stale")}
    assert phases == {"stale: warn", "stale: close"}
    assert {change.rule async for change in read_changes(journal, rule="stale: warn")} == {"stale: warn"}


async def test_a_triage_that_runs_as_another_user_takes_no_warning_back(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """And what the first user does by hand afterwards is an answer."""
    store = emulator.store
    first, second = list(store.users)[:2]
    await run_triage(session, stale(mark=""), state=journal, control=now())
    answered, *_ = store.tables.cases
    emulator.clock.advance(1 * DAY)
    store.tables.me = second
    assert (await run_triage(session, stale(mark=""), state=journal, control=now())).states == {}
    store.tables.me = first
    await timeline.comment_case(session, answered.id, comment="Still needed.")
    store.tables.me = second
    emulator.clock.advance(7 * DAY)
    assert (await run_triage(session, stale(mark=""), state=journal, control=now())).succeeded
    assert [case.id for case in store.tables.cases if case.closed_at is None] == [answered.id]


async def test_another_name_is_refused_with_advice_that_loses_no_memory(
    session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    rules = {"rules": [{"name": "r", "match": "all", "once": True, "actions": {"comment": "hello"}}]}
    await run_triage(session, parse_rules({"name": "hourly", **rules}), state=journal, control=now())
    with pytest.raises(ForeignJournalError, match='add name = "hourly" to them, since another state remembers nothing'):
        await run_triage(session, parse_rules({"name": "every hour", **rules}), state=journal, control=now())


@pytest.mark.parametrize("command", ["run", "apply"])
async def test_a_comment_that_is_found_at_last_is_remembered(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl], command: str
) -> None:
    """So a rule with `once` does not comment again, and does what it had left undone."""
    rules = ruled({"once": True, "actions": {"comment": "bye", "status": "Closed"}})
    emulator.set_faults("comment_case#3: drop-after-effect; list_case_timeline: status=500")
    result = await run_triage(session, rules, state=journal, control=now(), settle=0)
    assert result.states == {State.DONE: 22, State.UNKNOWN: 1, State.SKIPPED: 1}
    emulator.set_faults(None)
    assert (await run_triage(session, rules, state=journal, control=now(), settle=0)).states == {}
    for _ in range(2):
        if command == "apply":
            await plan_triage(session, rules, state=journal, control=now())
            await apply_triage(session, state=journal, control=now(), settle=0, retry_unknown=True)
        else:
            await run_triage(session, rules, state=journal, control=now(), settle=0, retry_unknown=True)
    await run_triage(session, rules, state=journal, control=now(), settle=0)
    assert (comments(emulator, "bye"), closed(emulator)) == (12, 12)


async def test_a_rule_that_is_remembered_again_counts_what_it_did_meanwhile(
    emulator: Emulator, session: CaseSession, anywhere: str | Path, now: Callable[..., JobControl]
) -> None:
    """A week counts from the last time that the rule was applied, remembered or not."""
    names = {"name": "remind", "match": "all"}
    weekly = ruled({**names, "every": "7d", "actions": {"comment": "hello"}})
    always = ruled({**names, "actions": {"comment": "hello", "priority": "P1", "due_date": "2031-01-01"}})

    async def run(rules: RuleSet, **options: Any) -> int:
        await run_triage(session, rules, state=anywhere, control=now(**options))
        return comments(emulator, "hello")

    assert await run(weekly) == 12
    emulator.clock.advance(6 * DAY)
    assert await run(always) == 24
    emulator.clock.advance(6 * DAY)
    assert await run(weekly) == 24, "it was applied six days ago"
    emulator.clock.advance(1 * DAY)
    assert await run(weekly) == 36
    emulator.clock.advance(1 * DAY)
    assert await run(weekly) == 36, "the runs without memory count once"


async def test_a_rule_that_gets_once_finishes_what_it_had_left_undone(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """Also if the rule was missing for a while."""
    refused, *_ = emulator.store.tables.cases
    actions = {"comment": "hello", "due_date": "2031-01-01"}
    both = ruled({"actions": actions})
    emulator.set_faults("comment_case#3: status=400")
    assert (await run_triage(session, both, state=journal, control=now())).states[State.REJECTED] == 1
    await run_triage(session, ruled({"name": "other", "actions": {"priority": "P1"}}), state=journal, control=now())
    once = ruled({"once": True, "actions": actions})
    await run_triage(session, once, state=journal, control=now())
    assert comments(emulator, "hello") == 12
    emulator.store.cases.touch(refused.id, due_date=None)
    await run_triage(session, once, state=journal, control=now())
    assert comments(emulator, "hello") == 12


async def test_a_rule_that_was_renamed_is_a_warning_before_it_is_applied_again(
    session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """As long as the plan is not applied; a rule that is only new is none, nor one that is only gone."""
    rules: dict[str, Any] = {"once": True, "actions": {"comment": "hello"}}
    await run_triage(session, ruled({**rules, "name": "remind"}), state=journal, control=now())
    for _ in range(2):
        plan = await plan_triage(session, ruled({**rules, "name": "reminder"}), state=journal, control=now())
        (warning,) = plan.warnings
        assert warning.startswith('rule "reminder" is new, and what is remembered of "remind" (12 cases)')
    before = {**rules, "name": "remind", "continue": True}
    for harmless in (ruled(before, {**rules, "name": "new"}), ruled({"actions": {"priority": "P1"}})):
        assert (await plan_triage(session, harmless, state=journal, control=now())).warnings == ()


async def test_a_rule_of_which_a_case_is_done_needs_no_first_case_when_its_run_continues(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """All that is left goes in bulk."""
    rules = ruled({"actions": {"priority": "P1", "status": "In Progress"}})
    first = await run_triage(session, rules, state=journal, control=now(budget=Budget(max_operations=2)))
    assert first.states == {State.DONE: 2, State.PLANNED: 22}
    assert (await run_triage(session, rules, state=journal, control=now())).states == {State.DONE: 24}
    assert [routes(emulator)[name] for name in ("update_priority", "update_status", "bulk_update_cases")] == [1, 1, 2]


async def test_a_rule_that_is_stopped_while_another_tries_the_same_cases_first_stops_alone(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """Three cases show that the one is refused, and all get what the other wants."""
    emulator.set_faults("comment_case: status=400")
    rules = ruled(
        {"actions": {"due_date": "2031-01-01", "priority": "P1"}, "continue": True},
        {"actions": {"comment": "hello", "status": "Closed"}},
    )
    result = await run_triage(session, rules, state=journal, control=now())
    assert (routes(emulator)["comment_case"], result.states[State.REJECTED]) == (3, 3)
    assert {case.priority for case in emulator.store.tables.cases} == {"P1"}
    assert {case.due_date for case in emulator.store.tables.cases} == {"2031-01-01"}


@pytest.mark.parametrize(("answer", "mark"), [(None, "stale"), ("Thank you.", "stale"), ("Thank you.", "")])
async def test_a_case_that_is_reopened_or_answered_goes_through_the_policy_again(
    emulator: Emulator,
    session: CaseSession,
    journal: Path,
    now: Callable[..., JobControl],
    answer: str | None,
    mark: str,
) -> None:
    """Each time with all that belongs to it: the warning, the answer or the farewell, and the close."""
    store = emulator.store
    reopened, answered, *_ = (case for case in store.tables.cases if not case.comments)
    texts = {"warning": "Warned.", "farewell": "Farewell.", "mark": mark} | ({"answer": answer} if answer else {})

    async def after(days: float) -> None:
        emulator.clock.advance(days * DAY)
        await run_triage(session, stale(**texts), state=journal, control=now())

    @contextlib.contextmanager
    def as_somebody() -> Iterator[None]:
        me, store.tables.me = store.tables.me, list(store.users)[1]
        yield
        store.tables.me = me

    for _ in range(2):
        await after(31)
        with as_somebody():
            await timeline.comment_case(session, answered.id, comment="Still needed.")
        await after(1)
        await after(7)
        assert (reopened.closed_at is None, answered.closed_at is None) == (False, True)
        with as_somebody():
            await cases.update_status(session, reopened.id, status_name="Open")
        await after(1)

    def said(case: Any) -> list[str]:
        ours = [store.tables.cells[cell].message for cell in case.comments]
        return [text for text in ours if text in {"Warned.", "Farewell.", "Thank you."}]

    thanks = [] if answer is None else [answer]
    assert said(reopened) == ["Warned.", "Farewell.", *thanks] * 2
    assert said(answered) == ["Warned.", *thanks] * 2
    assert "stale" not in answered.attributes


async def test_a_warning_that_was_refused_is_tried_again_before_any_close(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """In the next run, and its days count from then."""
    emulator.set_faults("comment_case#5: status=403")
    rules = stale(warning="Warned.")
    assert (await run_triage(session, rules, state=journal, control=now())).states[State.REJECTED] == 1
    emulator.set_faults(None)
    emulator.clock.advance(6 * DAY)
    await run_triage(session, rules, state=journal, control=now())
    assert comments(emulator, "Warned.") == 12
    emulator.clock.advance(2 * DAY)
    await run_triage(session, rules, state=journal, control=now())
    assert closed(emulator) <= 11
    emulator.clock.advance(5 * DAY)
    await run_triage(session, rules, state=journal, control=now())
    assert (comments(emulator, "Warned."), closed(emulator)) == (12, 12)


@pytest.mark.parametrize(("early", "is_closed"), [(250, True), (350, False)])
async def test_a_close_may_come_some_minutes_early_as_timers_do(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl], early: int, is_closed: bool
) -> None:
    await run_triage(session, stale(), state=journal, control=now())
    emulator.clock.advance(7 * DAY - early)
    plan = await plan_triage(session, stale(), state=journal, control=now())
    assert ("stale: close" in {row.rule for row in plan.rows}) is is_closed


async def test_a_state_that_was_lost_counts_the_days_from_the_marks_of_the_cases(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """Nobody is warned again, and nobody too early."""
    await run_triage(session, stale(warning="Warned."), state=journal, control=now())
    for days, rules in ((3, set()), (4, {"stale: close"})):
        emulator.clock.advance(days * DAY)
        new = journal.with_name(f"after {days}.db")
        plan = await plan_triage(session, stale(), state=new, control=now(), dry_run=True)
        assert {row.rule for row in plan.rows} - {"stale: take back"} == rules


async def test_a_case_whose_warning_may_have_been_made_is_left_alone_by_the_policy(
    emulator: Emulator, session: CaseSession, journal: Path, now: Callable[..., JobControl]
) -> None:
    """Until somebody looks for the warning; then its days count from when it was made."""
    await plan_triage(session, stale(warning="Warned."), state=journal, control=now())
    emulator.set_faults("comment_case#5: drop-after-effect; list_case_timeline: status=403")
    result = await apply_triage(session, state=journal, control=now(), settle=0)
    assert result.states[State.UNKNOWN] == 1
    emulator.set_faults(None)
    emulator.clock.advance(8 * DAY)
    await run_triage(session, stale(warning="Warned."), state=journal, control=now(), settle=0)
    assert (comments(emulator, "Warned."), closed(emulator)) == (12, 11)
    await run_triage(session, stale(warning="Warned."), state=journal, control=now(), settle=0, retry_unknown=True)
    assert (comments(emulator, "Warned."), closed(emulator)) == (12, 12)
