"""A backfill makes one case of every good row, and one only, whatever happens to its answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import CaseSession, InvalidArgumentError
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.emulator.messages import Reply
from casemgmt_async.jobs import Budget, JobControl, JobError, JobResult, SourceError, State, backfill_cases, read_report
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.shards import number_of
from casemgmt_async.jobs.backfill.sources.records import Record

STANDARD = "00000000-0000-0000-0000-000000000001"
ME = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
NOWHERE = "99999999-0000-4000-8000-000000000000"
Fill = Callable[..., Any]


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Some plain rows."""
    return [{"key": f"OLD-{number}", "title": f"row {number}", **more} for number in range(count)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Where the rows are."""
    return tmp_path / "rows.jsonl"


@pytest.fixture
def fill(
    emulator: Emulator, session: CaseSession, source: Path, journal: Path, control: Callable[..., JobControl]
) -> Fill:
    """Write rows, and run a backfill of them."""

    async def run(given: list[dict[str, Any]] | None = None, **options: Any) -> JobResult:
        if given is not None:
            source.write_text("".join(json.dumps(row) + "\n" for row in given))
        options.setdefault("control", control())
        options.setdefault("project", next(iter(emulator.store.tables.projects)))
        options.setdefault("type", STANDARD)
        called = options.pop("session", session)
        return await backfill_cases(called, source, journal=journal, job="test", settle=0, **options)

    return run


def made(emulator: Emulator) -> dict[str, Any]:
    """The cases that rows became, by title; a second one of a title is a mistake."""
    found = [case for case in emulator.store.tables.cases if case.title.startswith("row ")]
    assert len({case.title for case in found}) == len(found), "a row has become two cases"
    return {case.title: case for case in found}


async def test_a_row_becomes_a_case_with_all_that_it_says(emulator: Emulator, fill: Fill) -> None:
    """Fields, comments, attributes and links are there, and the create carries what it can."""
    full = {
        "description": "From the old tracker.",
        "priority": "P2",
        "status": "In Progress",
        "assignee": ME,
        "due_date": "2031-05-06",
        "comments": ["first", "second"],
        "attributes": {"team": ["core", "web"]},
        "custom_attributes": {"severity": "high", "page": {"value": "https://example.com", "type": "URL"}},
        "archived": True,
    }
    emulator.add_custom_attribute("page", "URL")
    given = [{**row, **full, "links": [{"relationship": "BLOCKS", "to": "OLD-0"}]} for row in rows(3)]
    given[0]["links"] = []
    result = await fill(given)

    assert result.succeeded
    assert (result.items, result.states) == (3, {State.DONE: 3 * 10 + 2 + 3})
    world = emulator.store.tables
    for case in made(emulator).values():
        assert case.description.startswith("From the old tracker.\n\n[casemgmt backfill bf")
        assert (case.priority, case.status, case.assignee, case.due_date) == ("P2", "IN_PROGRESS", ME, "2031-05-06")
        assert [world.cells[cell].message for cell in case.comments] == ["first", "second"]
        assert case.attributes == {"team": ["core", "web"]}
        assert case.custom_attributes["severity"]["value"] == "high"
        assert case.custom_attributes["page"]["type"] == "URL"
        assert case.archived_at is not None
    ends = [
        (link["attributes"]["parent_entity_id"], link["attributes"]["child_entity_id"]) for link in world.links.values()
    ]
    ids = {title: case.id for title, case in made(emulator).items()}
    assert sorted(ends) == sorted([(ids["row 1"], ids["row 0"]), (ids["row 2"], ids["row 0"])])
    called = Counter(entry.route for entry in emulator.log)
    assert called["update_priority"] == called["update_status"] == called["assign_case"] == 0
    assert called["list_case_timeline"] == 0, "a case that was just made has no comments"


async def test_csv_says_the_same_as_json(
    emulator: Emulator, fill: Fill, source: Path, journal: Path, session: CaseSession
) -> None:
    """Columns with a dot are single attributes, lists are separated by bars or written as JSON."""
    table = source.with_suffix(".csv")
    table.write_text(
        "key,title,priority,comments,attributes.team,custom_attributes.severity,links,archived\n"
        'A,row a,P1,"[""one"", ""two""]",core|web,high,,false\n'
        "B,row b,,only one,,,BLOCKS:A|RELATES_TO:A,\n"
    )
    project = next(iter(emulator.store.tables.projects))
    result = await backfill_cases(session, table, journal=journal, job="csv", project=project, type=STANDARD)
    assert result.succeeded
    one, two = made(emulator)["row a"], made(emulator)["row b"]
    assert (one.priority, one.attributes) == ("P1", {"team": ["core", "web"]})
    assert [emulator.store.tables.cells[cell].message for cell in one.comments] == ["one", "two"]
    assert [emulator.store.tables.cells[cell].message for cell in two.comments] == ["only one"]
    assert len(emulator.store.tables.links) == 2


async def test_bad_rows_are_put_aside_with_line_and_reason(emulator: Emulator, fill: Fill, source: Path) -> None:
    """Each bad row is in the rejects file, in the source's own format; the good ones become cases."""
    good = rows(2)
    lines = [
        json.dumps(good[0]),
        "{not json",
        json.dumps([1]),
        "",
        json.dumps({"key": "X"}),
        json.dumps({"key": "Y", "title": "y", "prio": "P1"}),
        json.dumps({"key": "Z", "title": "z", "priority": "P9"}),
        json.dumps({"key": "OLD-0", "title": "again"}),
        json.dumps({"key": "L", "title": "l", "links": [{"to": "OLD-0"}]}),
        json.dumps({"key": "D", "title": "d", "description": 5}),
        json.dumps({"key": "S", "title": "s", "project": NOWHERE, "comments": "never"}),
        json.dumps({"key": "B", "title": "b", "assignee": "bob"}),
        json.dumps({"key": "P", "title": "p", "project": "NOPE"}),
        json.dumps(good[1]),
    ]
    source.write_text("\n".join(lines))
    result = await fill()
    assert not result.succeeded
    assert (result.items, result.bad_rows) == (2, 11)
    assert result.states == {State.DONE: 2, State.REJECTED: 1, State.SKIPPED: 1}
    assert made(emulator).keys() == {"row 0", "row 1"}
    rejects = [json.loads(line) for line in result.output.read_text().splitlines()]
    assert sorted(reject["casemgmt_reason"][:41] for reject in rejects) == sorted(
        [
            "line 2: this is not JSON: Expecting prope",
            "line 3: the line must hold an object",
            "line 5: title is missing",
            "line 6: unknown key 'prio'; allowed: key,",
            "line 7: priority must be one of NOT_DEFIN",
            "line 8: the key 'OLD-0' is that of line 1",
            "line 9: links must be a list of {relation",
            "line 10: description must be a text, not ",
            "line 11: create_case answered 404: projec",
            "line 12: no user has the e-mail address, ",
            "line 13: no project has the key, name or ",
        ]
    )
    assert next(reject for reject in rejects if "line 2" in reject["casemgmt_reason"])["casemgmt_row"] == "{not json"
    refused = next(reject for reject in rejects if reject.get("key") == "S")
    assert refused["comments"] == "never", "what was refused keeps all that it says"
    assert result.reasons["title is missing"] == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("route", ["create_case", "comment_case", "create_case_link"])
async def test_a_lost_answer_never_makes_a_second_one(emulator: Emulator, fill: Fill, route: str, moment: str) -> None:
    """Whether the create took effect or not, there is one case, one comment and one link in the end."""
    emulator.set_faults(f"{route}#2..4: drop-{moment}-effect")
    given = rows(6, comments=["Only once."], links=[{"relationship": "RELATES_TO", "to": "OLD-0"}])
    result = await fill(given)
    assert result.states == {State.DONE: 18}
    assert len(made(emulator)) == 6
    assert sum(cell.message == "Only once." for cell in emulator.store.tables.cells.values()) == 6
    assert len(emulator.store.tables.links) == 6


async def test_a_case_that_no_search_shows_is_found_by_its_key(
    source: Path, journal: Path, control: Callable[..., JobControl]
) -> None:
    """With an index an hour behind, the keys after the last one known lead to the case."""
    async with (
        Emulator(cases=8, seed=2, switches=Switches(index_lag=3600)) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        project = next(iter(emulator.store.tables.projects))
        source.write_text("".join(json.dumps(row) + "\n" for row in rows(5)))
        emulator.set_faults("create_case#2..3: drop-after-effect")
        result = await backfill_cases(
            session, source, journal=journal, job="x", project=project, type=STANDARD, settle=0, control=control()
        )
        assert result.states == {State.DONE: 5}
        assert len(made(emulator)) == 5
        assert Counter(entry.route for entry in emulator.log)["create_case"] == 5


async def test_where_nothing_can_be_proved_a_row_is_unknown_until_it_can(
    emulator: Emulator, fill: Fill, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost create is not sent again while the cases cannot be read; the next run that can read settles it."""
    answer, is_blind = emulator.answer, False

    def blind(request: Any) -> Any:
        nonlocal is_blind
        is_blind = is_blind or request.route.name == "create_case"
        refused = is_blind and request.route.name == "get_case"
        return Reply(403, {"errors": ["Forbidden"]}) if refused else answer(request)

    emulator.set_faults("create_case#2: drop-before-effect")
    with monkeypatch.context() as patch:
        patch.setattr(emulator, "answer", blind)
        result = await fill(rows(4))
        assert result.states == {State.DONE: 3, State.UNKNOWN: 1}
        assert not result.succeeded
        again = await fill()
        assert again.states == result.states
    (failure,) = (await read_report(journal)).failures
    assert failure.reason.startswith("its answer was lost, and the cases of project")
    assert "answered 403" in failure.reason

    settled = await fill()
    assert settled.states == {State.DONE: 4}
    assert len(made(emulator)) == 4


async def test_nothing_is_created_where_the_cases_cannot_be_read(
    emulator: Emulator, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that cannot look for earlier cases says so and sends nothing."""
    answer = emulator.answer

    def blind(request: Any) -> Any:
        return Reply(403, {"errors": ["Forbidden"]}) if request.route.name == "search_cases" else answer(request)

    monkeypatch.setattr(emulator, "answer", blind)
    with pytest.raises(
        JobError, match=r"search_cases answered 403: Forbidden.*; without that a row could become two cases"
    ):
        await fill(rows(4))
    assert emulator.ledger.created("create_case") == {}


async def test_of_two_cases_with_one_token_the_older_is_the_row(emulator: Emulator, fill: Fill) -> None:
    """Somebody may copy a case with its description: the copy is younger than what the job made."""
    world = emulator.store
    answer = emulator.answer

    def copying(request: Any) -> Any:
        reply = answer(request)
        if request.route.name == "create_case":
            copied = world.tables.cases[-1]
            world.cases.create("a copy", copied.project_id, description=copied.description)
        return reply

    emulator.answer = copying  # type: ignore[method-assign]
    emulator.set_faults("create_case#1: drop-after-effect")
    result = await fill(rows(1, comments=["Mine."]))
    assert result.states == {State.DONE: 2}
    (case,) = made(emulator).values()
    assert len(case.comments) == 1


async def test_a_project_that_is_not_there_rejects_the_rows(fill: Fill, emulator: Emulator) -> None:
    """Each row is refused by the service, with its reason, and the job comes to its end."""
    result = await fill(rows(3), project="99999999-0000-4000-8000-000000000000")
    assert result.states == {State.REJECTED: 3}
    reasons = [json.loads(line)["casemgmt_reason"] for line in result.output.read_text().splitlines()]
    assert [reason.partition(":")[0] for reason in reasons] == ["line 1", "line 2", "line 3"]


async def test_budgets_leave_the_rest_for_the_next_run(
    fill: Fill, emulator: Emulator, control: Callable[..., JobControl]
) -> None:
    """A backfill goes on where its budget ended it, and links wait for both their cases."""
    given = rows(6, comments=["Seen."], links=[{"relationship": "CAUSES", "to": "OLD-5"}])
    first = await fill(given, control=control(budget=Budget(max_operations=4, concurrency=1)))
    assert first.stopped == "its budget of 4 operations is used up"
    assert 0 < first.items < 6
    last = await fill()
    assert last.states == {State.DONE: 18}
    assert len(made(emulator)) == 6


async def test_the_steps_of_a_case_that_cannot_be_read_any_more_are_rejected(
    fill: Fill, emulator: Emulator, control: Callable[..., JobControl]
) -> None:
    """A run that continues reads the case of a row first; where that is refused, so is what is left of the row."""
    given = rows(1, comments=["Seen.", "Done."])
    first = await fill(given, control=control(budget=Budget(max_operations=1)))
    assert first.states == {State.DONE: 1, State.PLANNED: 2}
    emulator.set_faults("get_case: status=403")
    assert (await fill()).states == {State.DONE: 1, State.REJECTED: 2}


@pytest.mark.parametrize(("second", "kept"), [(101.1, True), (102.4, True), (103.0, False), (99.0, False)])
def test_the_clock_of_the_service_is_kept_while_whole_seconds_explain_the_difference(second: float, kept: bool) -> None:
    """`Date` has whole seconds, so the time that it tells wanders by up to one."""
    now = [100.9]
    clock = ServiceClock(lambda: now[0])
    clock.learn({"Date": format_datetime(datetime.fromtimestamp(110, UTC))})
    assert clock.offset == pytest.approx(9.6)
    now[0] = second
    clock.learn({"Date": format_datetime(datetime.fromtimestamp(111, UTC))})
    assert clock.offset == pytest.approx(9.6 if kept else 111 - second + 0.5)


async def test_a_journal_belongs_to_one_job(fill: Fill, session: CaseSession, source: Path, journal: Path) -> None:
    """Another job needs a journal of its own, and nothing is sent before that is said."""
    await fill(rows(2))
    with pytest.raises(JobError, match="it belongs to the job 'test'; give the path of another journal"):
        await backfill_cases(session, source, journal=journal, job="other")


async def test_a_source_that_cannot_be_used_is_one_line(session: CaseSession, tmp_path: Path) -> None:
    """A missing file, a suffix nobody knows, and columns nobody knows are said before any request."""

    async def run(name: str) -> None:
        await backfill_cases(session, tmp_path / name, job="x")

    with pytest.raises(SourceError, match=r"missing\.csv: cannot be read: No such file"):
        await run("missing.csv")
    (tmp_path / "rows.xml").write_text("<rows/>")
    with pytest.raises(SourceError, match=r"cannot tell the format; end the name in one of \.csv, \.tsv"):
        await run("rows.xml")
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    with pytest.raises(
        SourceError, match=r"rows\.xlsx: cannot be read; save it as CSV or JSON Lines, with a name that"
    ):
        await run("rows.xlsx")
    (tmp_path / "rows.csv").write_text("key,headline\n1,x\n")
    with pytest.raises(SourceError, match=r"unknown columns: 'headline'; allowed: key, title.*--map 'COLUMN=FIELD'"):
        await run("rows.csv")
    (tmp_path / "nearly.csv").write_text("key,title,headline,Comment\n1,x,y,z\n")
    with pytest.raises(SourceError, match=r"unknown columns: 'headline', 'Comment'; .*--map 'Comment=comments'"):
        await run("nearly.csv")
    with pytest.raises(SourceError, match="unknown preset 'jura'; allowed: jira, servicenow, github"):
        await backfill_cases(session, tmp_path / "rows.csv", job="x", preset="jura")
    with pytest.raises(SourceError, match="column 'Summary' does not exist; the columns are key, headline"):
        await backfill_cases(session, tmp_path / "rows.csv", job="x", columns={"Summary": "title"})
    with pytest.raises(SourceError, match="'headline' cannot be mapped to 'name'; allowed: key, title"):
        await backfill_cases(session, tmp_path / "rows.csv", job="x", columns={"headline": "name"})
    assert not list(tmp_path.glob("*.db*")), "nothing is left behind"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"job": " "}, "job: must not be empty"),
        ({"job": "a/b"}, "job: cannot be part of a file name: 'a/b'"),
        ({"job": "x", "on_unknown_user": "ignore"}, "on_unknown_user: must be one of reject, leave, me, not 'ignore'"),
    ],
)
async def test_bad_arguments_are_refused_before_any_file_is_made(
    session: CaseSession, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    """What a caller got wrong is said at once."""
    source = tmp_path / "rows.jsonl"
    source.write_text("")
    with pytest.raises(InvalidArgumentError, match=words):
        await backfill_cases(session, source, **wrong)
    assert not list(tmp_path.glob("*.db*"))


def test_rows_are_dealt_out_to_shards_by_their_keys() -> None:
    """A key always goes to the same shard; a row without one, which is rejected, goes to the first."""
    dealt = [number_of(Record(1, "", {"key": f" OLD-{n} "}), "job", 4) for n in range(200)]
    assert dealt == [number_of(Record(9, "", {"key": f"OLD-{n}"}), "job", 4) for n in range(200)]
    assert all(30 < dealt.count(number) < 70 for number in range(4))
    assert {number_of(Record(1, "", values), "job", 4) for values in (None, {}, {"key": " "})} == {0}
