"""A row is its job and its key: run again after an edit, from another place, or without the journal."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.transfers import count_requests
from casemgmt_async import CaseSession, InvalidArgumentError
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.emulator.state import people
from casemgmt_async.jobs import (
    BackfillResult,
    Budget,
    ForeignJournalError,
    JobControl,
    State,
    backfill_cases,
    preview_backfill,
)
from casemgmt_async.jobs.backfill import intake
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.steps import settled
from casemgmt_async.jobs.journal import Journal

STANDARD = "00000000-0000-0000-0000-000000000001"
Run = Callable[..., Awaitable[BackfillResult]]


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Some plain rows."""
    return [{"key": f"OLD-{number}", "title": f"row {number}", **more} for number in range(count)]


def write(path: Path, given: list[dict[str, Any]]) -> Path:
    """Write rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def titles(emulator: Emulator) -> Counter[str]:
    """The cases that rows became, by title."""
    return Counter(case.title for case in emulator.store.tables.cases if case.title.startswith("row "))


def comments(emulator: Emulator) -> Counter[str]:
    """The comments on those cases; the seeded cases have others of their own."""
    tables = emulator.store.tables
    made = [case for case in tables.cases if case.title.startswith("row ")]
    return Counter(tables.cells[cell].message for case in made for cell in case.comments)


@pytest.fixture
def run(emulator: Emulator, session: CaseSession, control: Callable[..., JobControl]) -> Run:
    """Run a backfill of a file."""

    async def go(source: Path, **options: Any) -> BackfillResult:
        options.setdefault("control", control())
        options.setdefault("project", next(iter(emulator.store.tables.projects)))
        options.setdefault("type", STANDARD)
        return await backfill_cases(session, source, job="test", settle=0, **options)

    return go


async def test_without_its_journal_nothing_is_made_twice(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A lost journal, another file name, another folder: the cases are found, and so are comments and links."""
    given = rows(6, comments=["Once."], links=[{"relationship": "BLOCKS", "to": "OLD-0"}])
    first = await run(write(tmp_path / "rows.jsonl", given))
    assert (first.created, first.found) == (6, 0)
    (tmp_path / "elsewhere").mkdir()
    again = await run(write(tmp_path / "elsewhere" / "renamed.jsonl", given))
    assert (again.created, again.found, again.items) == (0, 6, 6)
    assert again.succeeded
    assert titles(emulator).total() == 6
    assert comments(emulator) == {"Once.": 6}
    assert len(emulator.store.tables.links) == 6


