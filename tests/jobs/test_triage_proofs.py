"""What proves that a change is done, and what does not: cases that vanish, searches and timelines that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scenes import all_cases, routes, ruled

from casemgmt_async import CaseSession, timeline
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import JobControl, Journal, State, parse_rules, plan_triage, run_triage
from casemgmt_async.jobs.recovery import Found, find_comment


async def test_a_case_that_somebody_archives_meanwhile_does_not_count_as_changed(
    emulator: Emulator, session: CaseSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That no page shows a case proves that it was archived, and nothing else that was sent for it."""
    answer = emulator.answer
    project = emulator.store.tables.cases[0].project_id
    for case in emulator.store.tables.cases:
        emulator.store.cases.touch(case.id, project_id=project, priority="P3")
    forgotten = [case.id for case in emulator.store.tables.cases[10:13]]

    def others_archive(request: Any) -> Any:
        if request.route.name == "bulk_update_cases":
            wanted = request.body["data"]["attributes"]["case_ids"]
            wanted[:] = [case_id for case_id in wanted if case_id not in forgotten]
            for case_id in forgotten:
                emulator.store.cases.touch(case_id, archived_at=emulator.store.now())
        return answer(request)

    monkeypatch.setattr(emulator, "answer", others_archive)
    result = await run_triage(session, all_cases(priority="P1"), state=journal)
    assert result.states == {State.DONE: 40}
    assert {case.priority for case in emulator.store.tables.cases} == {"P1"}


async def test_the_project_that_a_case_was_moved_to_is_kept(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """A later run that continues looks for the case there."""
    project = list(emulator.store.tables.projects)[-1]
    await run_triage(session, ruled({"actions": {"project": project}}), state=journal)
    async with Journal(journal, kind="triage", read_only=True) as book:
        assert await book.read("SELECT DISTINCT project_id FROM subjects") == [(project,)]


async def test_a_case_whose_timeline_cannot_be_read_counts_as_active_until_it_can(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """Nothing is warned or closed on a guess, and the guess is not kept."""
    for case in emulator.store.tables.cases:
        emulator.store.cases.touch(case.id, status="OPEN", description="by me")
    later = emulator.clock() + 29 * 86_400.0  # when the last changes are those of the triage's own user
    rules = parse_rules({"stale": {"warn_after": "30d", "close_after": "7d"}})
    emulator.set_faults("list_case_timeline: status=403")
    plan = await plan_triage(session, rules, state=journal, control=JobControl(clock=lambda: later))
    assert (plan.cases, plan.matched) == (40, 0)
    emulator.set_faults(None)
    plan = await plan_triage(session, rules, state=journal, control=JobControl(clock=lambda: later))
    assert plan.matched > 30


async def test_two_rules_that_set_attributes_leave_each_other_s_as_they_are(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """The service replaces all attributes at once, so each request has those that are there."""
    before = {case.id: dict(case.attributes) for case in emulator.store.tables.cases}
    one = {"actions": {"attributes": {"one": ["1"]}}, "continue": True}
    result = await run_triage(session, ruled(one, {"actions": {"attributes": {"two": ["2"]}}}), state=journal)
    assert result.states == {State.DONE: 80}
    for case in emulator.store.tables.cases:
        assert case.attributes == {**before[case.id], "one": ["1"], "two": ["2"]}


async def test_no_wait_for_lost_answers_is_longer_than_they_take_to_settle(
    emulator: Emulator, session: CaseSession, journal: Path, control: Callable[..., Any]
) -> None:
    """Also if the clock was an hour ahead when they were sent, and was put right since."""
    emulator.set_faults("comment_case#1: drop-after-effect")
    now = emulator.clock()
    waiting = control(clock=lambda: now + (0.0 if routes(emulator)["comment_case"] else 3_600.0))
    await run_triage(session, ruled({"actions": {"comment": "hello"}, "once": True}), state=journal, control=waiting)
    assert waiting.slept
    assert max(waiting.slept) == 30.0


@pytest.mark.parametrize("stored", ["hello", " hello\n"])
async def test_a_comment_is_known_without_the_blanks_around_it(
    emulator: Emulator, session: CaseSession, stored: str
) -> None:
    """The service may keep them or not."""
    case = emulator.store.tables.cases[0]
    await timeline.comment_case(session, case.id, comment=stored)
    for text in ("hello", "\nhello "):
        found = await find_comment(session, case.id, text, emulator.clock(), ())
        assert found.found is Found.THERE
