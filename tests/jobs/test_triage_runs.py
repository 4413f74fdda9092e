"""Runs that follow one another in one state file: what is remembered, continued, replaced, refused and stopped."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from scenes import ME, all_cases, comments, routes, ruled

from casemgmt_async import CaseSession, projects
from casemgmt_async.emulator import Emulator
from casemgmt_async.emulator.messages import Reply
from casemgmt_async.emulator.state import people
from casemgmt_async.jobs import (
    Budget,
    ForeignJournalError,
    JobControl,
    JobError,
    PlanTooLargeError,
    RulesError,
    RuleSet,
    RunState,
    State,
    apply_triage,
    list_runs,
    parse_rules,
    plan_triage,
    prune_runs,
    read_changes,
    read_report,
    rule,
    run_triage,
)

HOUR = 3_600.0


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Forty cases, and a clock that stands still until it is moved on."""
    async with Emulator(cases=40, seed=7, clock=1_780_000_000.0) as running:
        yield running


@pytest.fixture
def hourly(emulator: Emulator, session: CaseSession, journal: Path) -> Callable[..., Any]:
    """Run rules in the state file of the test, by the emulator's clock."""

    async def run(rules: Any, **options: Any) -> Any:
        control = options.pop("control", None) or JobControl(clock=emulator.clock)
        return await run_triage(session, rules, state=journal, control=control, settle=0, **options)

    return run


def writes(emulator: Emulator) -> list[str | None]:
    return [entry.route for entry in emulator.log if entry.method != "GET"]


async def test_five_hourly_runs_comment_once(emulator: Emulator, hourly: Callable[..., Any]) -> None:
    rules = ruled({"actions": {"comment": "hello"}, "once": True})
    for _ in range(5):
        assert (await hourly(rules)).succeeded
        emulator.clock.advance(HOUR)
    assert comments(emulator, "hello") == 40
    made = emulator.store.cases.create(project="OPS")
    assert (await hourly(rules)).states == {State.DONE: 1}
    assert comments(emulator, "hello") == 41
    assert emulator.store.cases.find(made).comments


async def test_every_day_is_once_a_day_in_hourly_runs(emulator: Emulator, hourly: Callable[..., Any]) -> None:
    rules = ruled({"match": {"priority": "P1"}, "actions": {"comment": "still P1"}, "every": "1d"})
    urgent = sum(case.priority == "P1" for case in emulator.store.tables.cases)
    for _ in range(49):
        await hourly(rules)
        emulator.clock.advance(HOUR)
    assert comments(emulator, "still P1") == 3 * urgent > 0


async def test_an_idle_run_costs_one_pass_and_a_few_requests(emulator: Emulator, hourly: Callable[..., Any]) -> None:
    rules = ruled({"actions": {"priority": "P3"}})
    await hourly(rules)
    before = emulator.requests
    assert (await hourly(rules)).states == {}
    assert emulator.requests - before == 1 + 1, "whose state it is, and the only page"


async def test_a_run_does_not_read_again_what_its_plan_has_just_read(
    emulator: Emulator, hourly: Callable[..., Any]
) -> None:
    await hourly(ruled({"actions": {"due_date": "2030-01-01"}}))
    assert routes(emulator)["get_case"] == 0
    assert routes(emulator)["search_cases"] == 1, "the only page"


async def test_a_stop_while_it_reads_changes_nothing(emulator: Emulator, hourly: Callable[..., Any]) -> None:
    """Also when the last page is already there: a plan that is not made is not applied."""

    def stop(step: str) -> None:
        if step == "planned":
            control.request_stop()

    control = JobControl(on_step=lambda step: control.request_stop() if step == "answer" else None)
    result = await hourly(ruled({"actions": {"priority": "P3"}}), control=control)
    assert (result.run, result.interrupted, result.succeeded) == (None, True, False)
    control = JobControl(on_step=stop)
    result = await hourly(ruled({"actions": {"priority": "P3"}}), control=control)
    assert result.interrupted
    assert writes(emulator) == []


async def test_a_stop_cancels_what_is_in_flight_when_its_grace_is_over(
    emulator: Emulator, hourly: Callable[..., Any]
) -> None:
    """Once is enough; the next run looks for what was cut off."""
    emulator.set_faults("comment_case#4..: stall")
    control = JobControl(grace=0.0, budget=Budget(concurrency=2))
    running = asyncio.ensure_future(hourly(ruled({"actions": {"comment": "x"}, "once": True}), control=control))
    while routes(emulator)["comment_case"] < 5:
        await asyncio.sleep(0)
    control.request_stop()
    result = await running
    assert result.interrupted
    assert result.states[State.SENDING] == 2
    emulator.set_faults(None)
    assert (await hourly(ruled({"actions": {"comment": "x"}, "once": True}))).states == {State.DONE: 40}
    assert comments(emulator, "x") == 40


