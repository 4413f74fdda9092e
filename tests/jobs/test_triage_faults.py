"""Whatever goes wrong while a plan is applied is found out, reported, and put right or left for a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scenes import all_cases, comments, only, routes

from casemgmt_async import AuthenticationError, BulkAction, CaseSession, ConnectionFailedError
from casemgmt_async.emulator import Emulator
from casemgmt_async.emulator.messages import Reply
from casemgmt_async.jobs import (
    Budget,
    JobControl,
    JobError,
    RuleSet,
    ServiceDownError,
    State,
    apply_triage,
    plan_triage,
    read_report,
    rule,
    run_triage,
)
from casemgmt_async.routes import Replay


async def test_a_rule_stops_after_equal_refusals(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    """Three cases are tried; the others are left alone, and the report says what to correct."""
    nowhere = "99999999-0000-4000-8000-000000000000"
    result = await run_triage(
        session, all_cases(project=nowhere), state=journal, control=JobControl(budget=Budget(concurrency=1))
    )
    assert result.states == {State.REJECTED: 3, State.SKIPPED: 37}
    assert not result.succeeded
    assert routes(emulator)["bulk_update_cases"] == 1, "a refused one changes nothing"
    assert routes(emulator)["move_case_to_project"] == 3
    skipped, refused = (await read_report(journal)).failures
    assert skipped.reason.startswith("the rule was stopped after 3 equal refusals in a row")
    assert refused.reason.startswith("move_case_to_project answered 404")


async def test_what_a_bulk_update_has_not_done_is_done_singly(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bulk update that passes over some cases is found out by reading back."""
    answer = emulator.answer

    def forgetful(request: Any) -> Any:
        if request.route.name == "bulk_update_cases":
            del request.body["data"]["attributes"]["case_ids"][::4]
        return answer(request)

    monkeypatch.setattr(emulator, "answer", forgetful)
    emulator.add_status("Completed", "closed")
    result = await run_triage(session, all_cases(status="Completed", archive=True), state=journal, chunk=10)
    assert result.states == {State.DONE: 80}
    assert all(case.status == "COMPLETED" and case.archived_at for case in emulator.store.tables.cases)
    assert routes(emulator)["update_status"] == routes(emulator)["archive_case"] == 13, "every fourth, and the first"


