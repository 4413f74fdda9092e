"""A plan changes nothing; applying it makes the cases what the rules say, once, in few requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import AuthenticationError, CaseSession, ConnectionFailedError
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.emulator.exchange import Reply
from casemgmt_async.jobs import (
    Budget,
    Control,
    JobError,
    Journal,
    RuleSet,
    ServiceDownError,
    State,
    apply_triage,
    parse_rules,
    plan_triage,
    read_report,
    rule,
    run_triage,
)
from casemgmt_async.routes import Replay

ME = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
EVERYTHING = {
    "priority": "P4",
    "attributes": {"triaged": ["yes"]},
    "custom_attributes": {"severity": "low"},
    "due_date": "2030-01-02",
    "assign": ME,
    "comment": "Seen by triage.",
    "status": "In Progress",
}


def all_cases(**actions: Any) -> RuleSet:
    """One rule for every case."""
    return parse_rules({"rules": [{"name": "all", "match": {}, "actions": actions}]})


def routes(emulator: Emulator) -> Counter[str | None]:
    """How often each operation was called."""
    return Counter(entry.route for entry in emulator.log)


def comments(emulator: Emulator, text: str) -> int:
    """How many comments say that; the seeded cases have others of their own."""
    return sum(cell.message == text for cell in emulator.world.state.cells.values())


async def test_a_plan_changes_nothing_and_says_what_it_would_do(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """The table has rule, action and count; not one request was a change."""
    before = emulator.world.snapshot()
    plan = await plan_triage(session, all_cases(assign=ME, archive=True), journal=journal)

    assert [(row.rule, row.action, row.operations) for row in plan.rows] == [
        ("all", f"assign {ME}", 40),
        ("all", "archive", 40),
    ]
    assert (plan.cases, plan.matched, plan.operations) == (40, 40, 80)
    assert plan.requests < 10
    assert plan.basis == "the speed measured"
    assert set(routes(emulator)) == {"search_cases"}
    assert emulator.world.snapshot() == before


async def test_the_time_a_plan_takes_follows_from_the_rate_limit(journal: Path) -> None:
    """Where the answers tell a limit, it is what the estimate rests on."""
    async with (
        Emulator(cases=5, limits="searching=100/10s:search_cases") as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        plan = await plan_triage(session, all_cases(comment="x"), journal=journal)
    assert plan.basis == "the rate limit searching of 100 requests in 10 s"
    assert plan.seconds == pytest.approx(plan.requests / 10)


async def test_applying_makes_the_cases_what_the_rules_say(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """Every kind of action is done to every case, once, and its attributes of before are still there."""
    kept = {case.id: case.attributes for case in emulator.world.state.cases}
    project = next(iter(emulator.world.state.projects))
    await plan_triage(session, all_cases(**EVERYTHING, project=project, archive=True), journal=journal)
    result = await apply_triage(session, journal=journal)

    assert result.exit_ok
    assert result.states.keys() == {State.DONE}
    for case in emulator.world.state.cases:
        assert (case.priority, case.assignee, case.status) == ("P4", ME, "IN_PROGRESS")
        assert (case.due_date, case.project_id) == ("2030-01-02", project)
        assert case.attributes == {**kept[case.id], "triaged": ["yes"]}
        assert case.custom_attributes["severity"]["value"] == "low"
        assert case.archived_at is not None
    assert comments(emulator, "Seen by triage.") == 40
    assert routes(emulator)["archive_case"] == routes(emulator)["update_priority"] == 0


async def test_ten_thousand_operations_take_few_requests(journal: Path) -> None:
    """Three bulk actions over a thousand cases, read back: some dozens of requests, and the saving is told."""
    async with (
        Emulator(cases=1_000, seed=1) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        rules = parse_rules(
            {"rules": [{"name": "r", "match": {}, "actions": {"priority": "P5", "assign": ME, "status": "Declined"}}]}
        )
        plan = await plan_triage(session, rules, journal=journal)
        before = emulator.requests
        result = await apply_triage(session, journal=journal)
        spent = emulator.requests - before
        assert all(case.status == "DECLINED" for case in emulator.world.state.cases)
    assert result.exit_ok
    assert result.one_by_one == plan.operations > 2_800
    assert spent <= result.requests < 100
    assert plan.requests == pytest.approx(spent, abs=30)


async def test_what_is_so_already_costs_nothing(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    """A second triage with the same rules plans no operation but the comments."""
    rules = all_cases(priority="P4", assign=ME)
    await run_triage(session, rules, journal=journal)
    plan = await plan_triage(session, rules, journal=journal.with_name("second.db"))
    assert (plan.operations, plan.already) == (0, 80)


async def test_a_case_changed_since_the_plan_is_skipped_unless_told_otherwise(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """Somebody else's change after the plan keeps the job away from that case, and is reported."""
    await plan_triage(session, all_cases(priority="P4", comment="x"), journal=journal)
    changed = emulator.world.state.cases[3].id
    emulator.world.cases.touch(changed)
    async with Journal(journal, kind="any", read_only=True) as book:
        planned = [operation.name for operation in await book.operations()]
    result = await apply_triage(session, journal=journal)

    assert result.states[State.SKIPPED] == planned.count(changed)
    assert comments(emulator, "x") == 39
    report = await read_report(journal)
    assert {failure.reason for failure in report.failures} == {"the case was changed since the plan"}
    assert result.exit_ok

    again = journal.with_name("again.db")
    await plan_triage(session, all_cases(comment="y"), journal=again)
    emulator.world.cases.touch(changed)
    assert (await apply_triage(session, journal=again, even_if_changed=True)).states == {State.DONE: 40}


