"""What proves that a change is done, and what does not: cases that vanish, searches and timelines that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scenes import all_cases, ruled

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import Journal, State, run_triage


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