async def test_a_stop_ends_the_wait_for_lost_answers(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    """A run that gives a lost comment time to appear ends at once when it is asked to."""
    emulator.set_faults("comment_case#1: drop-after-effect")

    async def for_ever(_: float) -> None:
        control.request_stop()
        await asyncio.get_running_loop().create_future()

    control = JobControl(sleep=for_ever, clock=emulator.clock)
    result = await run_triage(session, all_cases(comment="x"), state=journal, control=control)
    assert result.interrupted
    assert result.states[State.SENDING] == 1
    later = await apply_triage(session, state=journal, control=JobControl(clock=emulator.clock), settle=0)
    assert later.states == {State.DONE: 40}
    assert comments(emulator, "x") == 40


async def test_a_refused_status_posts_no_farewell(
    emulator: Emulator, hourly: Callable[..., Any], session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody may read the case types, three cases are tried, and not one is told that it is closed."""
    answer = emulator.answer

    def closed_types(request: Any) -> Any:
        return Reply(403, {"errors": ["no"]}) if request.route.name == "get_all_case_types" else answer(request)

    rules = ruled({"actions": {"comment": "Closing this.", "status": "Clsoed"}})
    with monkeypatch.context() as patch:
        patch.setattr(emulator, "answer", closed_types)
        result = await hourly(rules)
    assert result.states == {State.REJECTED: 3, State.SKIPPED: 77}
    assert comments(emulator, "Closing this.") == 0
    assert "correct the rule" in (await read_report(journal)).failures[0].reason

    emulator.add_status("Clsoed", "closed")
    mended = await apply_triage(session, state=journal, retry_rejected=True, even_if_changed=True)
    assert mended.states == {State.DONE: 80}
    assert comments(emulator, "Closing this.") == 40


async def test_other_rules_go_on_when_one_is_stopped(emulator: Emulator, hourly: Callable[..., Any]) -> None:
    nowhere = "99999999-0000-4000-8000-000000000000"
    rules = ruled({"match": {"project": "OPS"}, "actions": {"project": nowhere}}, {"actions": {"priority": "P3"}})
    result = await hourly(rules)
    assert result.states[State.REJECTED] == 3
    others = [case for case in emulator.store.tables.cases if not case.key.startswith("OPS")]
    assert all(case.priority == "P3" for case in others)


async def test_a_status_that_no_type_allows_ends_the_plan_with_a_suggestion(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    with pytest.raises(RulesError, match='no case type allows the status "Clsoed"; did you mean "Closed"') as caught:
        await plan_triage(session, all_cases(status="Clsoed"), state=journal)
    assert "\n" not in str(caught.value)
    assert writes(emulator) == []
    assert await list_runs(journal) == []


async def test_a_status_that_only_some_types_allow_leaves_the_others_out(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    kind = emulator.store.tables.cases[0].type_id
    emulator.add_status("Parked", "in_progress", case_type_id=kind)
    plan = await plan_triage(session, all_cases(status="Parked"), state=journal)
    allowed = sum(case.type_id == kind for case in emulator.store.tables.cases)
    assert plan.operations == allowed
    assert any("their type does not allow the status" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ({"assign": "ada.marsch@example.com"}, "ada.marsh@example.com"),
        ({"assign": "on-call:platfrom"}, "no team has the handle, name or id 'platfrom'"),
        ({"project": "OSP"}, "OPS"),
    ],
)
async def test_a_name_that_nobody_has_ends_the_plan_with_those_that_are_close(
    session: CaseSession, journal: Path, actions: dict[str, Any], says: str
) -> None:
    with pytest.raises(RulesError, match=says) as caught:
        await plan_triage(session, all_cases(**actions), state=journal)
    assert str(caught.value).startswith(f'rule "all": actions.{next(iter(actions))}')


async def test_names_are_resolved_and_shown(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    ben = emulator.store.user_named("ben.okafor@example.com").id
    plan = await plan_triage(session, all_cases(assign="ben.okafor@example.com"), state=journal)
    assert [row.action for row in plan.rows] == ["assign ben.okafor@example.com"]
    assert plan.names == {ben: "ben.okafor@example.com"}
    await apply_triage(session, state=journal)
    assert all(case.assignee == ben for case in emulator.store.tables.cases)


async def test_cases_of_a_disabled_user_can_be_found_and_assigned_to_nobody_disabled(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """Such as those of somebody who has left."""
    gone = emulator.store.user_named("oskar.former@example.com")
    emulator.store.cases.touch(emulator.store.tables.cases[0].id, assignee=gone.id)
    of_gone = {"match": {"assignee": gone.email}, "actions": {"unassign": True}}
    assert (await plan_triage(session, ruled(of_gone), state=journal)).matched == 1
    to_gone = {"actions": {"assign": gone.email}}
    with pytest.raises(RulesError, match=r"actions.assign: the user '.*' cannot be used: Oskar Former .*disabled"):
        await plan_triage(session, ruled(of_gone, to_gone), state=journal)


async def test_a_dry_run_leaves_nothing_behind_and_shows_everything(
    emulator: Emulator, session: CaseSession, journal: Path, hourly: Callable[..., Any]
) -> None:
    rules = ruled({"actions": {"priority": "P3"}})
    plan = await plan_triage(session, rules, state=journal, dry_run=True)
    assert not journal.exists()
    change = plan.changes[0]
    case = emulator.store.cases.find(change.case_id)
    assert (change.key, change.title, change.before, change.after) == (case.key, case.title, case.priority, "P3")
    await hourly(ruled({"actions": {"comment": "hello"}, "once": True}))
    before = journal.read_bytes()
    again = await plan_triage(
        session, ruled({"actions": {"comment": "hello"}, "once": True}), state=journal, dry_run=True
    )
    assert again.operations == 0, "it uses what is remembered"
    assert journal.read_bytes() == before


async def test_what_shares_a_bulk_update_is_numbered_in_a_row_and_shown_case_by_case(
    session: CaseSession, journal: Path
) -> None:
    """So the journal changes the state of a bulk update in one go, and people read what happens to one case."""
    rules = all_cases(comment="Seen.", priority="P4", assign=ME)
    plan = await plan_triage(session, rules, state=journal)
    changes = [change async for change in read_changes(journal)]
    of_action: dict[str, list[int]] = {}
    for change in changes:
        of_action.setdefault(change.action, []).append(change.number)
    assert {action: numbers == list(range(numbers[0], numbers[-1] + 1)) for action, numbers in of_action.items()} == {
        "comment": True,
        "priority": True,
        "assign": True,
    }
    keys = [change.key for change in changes]
    assert len(keys) == plan.operations > 100
    assert [key for key, _ in itertools.groupby(keys)] == list(dict.fromkeys(keys)), (
        "the changes of a case are together"
    )


async def test_changes_are_read_whole_and_by_rule(session: CaseSession, journal: Path) -> None:
    rules = ruled({"actions": {"priority": "P3"}, "continue": True}, {"actions": {"attributes": {"seen": ["yes"]}}})
    plan = await plan_triage(session, rules, state=journal)
    every = [change async for change in read_changes(journal)]
    seen = [change async for change in read_changes(journal, rule="r1")]
    assert (len(every), len(seen)) == (plan.operations, 40)
    assert all((change.before, change.after) == ({"seen": []}, {"seen": ["yes"]}) for change in seen)
    with pytest.raises(JobError, match='run 1 has no rule "r2"; it has: r0, r1'):
        _ = [change async for change in read_changes(journal, rule="r2")]


async def test_a_state_belongs_to_one_triage_and_one_organisation(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {"rules": [{"name": "r", "match": "all", "actions": {"priority": "P3"}}]}
    await plan_triage(session, parse_rules({"name": "one", **rules}), state=journal)
    with pytest.raises(ForeignJournalError, match='it belongs to the triage "one", not to "two"'):
        await run_triage(session, parse_rules({"name": "two", **rules}), state=journal)
    monkeypatch.setattr(people, "ORG_ID", "0f1e2d3c-0000-4000-8000-0000000000aa")
    for job in (apply_triage(session, state=journal), run_triage(session, parse_rules(rules), state=journal)):
        with pytest.raises(ForeignJournalError, match="it belongs to another organisation"):
            await job
    assert writes(emulator) == []


async def test_without_the_permission_to_read_users_the_projects_tell_organisations_apart(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = emulator.answer

    def no_users(request: Any) -> Any:
        return Reply(403, {"errors": ["no"]}) if request.route.name == "get_current_user" else answer(request)

    monkeypatch.setattr(emulator, "answer", no_users)
    await plan_triage(session, all_cases(priority="P3"), state=journal)
    async with (
        Emulator(cases=5, seed=8) as other,
        CaseSession(base_url=other.base_url, api_key="k", app_key="k") as elsewhere,
    ):
        monkeypatch.setattr(other, "answer", lambda request, real=other.answer: (
            Reply(403, {"errors": ["no"]}) if request.route.name == "get_current_user" else real(request)
        ))  # fmt: skip
        with pytest.raises(ForeignJournalError, match="another organisation"):
            await apply_triage(elsewhere, state=journal)
    assert (await apply_triage(session, state=journal)).succeeded


async def test_an_organisation_is_known_by_all_that_was_ever_seen_of_it(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the permission to read users comes and goes, and if it gets more projects."""

    def without_users(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda request: (
            Reply(403, {"errors": ["no"]}) if request.route.name == "get_current_user" else answer(request)
        )

    rules = all_cases(priority="P3")
    with monkeypatch.context() as patch:
        patch.setattr(emulator, "answer", without_users(emulator.answer))
        await plan_triage(session, rules, state=journal)
        await projects.create_project(session, key="NEW", name="New")
        await plan_triage(session, rules, state=journal)
    await plan_triage(session, rules, state=journal)
    async with (
        Emulator(cases=5, seed=8) as other,
        CaseSession(base_url=other.base_url, api_key="k", app_key="k") as elsewhere,
    ):
        monkeypatch.setattr(other, "answer", without_users(other.answer))
        with pytest.raises(ForeignJournalError, match="another organisation"):
            await plan_triage(elsewhere, rules, state=journal)


async def test_edited_rules_finish_the_cases_that_were_begun_and_decide_anew_about_the_rest(
    emulator: Emulator, hourly: Callable[..., Any], journal: Path
) -> None:
    """No case is told twice that it is closed, and none is left half-way."""
    old = ruled({"match": {"status_group": "open"}, "actions": {"comment": "bye", "status": "Closed"}})
    opened = sum(case.status == "OPEN" for case in emulator.store.tables.cases)
    stopped = await hourly(old, control=JobControl(budget=Budget(max_operations=7, concurrency=1)))
    assert stopped.states[State.PLANNED] > 0
    new = ruled({"match": {"status_group": "open"}, "actions": {"comment": "farewell", "status": "Closed"}})
    assert (await hourly(new)).succeeded
    assert comments(emulator, "bye") + comments(emulator, "farewell") == opened
    assert comments(emulator, "bye") >= 5
    assert all(case.status != "OPEN" for case in emulator.store.tables.cases)
    assert [run.state for run in await list_runs(journal)] == [RunState.ENDED, RunState.ENDED]


async def test_a_plan_that_is_applied_later_lets_the_cases_be_finished_that_an_earlier_run_had_begun(
    emulator: Emulator, hourly: Callable[..., Any], session: CaseSession, journal: Path
) -> None:
    """The plan was made over cases that were half-way; it leaves them alone once they are done."""
    old = ruled({"match": {"status_group": "open"}, "actions": {"comment": "bye", "status": "Closed"}})
    opened = sum(case.status == "OPEN" for case in emulator.store.tables.cases)
    await hourly(old, control=JobControl(budget=Budget(max_operations=7, concurrency=1)))
    assert sum(case.status == "OPEN" for case in emulator.store.tables.cases) == opened - 1
    new = ruled({"match": {"status_group": "open"}, "actions": {"comment": "farewell", "status": "Closed"}})
    await plan_triage(session, new, state=journal, control=JobControl(clock=emulator.clock))
    emulator.clock.advance(HOUR)
    await apply_triage(session, state=journal, control=JobControl(clock=emulator.clock), settle=0)
    assert comments(emulator, "bye") >= 5
    assert comments(emulator, "bye") + comments(emulator, "farewell") == opened
    assert all(case.status != "OPEN" for case in emulator.store.tables.cases)
    assert [run.state for run in await list_runs(journal)] == [RunState.ENDED, RunState.ENDED]


async def test_applying_a_plan_that_is_done_asks_whose_state_it_is_and_nothing_else(
    emulator: Emulator, hourly: Callable[..., Any], session: CaseSession, journal: Path
) -> None:
    done = await hourly(all_cases(priority="P5"))
    before = emulator.requests
    again = await apply_triage(session, state=journal, control=JobControl(clock=emulator.clock))
    assert again.states == done.states
    assert emulator.requests - before == 1


async def test_a_plan_that_is_too_large_is_refused_before_anything_is_changed(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    for rules, limit in (
        (ruled({"actions": {"priority": "P3"}, "max_cases": 5}), 5),
        (ruled({"actions": {"priority": "P3"}}, max_cases=5), 5),
        (RuleSet([rule("a function", max_cases=0)(lambda _: {"priority": "P3"})]), 0),
    ):
        with pytest.raises(PlanTooLargeError, match=f"max_cases is {limit}; nothing was changed"):
            await run_triage(session, rules, state=journal)
        dry = await plan_triage(session, rules, state=journal, dry_run=True)
        assert any(f"max_cases is {limit}" in warning for warning in dry.warnings)
    assert writes(emulator) == []
    assert await list_runs(journal) == []


async def test_old_runs_go_and_what_they_did_is_still_remembered(
    emulator: Emulator, hourly: Callable[..., Any], journal: Path
) -> None:
    rules = ruled({"actions": {"comment": "hello"}, "once": True})
    for _ in range(4):
        await hourly(rules)
    assert await prune_runs(journal, keep=1) == 3
    assert [run.number for run in await list_runs(journal)] == [4]
    await hourly(rules)
    assert comments(emulator, "hello") == 40
    assert [run.number for run in await list_runs(journal)] == [4, 5]


async def test_a_comment_that_may_have_been_made_holds_its_case_back(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """In its own run the case is not closed, and in the next ones the rule leaves it alone until it was looked for."""
    rules = ruled({"match": {"priority": "P1"}, "actions": {"comment": "bye", "status": "Closed"}})
    for case in emulator.store.tables.cases:
        emulator.store.cases.touch(case.id, priority="P2")
    victim = emulator.store.tables.cases[0]
    emulator.store.cases.touch(victim.id, priority="P1", status="OPEN")
    with_doubt = JobControl(clock=lambda: emulator.clock() + 7_200)
    emulator.set_faults("comment_case: drop-after-effect")

    plan = await plan_triage(session, rules, state=journal, control=JobControl(clock=with_doubt.clock))
    assert plan.operations == 2
    result = await apply_triage(session, state=journal, control=with_doubt, settle=0)
    assert result.states == {State.DONE: 1, State.UNKNOWN: 1}, "the status went first, and the comment is in doubt"
    emulator.set_faults(None)
    emulator.store.cases.touch(victim.id, status="OPEN")
    again = await run_triage(session, rules, state=journal, control=JobControl(clock=with_doubt.clock), settle=0)
    assert again.states == {}
    assert "may or may not have been made" in (await list_runs(journal))[-1].facts["warnings"][0]
    assert comments(emulator, "bye") == 1


async def test_an_unknown_comment_keeps_its_case_open(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    """What explains comes before what closes: where nobody knows whether it was said, nothing is closed."""
    for case in emulator.store.tables.cases:
        emulator.store.cases.touch(case.id, status="OPEN")
    await plan_triage(session, all_cases(comment="bye", status="Closed"), state=journal)
    emulator.set_faults("comment_case#9: drop-after-effect")
    ahead = JobControl(clock=lambda: emulator.clock() + 7_200)
    result = await apply_triage(session, state=journal, control=ahead, settle=0, even_if_changed=True)
    assert result.states == {State.DONE: 78, State.UNKNOWN: 1, State.SKIPPED: 1}
    silent = [entry for entry in emulator.log if entry.route == "comment_case"][8].path.split("/")[4]
    assert [case.id for case in emulator.store.tables.cases if case.closed_at is None] == [silent]


async def test_a_case_that_shows_one_of_two_changes_gets_the_other(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading back asks for all that was sent, not for any of it."""
    answer = emulator.answer

    def forgets_priorities(request: Any) -> Any:
        if request.route.name == "bulk_update_cases":
            wanted = request.body["data"]["attributes"]
            if wanted["type"] == "priority":
                del wanted["case_ids"][1:]
        return answer(request)

    monkeypatch.setattr(emulator, "answer", forgets_priorities)
    result = await run_triage(session, all_cases(priority="P1", due_date="2031-01-01", unassign=True), state=journal)
    assert result.succeeded
    assert all(case.priority == "P1" and case.assignee is None for case in emulator.store.tables.cases)
    assert routes(emulator)["bulk_update_cases"] > 0