async def test_cases_moved_singly_are_looked_for_where_they_are_now(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case that is no more on the pages of the project it came from was moved, and not archived for that."""
    answer, project = emulator.answer, next(iter(emulator.store.tables.projects))

    def unhelpful(request: Any) -> Any:
        if request.route.name == "bulk_update_cases":
            wanted = request.body["data"]["attributes"]
            if wanted["type"] == BulkAction.UPDATE_PROJECT:
                return Reply(400, {"errors": ["not today"]})
            del wanted["case_ids"][::4]
        return answer(request)

    monkeypatch.setattr(emulator, "answer", unhelpful)
    result = await run_triage(session, all_cases(project=project, archive=True), state=journal, chunk=10)
    assert result.succeeded
    moves = routes(emulator)["move_case_to_project"]
    assert 0 < moves < 40
    assert result.states == {State.DONE: 40 + moves}
    assert all(case.archived_at and case.project_id == project for case in emulator.store.tables.cases)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_comment_whose_answer_was_lost_is_looked_for(
    session: CaseSession, emulator: Emulator, journal: Path, control: Callable[..., JobControl], moment: str
) -> None:
    """Whether it was made or not, in the end it is there exactly once, and known as done."""
    emulator.set_faults(f"comment_case#2..5: drop-{moment}-effect")
    made = control()
    result = await run_triage(session, all_cases(comment="Only once."), state=journal, control=made, settle=30)
    assert result.states == {State.DONE: 40}
    assert comments(emulator, "Only once.") == 40
    assert emulator.ledger.times("Only once.") == 40
    assert max(made.slept) == pytest.approx(30, abs=5)  # type: ignore[attr-defined]


async def test_an_earlier_comment_of_the_same_text_leaves_the_outcome_unknown(
    session: CaseSession, emulator: Emulator, journal: Path, control: Callable[..., JobControl]
) -> None:
    """Where the same text was there an hour before, nobody can tell by a far-off clock, and a person decides."""
    case = emulator.store.tables.cases[0]
    await plan_triage(session, only(case.key, comment="Twice?"), state=journal)
    ahead = control(clock=lambda: emulator.clock() + 7_200)
    emulator.set_faults("comment_case#1: drop-after-effect")
    result = await apply_triage(session, state=journal, control=ahead, settle=0)
    assert result.states == {State.UNKNOWN: 1}
    assert not result.succeeded
    (failure,) = (await read_report(journal)).failures
    assert "the same comment was made at" in failure.reason
    assert comments(emulator, "Twice?") == 1

    result = await apply_triage(session, state=journal, control=control(), settle=0)
    assert result.states == {State.UNKNOWN: 1}
    emulator.store.tables.cells.clear()
    emulator.store.cases.touch(case.id, comments=())
    result = await apply_triage(session, state=journal, control=control(), settle=0, retry_unknown=True)
    assert result.states == {State.DONE: 1}
    assert comments(emulator, "Twice?") == 1


async def test_a_step_that_failed_keeps_the_later_ones_of_its_case_back(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """Where the comment that says why is refused, the case is not closed; the others are."""
    victim = emulator.store.tables.cases[0]

    @rule("close")
    def close(case: Any) -> dict[str, Any]:
        due = {"due_date": "2030-01-02"} if case.key == victim.key else {}
        return {**due, "comment": "Closing.", "status": "Closed"}

    emulator.set_faults("update_case_due_date: status=403")

    result = await run_triage(session, RuleSet([close]), state=journal)
    assert result.states[State.REJECTED] == 1
    assert result.states[State.SKIPPED] >= 1
    assert comments(emulator, "Closing.") == 39
    reasons = {failure.reason for failure in (await read_report(journal)).failures if failure.state is State.SKIPPED}
    assert reasons == {"an earlier step of this case was not done"}


async def test_a_second_stop_ends_at_once_and_loses_nothing(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """Calls in flight are broken off; what they were is in the journal, and is looked for on the next run."""
    emulator.set_faults("comment_case#8..: stall")
    await plan_triage(session, all_cases(comment="Seen."), state=journal)

    impatient = JobControl()
    running = asyncio.ensure_future(apply_triage(session, state=journal, control=impatient))
    while routes(emulator)["comment_case"] < 7 + impatient.budget.concurrency:
        await asyncio.sleep(0)
    impatient.request_stop()
    impatient.request_stop()
    result = await running
    assert result.states[State.SENDING] > 0
    assert result.interrupted

    emulator.set_faults(None)
    result = await apply_triage(session, state=journal, settle=0)
    assert result.states == {State.DONE: 40}
    assert comments(emulator, "Seen.") == 40


async def test_a_service_that_is_down_ends_the_job_in_one_line(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """After ten calls in a row without an answer the job stops, and goes on when the service is back."""
    await plan_triage(session, all_cases(comment="Seen."), state=journal)
    impatient = session.with_options(retry=None)
    emulator.set_faults("comment_case: status=503")
    with pytest.raises(
        ServiceDownError, match=r"10 calls in a row got no answer.*run again: the job continues"
    ) as caught:
        await apply_triage(impatient, state=journal, settle=0)
    assert "\n" not in str(caught.value)

    emulator.set_faults(None)
    assert (await apply_triage(session, state=journal, settle=0)).states == {State.DONE: 40}
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
    await plan_triage(session, all_cases(comment="Seen.", priority="P4"), state=journal)
    with monkeypatch.context() as patch:
        patch.setattr(emulator, "answer", refuse_writes(emulator.answer))
        with pytest.raises(AuthenticationError):
            await apply_triage(session, state=journal)
    report = await read_report(journal)
    assert report.states.keys() <= {State.PLANNED, State.SENDING}

    assert (await apply_triage(session, state=journal, settle=0)).succeeded
    assert comments(emulator, "Seen.") == 40


async def test_what_was_never_sent_to_a_case_that_cannot_be_read_is_rejected(
    session: CaseSession, emulator: Emulator, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outcome is known, so it is not unknown."""
    key = emulator.store.tables.cases[0].key
    chosen = RuleSet([rule("one", once=True)(lambda case: {"comment": "Seen."} if case.key == key else None)])
    assert (await plan_triage(session, chosen, state=journal)).operations == 1
    answer = emulator.answer

    def refusing(request: Any) -> Any:
        refused = request.route.name in {"get_case", "list_case_timeline"}
        return Reply(403, {"errors": ["Forbidden"]}) if refused else answer(request)

    monkeypatch.setattr(emulator, "answer", refusing)
    result = await apply_triage(session, state=journal, settle=0)
    assert result.states == {State.REJECTED: 1}
    assert "the case could not be read" in (await read_report(journal)).failures[0].reason
    assert comments(emulator, "Seen.") == 0


async def test_an_unreachable_host_is_an_error_before_anything_is_planned(journal: Path) -> None:
    """No connection: one error, and a journal without a plan, in which the same call can be tried again."""
    async with CaseSession(base_url="http://127.0.0.1:1", api_key="k", app_key="k", retry=None) as session:
        with pytest.raises(ConnectionFailedError):
            await run_triage(session, all_cases(comment="x"), state=journal)
        with pytest.raises(JobError, match="it has no plan; make one first"):
            await apply_triage(session, state=journal)


async def test_long_rate_limits_are_waited_out(
    session: CaseSession, emulator: Emulator, journal: Path, control: Callable[..., JobControl]
) -> None:
    """A limit that asks for more than a call may wait fails no operation."""
    patient = control()
    await plan_triage(session, all_cases(due_date="2030-01-01"), state=journal)
    emulator.set_faults("update_case_due_date#3..4: status=429")
    result = await apply_triage(session.with_options(retry=None), state=journal, control=patient)
    assert result.states == {State.DONE: 40}
    assert len(patient.slept) == 2  # type: ignore[attr-defined]