async def test_a_journal_restored_from_a_copy_makes_nothing_twice(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """The copy does not know what was made after it; the service does."""
    source = write(tmp_path / "rows.jsonl", rows(8, comments=["Once."]))
    journal = tmp_path / "job.db"
    await run(source, journal=journal, control=JobControl(budget=Budget(max_operations=5, concurrency=1)))
    shutil.copy(journal, tmp_path / "copy.db")
    await run(source, journal=journal)
    restored = await run(source, journal=tmp_path / "copy.db")
    assert restored.succeeded
    assert restored.created == 0
    assert titles(emulator) == Counter(f"row {number}" for number in range(8))
    assert comments(emulator) == {"Once.": 8}


@pytest.mark.parametrize("skew", [-600, 600])
async def test_lost_creates_are_settled_with_any_clock_and_a_late_index(
    tmp_path: Path, control: Callable[..., JobControl], skew: int
) -> None:
    """One pass settles them all, although no search shows them and this machine's clock is ten minutes off."""
    async with (
        Emulator(
            cases=8, seed=2, switches=Switches(index_lag=600), faults="create_case@30%: drop-after-effect"
        ) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        project = next(iter(emulator.store.tables.projects))
        source = write(tmp_path / "rows.jsonl", rows(40))
        result = await backfill_cases(
            session, source, job="x", project=project, type=STANDARD, control=control(clock=lambda: time.time() + skew)
        )
        assert result.states == {State.DONE: 40}
        assert titles(emulator) == Counter(f"row {number}" for number in range(40))
        lost = 40 - sum(entry.status == 201 for entry in emulator.log if entry.route == "create_case")
        assert lost > 5
        probes = sum(entry.route == "get_case" for entry in emulator.log)
        assert probes <= lost + 2 * 10 + 8, "the keys of the lost ones, ten beyond the last twice, and the gaps before"


async def test_a_cut_off_create_is_waited_for_by_the_clock_of_the_service(
    emulator: Emulator, session: CaseSession, tmp_path: Path, control: Callable[..., JobControl]
) -> None:
    """It was sent from a machine two minutes slow, a moment ago: this one, which is right, still gives it its time."""

    def die(step: str) -> None:
        if step == "sending":
            raise RuntimeError("killed")

    source = write(tmp_path / "rows.jsonl", rows(1))
    where = {"job": "y", "project": next(iter(emulator.store.tables.projects)), "type": STANDARD, "settle": 30}
    slow = control(clock=lambda: time.time() - 120, on_step=die)
    with pytest.raises(RuntimeError, match="killed"):
        await backfill_cases(session, source, control=slow, **where)
    second = control()
    result = await backfill_cases(session, source, control=second, **where)
    assert result.states == {State.DONE: 1}
    assert max(second.slept) > 20


async def test_rows_are_appended_sorted_and_removed(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """New rows are made, sorted rows are nothing, removed ones are counted and their cases stay."""
    source = tmp_path / "rows.jsonl"
    await run(write(source, rows(5)))
    second = await run(write(source, [*reversed(rows(5)), *rows(7)[5:]]))
    assert (second.created, second.unchanged, second.removed) == (2, 5, 0)
    third = await run(write(source, rows(7)[3:]))
    assert (third.created, third.unchanged, third.removed) == (0, 4, 3)
    assert third.succeeded
    assert titles(emulator).total() == 7


async def test_changed_rows_are_shown_and_brought_to_their_cases_on_request(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """Only what the row says anew is changed: what others did to the case otherwise stays."""
    source = tmp_path / "rows.jsonl"
    before = rows(3, priority="P3", description="Old text.", comments=["One."], due_date="2031-01-01")
    await run(write(source, before))
    cases = {case.title: case for case in emulator.store.tables.cases if case.title.startswith("row ")}
    emulator.store.cases.change(cases["row 1"], status="CLOSED")
    after = [dict(row) for row in before]
    after[1] |= {"priority": "P1", "description": "New text.", "comments": ["One.", "Two."], "attributes": {"a": ["b"]}}
    del after[1]["due_date"]
    shown = await run(write(source, after))
    assert (shown.changed, shown.updated, shown.unchanged) == (1, 0, 2)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 1")
    assert case.priority == "P3"

    done = await run(source, update=True)
    assert (done.changed, done.updated) == (0, 1)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 1")
    assert (case.priority, case.status, case.attributes) == ("P1", "CLOSED", {"a": ["b"]})
    assert case.description.startswith("New text.\n\n[casemgmt backfill bf"), "the line with the token stays"
    assert case.due_date == "2031-01-01", "what the row no longer says stays"
    assert comments(emulator) == {"One.": 3, "Two.": 1}
    writes = [entry.route for entry in emulator.log if entry.method != "GET" and entry.route != "search_cases"]
    again = await run(source, update=True)
    assert (again.updated, again.unchanged) == (0, 3)
    assert [e.route for e in emulator.log if e.method != "GET" and e.route != "search_cases"] == writes

    back = await run(write(source, before), update=True)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 1")
    assert back.updated == 1
    assert case.priority == "P3", "a value may go back to what it was"


async def test_a_found_case_is_completed_and_not_overruled(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """Without a journal nobody knows who changed a case since: what is missing is added, the rest is left alone."""
    source = write(tmp_path / "rows.jsonl", rows(2, priority="P3", due_date="2031-01-01", comments=["One."]))
    journal = tmp_path / "lost.db"
    await run(source, journal=journal)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    emulator.store.cases.change(case, priority="P5", due_date=None, comments=())
    found = await run(source, journal=tmp_path / "new.db")
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    assert (case.priority, case.due_date) == ("P5", "2031-01-01")
    assert len(case.comments) == 1
    assert found.states[State.SKIPPED] == 1

    later = await run(source, journal=tmp_path / "new.db", update=True)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    assert case.priority == "P3", "an update does what was left alone before"
    assert later.succeeded
    emulator.store.cases.change(case, priority="P5")

    brought = await run(source, journal=tmp_path / "newer.db", update=True)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    assert case.priority == "P3"
    assert brought.succeeded


async def test_a_key_that_comes_again_much_later_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are read a batch at a time; a key is that of one row in the whole source."""
    monkeypatch.setattr(intake, "BATCH", 2)
    given = [*rows(3), {"key": "OLD-0", "title": "row again"}]
    result = await run(write(tmp_path / "rows.jsonl", given))
    assert (result.created, result.bad_rows) == (3, 1)
    assert list(result.reasons) == ["the key 'OLD-0' is that of line 1 as well"]


async def test_what_somebody_has_set_on_a_found_case_stays(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A day, an attribute or a custom attribute with another value is left alone and reported."""
    says = {"due_date": "2031-01-01", "attributes": {"team": ["core"]}, "custom_attributes": {"severity": "high"}}
    source = write(tmp_path / "rows.jsonl", rows(1, **says))
    await run(source, journal=tmp_path / "lost.db")
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    low = {"severity": {**case.custom_attributes["severity"], "value": "low"}}
    others = {"due_date": "2032-02-02", "attributes": {"team": ["web"]}, "custom_attributes": low}
    emulator.store.cases.change(case, **others)
    found = await run(source, journal=tmp_path / "new.db")
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    assert {name: getattr(case, name) for name in others} == others
    assert found.states[State.SKIPPED] == 3


async def test_equal_comments_of_a_row_are_counted(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A comment that the case has counts for one of the row's, and not for all with its text."""
    source = write(tmp_path / "rows.jsonl", rows(1, comments=["Same.", "Same."]))
    await run(source, journal=tmp_path / "lost.db")
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    emulator.store.cases.change(case, comments=case.comments[:1])
    await run(source, journal=tmp_path / "new.db")
    assert comments(emulator) == {"Same.": 2}


async def test_a_lost_comment_is_not_taken_for_an_equal_one(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """The comment whose answer came does not stand for the one whose request was lost."""
    emulator.set_faults("comment_case#2: drop")
    result = await run(write(tmp_path / "rows.jsonl", rows(1, comments=["Same.", "Same."])))
    assert result.succeeded
    assert comments(emulator) == {"Same.": 2}


async def test_a_case_is_archived_only_when_its_comments_are_there(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """Otherwise the next run would have to look for it where no search shows it."""
    source = write(tmp_path / "rows.jsonl", rows(1, comments=["One."], archived=True))
    emulator.set_faults("comment_case: drop")
    await run(source)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    assert case.archived_at is None
    emulator.set_faults("")
    again = await run(source)
    case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
    assert again.succeeded
    assert case.archived_at is not None
    assert comments(emulator) == {"One.": 1}


@pytest.mark.parametrize(("sent_at", "seconds"), [(None, 0.0), (100.0, 0.0), (990.0, 20.0), (5_000.0, 30.0)])
def test_a_cut_off_request_is_waited_for_no_longer_than_it_can_take_effect(
    sent_at: float | None, seconds: float
) -> None:
    """A journal from a machine whose clock is ahead does not make a run wait for hours."""
    clock = ServiceClock(lambda: 1_000.0)
    assert settled(sent_at, clock, 30.0) == seconds


async def test_texts_of_a_found_case_are_compared_with_the_row(
    emulator: Emulator, session: CaseSession, run: Run, tmp_path: Path
) -> None:
    """A title or description that differs is reported, and with `update` brought to the row."""
    source = write(tmp_path / "rows.jsonl", rows(4, description="  Of the row.\n"))
    await run(source, journal=tmp_path / "lost.db")
    cases = {case.title: case for case in emulator.store.tables.cases if case.title.startswith("row ")}
    marker = cases["row 2"].description.partition("[")[2]
    emulator.store.cases.change(cases["row 1"], title="renamed by hand")
    emulator.store.cases.change(cases["row 2"], description=f"Edited by hand.\n\n[{marker}")
    before = emulator.requests
    found = await run(source, journal=tmp_path / "new.db")
    assert (found.created, found.found, found.states[State.SKIPPED]) == (0, 4, 2)
    gets = [entry.path for entry in emulator.log if entry.seq > before and entry.route == "get_case"]
    assert sum(cases[title].id in path for title in cases for path in gets) == 2, "only those that differ are read"
    assert cases["row 1"].title == "renamed by hand"

    brought = await run(source, journal=tmp_path / "new.db", update=True)
    now = {case.id: case for case in emulator.store.tables.cases}
    assert brought.succeeded
    assert now[cases["row 1"].id].title == "row 1"
    assert now[cases["row 2"].id].description == f"  Of the row.\n\n\n[{marker}".lstrip()


async def test_a_value_that_was_edited_back_is_found_without_the_stale_journal(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """The copy does not know of the edits, and takes the row for unchanged; without it every case is compared."""
    source, journal, copy = tmp_path / "rows.jsonl", tmp_path / "job.db", tmp_path / "copy.db"
    first, second = rows(2, priority="P3"), rows(2, priority="P1")
    first[0]["title"], second[0]["title"] = "row 0", "row 0, renamed"
    await run(write(source, first), journal=journal)
    shutil.copy(journal, copy)
    await run(write(source, second), journal=journal, update=True)
    stale = await run(write(source, first), journal=copy, update=True)
    assert stale.unchanged == 2

    brought = await run(source, journal=tmp_path / "none.db", update=True)
    cases = [case for case in emulator.store.tables.cases if case.title.startswith("row ")]
    assert (brought.created, brought.succeeded) == (0, True)
    assert sorted((case.title, case.priority) for case in cases) == [("row 0", "P3"), ("row 1", "P3")]


async def test_a_journal_belongs_to_its_organisation(
    emulator: Emulator, session: CaseSession, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the credentials of another one nothing is sent, although the address is the same."""
    source, journal = write(tmp_path / "rows.jsonl", rows(2)), tmp_path / "job.db"
    await run(source, journal=journal)
    where = {"job": "test", "project": next(iter(emulator.store.tables.projects)), "type": STANDARD}
    write(source, rows(3))
    before = emulator.requests
    with monkeypatch.context() as patch:
        patch.setattr(people, "ORG_ID", "0f1e2d3c-0000-4000-8000-0000000000aa")
        for backfill in (backfill_cases, preview_backfill):
            with pytest.raises(ForeignJournalError, match="another organisation than these credentials"):
                await backfill(session, source, journal=journal, **where)
    assert emulator.requests == before + 2
    assert (await run(source, journal=journal)).created == 1


async def test_links_lead_to_cases_that_another_file_of_the_job_made(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """Also where the journal that knew them is lost: their cases are found by what they carry."""
    await run(write(tmp_path / "first.jsonl", rows(2)), journal=tmp_path / "first.db")
    link = {"relationship": "BLOCKS", "to": "OLD-1"}
    given = [{"key": "NEW", "title": "row new", "links": [link]}]
    result = await run(write(tmp_path / "second.jsonl", given), journal=tmp_path / "second.db")
    assert (result.created, result.states) == (1, {State.DONE: 2})
    keys = {case.title: case.id for case in emulator.store.tables.cases}
    ((found,),) = (emulator.store.tables.links.values(),)
    ends = found["attributes"]["parent_entity_id"], found["attributes"]["child_entity_id"]
    assert ends == (keys["row new"], keys["row 1"])


async def test_where_the_job_began_is_learned_again_from_its_cases(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """Each place once, so that a run without the journal knows which keys can be the job's own."""
    journals = tmp_path / "first.db", tmp_path / "second.db", tmp_path / "second.db"
    source, facts = write(tmp_path / "rows.jsonl", rows(3)), []
    for path in journals:
        await run(source, journal=path)
        async with Journal(path, kind="any", read_only=True) as opened:
            facts.append(opened.meta)
    ((prefix, number),) = facts[0]["origins"].values()
    assert [known.get("begun") for known in facts] == [None, [[prefix, number]], [[prefix, number]]]

    case = next(case for case in emulator.store.tables.cases if case.title == "row 2")
    later = case.description.replace(f"{prefix}-{number}", f"{prefix}-{number + 1}")
    emulator.store.cases.change(case, description=later)
    await run(source, journal=tmp_path / "third.db")
    async with Journal(tmp_path / "third.db", kind="any", read_only=True) as opened:
        assert sorted(opened.meta["begun"]) == [[prefix, number], [prefix, number + 1]]
        assert [*opened.meta["origins"].values()] == [[prefix, number]], "the first of them is where the job began"


async def test_archived_cases_are_found_by_their_keys(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """No search shows them; a source with archived rows makes the run ask for every missing key."""
    source = write(tmp_path / "rows.jsonl", rows(4, archived=True))
    await run(source, journal=tmp_path / "lost.db")
    again = await run(source, journal=tmp_path / "new.db")
    assert (again.created, again.found) == (0, 4)
    assert titles(emulator).total() == 4


async def test_nine_missing_keys_in_a_row_hide_no_case(tmp_path: Path, control: Callable[..., JobControl]) -> None:
    """Each case that is found begins the count again: only ten in a row are the end of a project."""
    async with (
        Emulator(cases=0, seed=2, switches=Switches(index_lag=3600)) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        project, other, *_ = emulator.store.tables.projects
        where = {"job": "gaps", "project": project, "type": STANDARD, "control": control()}
        source = write(tmp_path / "rows.jsonl", rows(20))
        await backfill_cases(session, source, journal=tmp_path / "lost.db", **where)
        mine = sorted(emulator.store.tables.cases, key=lambda case: int(case.key.rpartition("-")[2]))
        for number, case in enumerate(mine, 1):
            if number not in (10, 20):
                emulator.store.cases.move(case, other)
        again = await backfill_cases(session, source, journal=tmp_path / "new.db", **where)
    assert again.found == 2


@pytest.mark.parametrize("archived", [True, False])
async def test_an_old_archived_case_is_found_behind_many_newer_ones(
    emulator: Emulator, run: Run, tmp_path: Path, archived: bool
) -> None:
    """If rows are archived, every missing key is asked for; otherwise those since the job began."""
    project = next(iter(emulator.store.tables.projects))
    source = write(tmp_path / "rows.jsonl", rows(2, archived=archived))
    await run(source, journal=tmp_path / "lost.db")
    if not archived:
        case = next(case for case in emulator.store.tables.cases if case.title == "row 0")
        emulator.store.cases.archive(case.id)
    emulator.seed_cases(130, project=project)
    again = await run(source, journal=tmp_path / "new.db")
    assert (again.created, again.found) == (0, 2)


async def test_assume_new_is_of_the_first_run_only(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A command that is repeated with it finds what another machine has made meanwhile."""
    source, here = tmp_path / "rows.jsonl", tmp_path / "here.db"
    await run(write(source, rows(1)), journal=here, assume_new=True)
    await run(write(source, rows(3)), journal=tmp_path / "there.db")
    emulator.seed_cases(130, project=next(iter(emulator.store.tables.projects)))
    again = await run(source, journal=here, assume_new=True)
    assert (again.created, again.found, again.unchanged) == (0, 2, 1)


async def test_more_than_a_page_of_moved_cases_is_found(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """The search for the word of the job goes on to its last page."""
    source = write(tmp_path / "rows.jsonl", rows(105))
    await run(source, journal=tmp_path / "lost.db")
    _, other, *_ = emulator.store.tables.projects
    for case in [case for case in emulator.store.tables.cases if case.title.startswith("row ")]:
        emulator.store.cases.move(case, other)
    again = await run(source, journal=tmp_path / "new.db")
    assert (again.created, again.found) == (0, 105)


async def test_a_case_moved_to_another_project_is_still_its_row(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """Its key is another one then; the word of the job in its description leads to it."""
    source = write(tmp_path / "rows.jsonl", rows(3))
    await run(source, journal=tmp_path / "lost.db")
    case = next(case for case in emulator.store.tables.cases if case.title == "row 1")
    _, other, *_ = emulator.store.tables.projects
    emulator.store.cases.move(case, other)
    again = await run(source, journal=tmp_path / "new.db")
    assert (again.created, again.found) == (0, 3)


async def test_rejects_are_corrected_and_go_back_in(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """The rejects have the columns of the source and a reason; links from and to them are made in the end."""
    source = tmp_path / "tickets.csv"
    source.write_text(
        "key;title;priority;links\nA;row a;P1;BLOCKS:B\nB;row b;urgent;RELATES_TO:A\nC;row c;;\n", "utf-8-sig"
    )
    first = await run(source)
    assert (first.items, first.bad_rows, first.states[State.REJECTED]) == (2, 1, 1)
    assert first.output == tmp_path / "tickets.rejects.csv"
    text = first.output.read_text("utf-8-sig")
    header, (reason, *cells) = csv.reader(text.splitlines(), delimiter=";")
    assert header == ["casemgmt_reason", "key", "title", "priority", "links"]
    assert reason.startswith("line 3: priority must be one of NOT_DEFINED, P1")
    assert cells == ["B", "row b", "urgent", "RELATES_TO:A"]

    first.output.write_text(text.replace("urgent", "P2"), "utf-8-sig")
    second = await run(first.output)
    assert (second.created, second.bad_rows, second.removed) == (1, 0, 0)
    assert second.succeeded
    last = await run(source)
    assert last.bad_rows == 1, "the source itself is still wrong"
    source.write_text(source.read_text("utf-8-sig").replace("urgent", "P2"), "utf-8-sig")
    last = await run(source)
    assert last.succeeded
    assert titles(emulator) == {"row a": 1, "row b": 1, "row c": 1}
    assert len(emulator.store.tables.links) == 2


async def test_corrections_that_were_not_run_yet_are_not_overwritten(run: Run, tmp_path: Path) -> None:
    """Only a file that the job has written itself, and that nobody has edited since, is replaced."""
    source, good = tmp_path / "tickets.csv", "key,title,priority\nA,row a,P1\n"
    source.write_text(good + "B,row b,urgent\n")
    first = await run(source)
    source.write_text(good + "B,row b,urgent\nC,row c,low\n")
    second = await run(source)
    assert second.output == first.output == tmp_path / "tickets.rejects.csv"
    corrected = second.output.read_bytes().replace(b"urgent", b"P2")
    second.output.write_bytes(corrected)

    for _ in range(2):  # the second time, the file with the number is the job's own
        third = await run(source)
        assert (third.bad_rows, third.output) == (2, tmp_path / "tickets.rejects-2.csv")
    assert second.output.read_bytes() == corrected
    assert b"urgent" in third.output.read_bytes()

    elsewhere = await run(source, journal=tmp_path / "lost.db")
    assert elsewhere.output == third.output, "a file that says the same is not written again"
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [
        "tickets.csv", "tickets.rejects-2.csv", "tickets.rejects.csv",
    ]  # fmt: skip


async def test_the_source_is_no_place_for_the_rejects(run: Run, tmp_path: Path) -> None:
    """It is refused before anything is sent."""
    source = tmp_path / "tickets.csv"
    source.write_text("key,title\nA,row a\n")
    with pytest.raises(InvalidArgumentError, match="rejects: must be another file than the source"):
        await run(source, rejects=source)


async def test_a_rejected_line_that_is_not_json_is_corrected_in_place(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """Its text stands under a key of its own."""
    source = tmp_path / "rows.jsonl"
    source.write_text('{"key": "A", "title": "row a"\n')
    first = await run(source)
    (reject,) = map(json.loads, first.output.read_text().splitlines())
    reject["casemgmt_row"] += "}"
    first.output.write_text(json.dumps(reject) + "\n")
    assert (await run(first.output)).created == 1


async def test_rows_come_from_a_program(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """A generator, an async generator, and values as a DataFrame has them."""

    async def later() -> Any:
        for row in rows(3):
            yield {**row, "due_date": float("nan"), "comments": None}

    where = {
        "job": "py", "journal": tmp_path / "py.db", "project": next(iter(emulator.store.tables.projects)),
        "type": STANDARD, "rejects": tmp_path / "py.rejects.jsonl",
    }  # fmt: skip
    first = await backfill_cases(session, later(), **where)
    second = await backfill_cases(session, (row for row in [*rows(4), {"key": 7.5}, "no"]), **where)
    assert (first.created, second.created, second.unchanged, second.bad_rows) == (3, 1, 3, 2)
    assert titles(emulator).total() == 4


async def test_progress_is_told_while_cases_are_looked_for(
    emulator: Emulator, run: Run, tmp_path: Path, control: Callable[..., JobControl]
) -> None:
    """Each phase is told, the search for the cases of earlier runs among them."""
    emulator.set_faults("create_case#1: drop-after-effect")
    told: list[Any] = []
    link = [{"relationship": "BLOCKS", "to": "OLD-0"}]
    await run(write(tmp_path / "rows.jsonl", rows(3, links=link)), control=control(on_progress=told.append))
    assert [*dict.fromkeys(now.phase for now in told if now.phase)] == [
        "reading", "finding", "creating", "looking up", "linking",
    ]  # fmt: skip


async def test_lost_answers_cost_few_requests_and_leave_nothing_unknown() -> None:
    """A sample; `python -m benchmarks.transfers requests` has 20,000 rows."""
    plain, disturbed = [await count_requests(300, faults) for faults in (None, "create_case@2%: drop-after-effect")]
    assert plain.requests <= 300 + 20
    assert disturbed.requests <= 1.1 * plain.requests + 10


async def test_a_preview_reads_and_sends_nothing(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """It says what a run would do, row by row where there are few, and leaves every file as it is."""
    source = write(tmp_path / "rows.jsonl", rows(3, comments=["One."], priority="P2"))
    where = {"job": "test", "project": next(iter(emulator.store.tables.projects)), "type": STANDARD}
    fresh = await preview_backfill(session, source, **where)
    assert (fresh.rows, fresh.create, fresh.requests) == (3, 3, 6), "a case and a comment for each"
    assert fresh.cases[0]["key"] == "OLD-0"
    assert fresh.cases[0]["then"] == ['comment "One."']
    assert not list(tmp_path.glob("*.db"))

    await backfill_cases(session, source, **where)
    written = {file: file.read_bytes() for file in tmp_path.iterdir()}
    changed = [*rows(4, comments=["One."], priority="P2"), {"key": "bad"}]
    changed[1]["priority"] = "P1"
    preview = await preview_backfill(session, write(tmp_path / "new.jsonl", changed), **where, update=True)
    (tmp_path / "new.jsonl").unlink()
    counts = (preview.create, preview.update, preview.unchanged, preview.rejected, preview.removed)
    assert counts == (1, 1, 2, 1, 0)
    assert preview.changes == (("OLD-1", ('priority "P1"',)),)
    assert preview.reasons == {"title is missing": 1}
    assert preview.requests == 3
    assert preview.seconds > 0
    (tmp_path / "test.backfill.db").unlink()
    lost = await preview_backfill(session, source, **where)
    assert (lost.create, lost.found) == (0, 3), "cases of a lost journal are found by a preview, too"
    assert emulator.ledger.created("create_case").total() == 3
    del written[tmp_path / "test.backfill.db"]
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == written


async def test_assume_new_saves_the_reading_of_the_project(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """The first run reads the project's newest page and the keys after it, and nothing else."""
    await run(write(tmp_path / "rows.jsonl", rows(2)), assume_new=True)
    routes = Counter(entry.route for entry in emulator.log)
    assert routes == {"get_current_user": 1, "get_project": 1, "search_cases": 1, "get_case": 10, "create_case": 2}


async def test_the_first_run_reads_no_more_than_it_takes_to_be_sure(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """The list of projects tells the key of a project that is named, so the project is not read by itself."""
    project = next(iter(emulator.store.tables.projects.values()))["attributes"]["key"]
    await run(write(tmp_path / "rows.jsonl", rows(2)), project=project)
    routes = Counter(entry.route for entry in emulator.log)
    assert routes == {"get_current_user": 1, "get_projects": 1, "search_cases": 2, "get_case": 10, "create_case": 2}