async def test_a_closed_case_that_left_the_filter_is_found_changed(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """What is no longer on the pages of the plan's search is still read before anything is done to it."""
    rules = parse_rules({"filter": "status:open", "rules": [{"name": "r", "match": {}, "actions": {"comment": "x"}}]})
    plan = await plan_triage(session, rules, journal=journal)
    chosen = [case.id for case in emulator.world.state.cases if case.status == "OPEN"][:2]
    emulator.world.cases.close(chosen[0])
    emulator.world.cases.archive(chosen[1])
    result = await apply_triage(session, journal=journal)
    assert result.states == {State.DONE: plan.operations - 2, State.SKIPPED: 2}


async def test_a_bulk_update_that_is_refused_falls_back_to_single_ones(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """A project that bulk does not know is asked for once, then case by case, and each refusal is kept."""
    nowhere = "99999999-0000-4000-8000-000000000000"
    result = await run_triage(
        session, all_cases(project=nowhere), journal=journal, control=Control(budget=Budget(concurrency=1))
    )
    assert result.states == {State.REJECTED: 40}
    assert not result.exit_ok
    assert routes(emulator)["bulk_update_cases"] == 1
    assert routes(emulator)["move_case_to_project"] == 40
    (failure,) = (await read_report(journal)).failures
    assert failure.count == 40
    assert failure.reason.startswith("move_case_to_project answered 404")


async def test_what_a_bulk_update_has_not_done_is_done_singly(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bulk update that passes over some cases is found out by reading back."""
    answer = emulator.world.answer

    def forgetful(request: Any) -> Any:
        if request.route.name == "bulk_update_cases":
            del request.body["data"]["attributes"]["case_ids"][::4]
        return answer(request)

    monkeypatch.setattr(emulator.world, "answer", forgetful)
    result = await run_triage(session, all_cases(status="Completed", archive=True), journal=journal, chunk=10)
    assert result.states == {State.DONE: 80}
    assert all(case.status == "COMPLETED" and case.archived_at for case in emulator.world.state.cases)
    assert routes(emulator)["update_status"] == routes(emulator)["archive_case"] == 12


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_comment_whose_answer_was_lost_is_looked_for(
    session: CaseSession, emulator: Emulator, journal: Path, control: Callable[..., Control], moment: str
) -> None:
    """Whether it was made or not, in the end it is there exactly once, and known as done."""
    emulator.set_faults(f"comment_case#2..5: drop-{moment}-effect")
    made = control()
    result = await run_triage(session, all_cases(comment="Only once."), journal=journal, control=made, settle=30)
    assert result.states == {State.DONE: 40}
    assert comments(emulator, "Only once.") == 40
    assert emulator.ledger.times("Only once.") == 40
    assert max(made.slept) == pytest.approx(30, abs=5)  # type: ignore[attr-defined]


async def test_an_earlier_comment_of_the_same_text_leaves_the_outcome_unknown(
    session: CaseSession, emulator: Emulator, journal: Path, control: Callable[..., Control]
) -> None:
    """Where the same text was there an hour before, nobody can tell by a far-off clock, and a person decides."""
    case = emulator.world.state.cases[0]
    await plan_triage(session, only(case.key, comment="Twice?"), journal=journal)
    ahead = control(clock=lambda: emulator.clock() + 7_200)
    emulator.set_faults("comment_case#1: drop-after-effect")
    result = await apply_triage(session, journal=journal, control=ahead, settle=0)
    assert result.states == {State.UNKNOWN: 1}
    assert not result.exit_ok
    (failure,) = (await read_report(journal)).failures
    assert "the same comment was made at" in failure.reason
    assert comments(emulator, "Twice?") == 1

    result = await apply_triage(session, journal=journal, control=control(), settle=0)
    assert result.states == {State.UNKNOWN: 1}
    emulator.world.state.cells.clear()
    emulator.world.cases.touch(case.id, comments=())
    result = await apply_triage(session, journal=journal, control=control(), settle=0, retry_unknown=True)
    assert result.states == {State.DONE: 1}
    assert comments(emulator, "Twice?") == 1


def only(key: str, **actions: Any) -> RuleSet:
    """A rule for one case."""

    @rule("only")
    def one(case: Any) -> dict[str, Any] | None:
        return actions if case.key == key else None

    return RuleSet([one])


async def test_a_step_that_failed_keeps_the_later_ones_of_its_case_back(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """Where the comment that says why is refused, the case is not closed; the others are."""
    victim = emulator.world.state.cases[0]

    @rule("close")
    def close(case: Any) -> dict[str, Any]:
        return {"assign": "nobody" if case.key == victim.key else ME, "comment": "Closing.", "status": "Closed"}

    result = await run_triage(session, RuleSet([close]), journal=journal)
    assert result.states[State.REJECTED] == 1
    assert result.states[State.SKIPPED] >= 1
    assert comments(emulator, "Closing.") == 39
    reasons = {failure.reason for failure in (await read_report(journal)).failures if failure.state is State.SKIPPED}
    assert reasons == {"an earlier step of this case was not done"}


async def test_budgets_and_stops_leave_the_rest_for_the_next_run(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """After so many operations, after its time, or when asked, it ends in order, and the same call goes on."""
    rules = all_cases(priority="P4", comment="Seen.")
    total = (await plan_triage(session, rules, journal=journal)).operations

    first = await apply_triage(session, journal=journal, control=Control(budget=Budget(max_operations=15)))
    assert first.states == {State.DONE: 15, State.PLANNED: total - 15}
    assert first.stopped == "its budget of 15 operations is used up"
    assert first.exit_ok

    late = await apply_triage(session, journal=journal, control=Control(budget=Budget(max_time=1e-9)))
    assert late.states == first.states
    assert late.stopped == "its time of 1e-09 s is used up"

    ended: list[str] = []

    def stop_after_five(step: str) -> None:
        if step == "ended":
            ended.append(step)
            if len(ended) == 5:
                asked.request_stop()

    asked = Control(checkpoint=stop_after_five)
    stopped = await apply_triage(session, journal=journal, control=asked)
    assert stopped.interrupted
    assert not stopped.exit_ok
    assert 15 < stopped.states[State.DONE] < total

    last = await apply_triage(session, journal=journal)
    assert last.states == {State.DONE: total}
    assert comments(emulator, "Seen.") == 40


async def test_a_second_stop_ends_at_once_and_loses_nothing(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """Calls in flight are broken off; what they were is in the journal, and is looked for on the next run."""
    emulator.set_faults("comment_case#8..: stall")
    await plan_triage(session, all_cases(comment="Seen."), journal=journal)

    impatient = Control()
    running = asyncio.ensure_future(apply_triage(session, journal=journal, control=impatient))
    while routes(emulator)["comment_case"] < 7 + impatient.budget.concurrency:
        await asyncio.sleep(0)
    impatient.request_stop()
    impatient.request_stop()
    result = await running
    assert result.states[State.SENDING] > 0
    assert result.interrupted

    emulator.set_faults(None)
    result = await apply_triage(session, journal=journal, settle=0)
    assert result.states == {State.DONE: 40}
    assert comments(emulator, "Seen.") == 40


async def test_a_service_that_is_down_ends_the_job_in_one_line(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """After ten calls in a row without an answer the job stops, and goes on when the service is back."""
    await plan_triage(session, all_cases(comment="Seen."), journal=journal)
    impatient = session.with_options(retry=None)
    emulator.set_faults("comment_case: status=503")
    with pytest.raises(
        ServiceDownError, match=r"10 calls in a row found no answer.*run again: the job goes on"
    ) as caught:
        await apply_triage(impatient, journal=journal)
    assert "\n" not in str(caught.value)

    emulator.set_faults(None)
    assert (await apply_triage(session, journal=journal, settle=0)).states == {State.DONE: 40}
    assert comments(emulator, "Seen.") == 40


def refuse_writes(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An answer of 401 to all that is not a read."""

    def refusing(request: Any) -> Any:
        return answer(request) if request.route.replay is Replay.READ else Reply(401, {"errors": ["Unauthorized"]})

    return refusing


async def test_refused_credentials_end_the_job_and_spoil_nothing(
    session: CaseSession, emulator: Emulator, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 is not the fault of a case: nothing is rejected, everything stays planned."""
    await plan_triage(session, all_cases(comment="Seen.", priority="P4"), journal=journal)
    with monkeypatch.context() as patch:
        patch.setattr(emulator.world, "answer", refuse_writes(emulator.world.answer))
        with pytest.raises(AuthenticationError):
            await apply_triage(session, journal=journal)
    report = await read_report(journal)
    assert report.states.keys() <= {State.PLANNED, State.SENDING}

    assert (await apply_triage(session, journal=journal, settle=0)).exit_ok
    assert comments(emulator, "Seen.") == 40


async def test_an_unreachable_host_is_an_error_before_anything_is_planned(journal: Path) -> None:
    """No connection: one error, and a journal without a plan, in which the same call can be tried again."""
    async with CaseSession(base_url="http://127.0.0.1:1", api_key="k", app_key="k", retry=None) as session:
        with pytest.raises(ConnectionFailedError):
            await run_triage(session, all_cases(comment="x"), journal=journal)
        with pytest.raises(JobError, match="there is no plan in it; make one first"):
            await apply_triage(session, journal=journal)


async def test_long_rate_limits_are_waited_out(
    session: CaseSession, emulator: Emulator, journal: Path, control: Callable[..., Control]
) -> None:
    """A limit that asks for more than a call may wait fails no operation."""
    patient = control()
    await plan_triage(session, all_cases(due_date="2030-01-01"), journal=journal)
    emulator.set_faults("update_case_due_date#3..4: status=429")
    result = await apply_triage(session.with_options(retry=None), journal=journal, control=patient)
    assert result.states == {State.DONE: 40}
    assert len(patient.slept) == 2  # type: ignore[attr-defined]


async def test_a_plan_is_not_made_twice_and_not_applied_with_other_rules(session: CaseSession, journal: Path) -> None:
    """A journal holds one plan; running other rules over it is refused."""
    await plan_triage(session, all_cases(comment="x"), journal=journal)
    with pytest.raises(JobError, match="it holds a plan already; apply that, or give a new path"):
        await plan_triage(session, all_cases(comment="x"), journal=journal)
    with pytest.raises(JobError, match="its plan was made with other rules"):
        await run_triage(session, all_cases(comment="y"), journal=journal)
    assert (await run_triage(session, all_cases(comment="x"), journal=journal)).states == {State.DONE: 40}


async def test_facets_and_index_that_cannot_be_trusted_cost_requests_and_nothing_else(journal: Path) -> None:
    """Where search shows nothing new for an hour, the cases are read one by one, and the result is the same."""
    async with (
        Emulator(cases=12, seed=3, switches=Switches(archived_visible=True)) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        result = await run_triage(session, all_cases(archive=True, priority="P1"), journal=journal)
        assert result.exit_ok
        assert all(case.archived_at and case.priority == "P1" for case in emulator.world.state.cases)
