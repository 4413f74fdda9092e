"""Exports again and again: what has changed, what is gone, into files, folders, partitions and pipes."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from benchmarks.transfers import merge_rounds
from casemgmt_async import BadRequestError, CaseSession, InvalidArgumentError
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import ExportError, JobControl, ServiceDownError, export_cases
from casemgmt_async.jobs.export import run, targets
from casemgmt_async.jobs.export.changes import changed_at
from casemgmt_async.jobs.export.formats import row_of
from casemgmt_async.jobs.export.resources import digest_of
from casemgmt_async.jobs.files import JSON_LINES


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator with a page and a half of cases."""
    async with Emulator(cases=150, seed=5) as running:
        yield running


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def alive(emulator: Emulator) -> dict[str, Any]:
    """Every case that is not archived, by id, as the emulator sends it."""
    store = emulator.store
    return {
        case.id: json.loads(store.cases.json(case.serial)) for case in store.tables.cases if case.archived_at is None
    }


def merge(known: dict[str, Any], path: Path) -> None:
    """Merge an export into what is known, as a warehouse does."""
    for line in lines(path):
        if "deleted" in line:
            del known[line["id"]]
        else:
            known[line["id"]] = line


async def test_the_next_export_has_what_is_new_changed_or_gone(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """Merged after each round it is what the service has, and a round without changes is empty."""
    known: dict[str, Any] = {}
    first = await export_cases(session, tmp_path, since="last")
    assert (first.written, first.gone) == (150, {})
    merge(known, first.output)
    cases = emulator.store.cases
    open_ = [case for case in emulator.store.tables.cases if case.archived_at is None]
    cases.change(open_[3], title="changed")
    cases.archive(open_[5].id)
    cases.create("new", open_[0].project_id)

    second = await export_cases(session, tmp_path, since="last")
    assert (second.written, second.gone) == (2, {"archived": 1})
    assert lines(second.output)[-1] == {
        "type": "case",
        "id": open_[5].id,
        "deleted": "archived",
        "attributes": {"key": open_[5].key, "created_at": known[open_[5].id]["attributes"]["created_at"]},
    }
    merge(known, second.output)
    assert known == alive(emulator)

    third = await export_cases(session, tmp_path, since="last")
    assert (third.written, third.gone) == (0, {})
    cases.change(emulator.store.tables.cases[open_[5].serial], archived_at=None)
    fourth = await export_cases(session, tmp_path, since="last")
    assert [line["id"] for line in lines(fourth.output)] == [open_[5].id], "what came back is there again"
    names = [path.name for path in sorted(tmp_path.glob("cases-*.jsonl")) if "users" not in path.name]
    assert [name.split("-")[1] for name in names] == ["000001", "000002", "000003", "000004"]


async def test_what_no_longer_matches_the_filter_has_left(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """A tombstone says why, and the state of one filter is not that of another."""
    first = await export_cases(session, tmp_path, since="last", filter="priority:P1")
    assert first.written > 2
    case = next(case for case in emulator.store.tables.cases if case.priority == "P1" and case.archived_at is None)
    emulator.store.cases.change(case, priority="P5")
    second = await export_cases(session, tmp_path, since="last", filter="priority:P1")
    assert (second.written, second.gone) == (0, {"left": 1})
    with pytest.raises(
        ExportError, match=r"\.export\.state: it belongs to another export: its filter is 'priority:P1'"
    ):
        await export_cases(session, tmp_path, since="last")


async def test_a_case_that_the_search_hides_is_not_gone(
    emulator: Emulator, session: CaseSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a tombstone is written the case itself is read."""
    known: dict[str, Any] = {}
    merge(known, (await export_cases(session, tmp_path, since="last")).output)
    hidden = emulator.store.tables.cases[10]
    index = emulator.store.cases.index
    index.delay(hidden.serial, None, emulator.clock() + 600)
    index.changed(hidden.serial)
    emulator.store.cases.change(hidden, title="changed in hiding")
    second = await export_cases(session, tmp_path, since="last")
    assert (second.written, second.gone) == (1, {})
    merge(known, second.output)
    assert known == alive(emulator)


async def test_an_interrupted_export_loses_and_repeats_nothing(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """Killed at any step, the next exports merge to what the service has."""
    known: dict[str, Any] = {}
    merge(known, (await export_cases(session, tmp_path, since="last")).output)
    seen: set[str] = set()
    steps = ["page kept", "file opened", "file synced", "file renamed", "committed"]
    for number, stop_at in enumerate(steps):
        case = emulator.store.tables.cases[number]
        emulator.store.cases.change(case, title=f"changed before {stop_at}")

        def die(step: str, stop_at: str = stop_at) -> None:
            if step == stop_at:
                seen.add(step)
                raise RuntimeError(step)

        with pytest.raises(Exception, match=stop_at):
            await export_cases(session, tmp_path, since="last", control=JobControl(on_step=die))
        await export_cases(session, tmp_path, since="last")
    assert seen == set(steps)
    for path in sorted(tmp_path.glob("cases-*.jsonl"))[2:]:
        if "users" not in path.name:
            merge(known, path)
    assert known == alive(emulator)


async def test_an_export_that_was_killed_after_its_file_is_not_written_again(
    session: CaseSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one first remembers what is in the file, and then writes only what has changed since."""

    async def die(_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(run.Export, "remember", die)
        with pytest.raises(RuntimeError, match="killed"):
            await export_cases(session, tmp_path, since="last")
    (first,) = tmp_path.glob("cases-*Z.jsonl")
    assert len(lines(first)) == 150
    result = await export_cases(session, tmp_path, since="last")
    assert (result.written, result.output.name.split("-")[1]) == (0, "000002")


@pytest.fixture
def behind_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this machine eight hours behind UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "XXX8")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows takes no time zone from the environment")
@pytest.mark.usefixtures("behind_utc")
async def test_since_a_time_has_what_was_changed_then_or_later(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """A time without a zone is UTC; what was changed before is not in it."""
    now = datetime.fromtimestamp(emulator.clock(), UTC)
    emulator.clock.advance(60)
    emulator.store.cases.change(emulator.store.tables.cases[7], title="later")
    result = await export_cases(session, tmp_path / "some.jsonl", since=now.replace(tzinfo=None))
    assert [line["attributes"]["title"] for line in lines(result.output)] == ["later"]


@pytest.mark.parametrize(
    "attributes", [None, {}, {"created_at": None}, {"created_at": "yesterday"}, {"modified_at": 7, "created_at": "x"}]
)
def test_a_case_without_a_time_counts_as_changed_now(attributes: dict[str, Any] | None) -> None:
    """An export since a time rather has a case too many than one too few."""
    assert changed_at({"attributes": attributes}) > datetime.now(UTC)


async def test_more_is_read_of_what_is_written_only(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """Comments, links and watchers are in the line; cases that did not change cost no request."""
    await export_cases(session, tmp_path, since="last")
    case = next(case for case in emulator.store.tables.cases if case.comments and case.archived_at is None)
    emulator.store.cases.change(case, title="changed")
    before = emulator.requests
    elsewhere = tmp_path / "more"
    elsewhere.mkdir()
    names = ("comments", "links", "watchers")
    result = await export_cases(session, elsewhere, since="last", state=tmp_path / ".export.state", include=names)
    (line,) = lines(result.output)
    assert [cell["attributes"]["cell_content"]["message"] for cell in line["comments"]] == [
        emulator.store.tables.cells[cell].message for cell in case.comments
    ]
    assert (line["links"], line["watchers"]) == ([], [])
    routes = [entry.route for entry in emulator.log][before:]
    assert len([route for route in routes if route not in ("search_cases", "get_current_user", None)]) == 3


async def test_csv_has_the_columns_of_parquet(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """The two say the same, and both can be read by the usual programs."""
    await export_cases(session, tmp_path / "cases.csv", include=["comments"])
    await export_cases(session, tmp_path / "cases.parquet", include=["comments"])
    csv.field_size_limit(1 << 24)
    table = list(csv.DictReader(io.StringIO((tmp_path / "cases.csv").read_text("utf-8"), newline="")))
    columns = pyarrow.parquet.read_table(tmp_path / "cases.parquet").to_pylist()
    assert len(table) == len(columns) == 150
    for one, other in zip(table, columns, strict=True):
        assert one.keys() == other.keys()
        assert one["raw"] == other["raw"]
        assert one["created_at"] == other["created_at"].isoformat()
        assert one["title"] == other["title"]


async def test_partitions_are_folders_by_project_and_day(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """Each case is in the folder that its columns name, and a second export adds files."""
    lake = tmp_path / "lake"
    lake.mkdir()
    first = await export_cases(session, lake, partition=["project", "day"], format="parquet", since="last")
    found = {}
    for path in lake.rglob("*.parquet"):
        for row in pyarrow.parquet.ParquetFile(path).read().to_pylist():
            found[row["id"]] = row
            assert path.parent.name == f"day={row['created_at'].date()}"
            assert path.parent.parent.name == f"project={row['key'].rpartition('-')[0]}"
    assert found.keys() == alive(emulator).keys()
    assert first.written == len(found)
    emulator.store.cases.archive(next(iter(found)))
    before = set(lake.rglob("*.parquet"))
    await export_cases(session, lake, partition=["project", "day"], format="parquet", since="last")
    (added,) = set(lake.rglob("*.parquet")) - before
    (row,) = pyarrow.parquet.ParquetFile(added).read().to_pylist()
    assert (row["id"], row["deleted"]) == (next(iter(found)), "archived")
    assert not list(lake.glob("*.part"))


async def test_a_partition_that_was_closed_gets_another_file(
    emulator: Emulator, session: CaseSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few files are open at a time, and no case is lost when the cases of one partition do not come together."""
    monkeypatch.setattr(targets, "OPEN_FILES", 1)
    monkeypatch.setattr(run, "BATCH", 10)
    await export_cases(session, tmp_path, partition=["project"], format="jsonl")
    files = list(tmp_path.rglob("cases-000001-*Z.jsonl"))
    found = [line["id"] for path in files for line in lines(path)]
    assert sorted(found) == sorted(alive(emulator))
    assert len(files) > 3


async def test_exports_into_a_folder_are_numbered(session: CaseSession, tmp_path: Path) -> None:
    """Also without a state; the numbers go on after the files that are there."""
    (tmp_path / "cases-000041-20310506T070000Z.jsonl").write_text("")
    names = [(await export_cases(session, tmp_path)).output.name for _ in range(2)]
    assert [name.split("-")[1] for name in names] == ["000042", "000043"]


def test_a_case_that_is_received_on_several_lines_is_one_line() -> None:
    """A line break inside a text is escaped in JSON, so that nothing is changed."""
    file = io.BytesIO()
    case = {"id": "1", "attributes": {"title": "two\nlines"}}
    JSON_LINES.open(file).write([json.dumps(case, indent=2).replace("\n", "\r\n").encode()])
    (line,) = file.getvalue().splitlines()
    assert json.loads(line) == case


async def test_standard_output_gets_the_lines(
    session: CaseSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe gets cases and nothing else."""
    monkeypatch.chdir(tmp_path)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    await export_cases(session, "-")
    assert len(written.getvalue().splitlines()) == 150
    assert not list(tmp_path.iterdir())


async def test_a_reader_that_stops_early_leaves_nothing_that_the_next_export_continues(
    session: CaseSession, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `| head`, another filter is no mistake, and the same one reads the cases as they are now."""
    monkeypatch.chdir(tmp_path)

    class Closed(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Closed()))
    with pytest.raises(BrokenPipeError):
        await export_cases(session, "-")
    assert not list(tmp_path.iterdir())
    requests = emulator.requests
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    result = await export_cases(session, "-")
    assert result.written == 150
    assert emulator.requests > requests + 1


async def test_a_filter_that_the_service_refuses_can_be_corrected(session: CaseSession, tmp_path: Path) -> None:
    """Neither the journal nor the state is bound to the mistake, as long as no page came."""
    target = tmp_path / "open.jsonl"
    with pytest.raises(BadRequestError):
        await export_cases(session, target, filter="status:", since="last")
    result = await export_cases(session, target, filter="status:open", since="last")
    assert result.written == len(lines(target)) > 0
    with pytest.raises(ExportError, match="give it as before, or use another target or state for this export"):
        await export_cases(session, target, filter="status:closed", since="last", force=True)


async def test_the_changes_of_an_earlier_export_are_not_overwritten_by_a_plain_advice(
    session: CaseSession, tmp_path: Path
) -> None:
    """A file of changes is the only place where they are; the message says what --force would lose."""
    target = tmp_path / "changes.jsonl"
    await export_cases(session, target, since="last")
    with pytest.raises(ExportError, match=r"move it away, or export into a folder.*--force loses what it holds"):
        await export_cases(session, target, since="last")
    assert len(lines(target)) == 150


async def test_an_odd_value_is_in_raw_and_named(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """What no column takes ends nothing: the case is whole in `raw`, and `unreadable` says which columns are empty."""
    answer = emulator.answer

    def odd(request: Any) -> Any:
        reply = answer(request)
        if request.route.name == "search_cases" and isinstance(reply.body, bytes):
            body = json.loads(reply.body)
            attributes = body["data"][0]["attributes"]
            attributes |= {"due_date": "soon", "comment_count": "many", "title": 5, "created_at": 12}
            body["data"][0]["relationships"] = []
            reply.body = json.dumps(body).encode()
        return reply

    emulator.answer = odd  # type: ignore[method-assign]
    await export_cases(session, tmp_path / "cases.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "cases.parquet").to_pylist()
    named = [row for row in rows if row["unreadable"]]
    assert named
    for row in named:
        assert "title" in row["unreadable"]
        assert row["title"] is None
        assert json.loads(row["raw"])["attributes"]["title"] == 5


async def test_the_oldest_come_first(session: CaseSession, tmp_path: Path) -> None:
    """Cases are sorted by age, then by id; fractions of seconds of any length sort as times do."""
    async with (
        Emulator(cases=0, seed=1) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as other,
    ):
        project = next(iter(emulator.store.tables.projects))
        second = 1_800_000_000 * 10**9
        for fraction in (500_000_000, 0, 450_000_000, 123_456_789, 0):
            emulator.store.cases.create(f"case {fraction}", project, created_at=second + fraction)
        await export_cases(other, tmp_path / "cases.jsonl")
    found = lines(tmp_path / "cases.jsonl")
    titles = [line["attributes"]["title"] for line in found]
    assert titles == ["case 0", "case 0", "case 123456789", "case 450000000", "case 500000000"]
    assert found[0]["id"] < found[1]["id"]


async def test_a_file_is_overwritten_only_by_force(session: CaseSession, tmp_path: Path, emulator: Emulator) -> None:
    """An export that somebody may still need is not lost."""
    target = tmp_path / "cases.jsonl"
    target.write_text("precious")
    with pytest.raises(ExportError, match=r"cases\.jsonl: the file is there already; give another name, a folder, or"):
        await export_cases(session, target)
    assert emulator.requests == 0
    assert target.read_text() == "precious"
    await export_cases(session, target, force=True)
    assert len(lines(target)) == 150


async def test_an_old_journal_is_begun_anew_unless_it_is_to_be_resumed(session: CaseSession, tmp_path: Path) -> None:
    """Two weeks are not mixed in one file."""

    async def stopped(target: Path) -> None:
        def stop(step: str) -> None:
            if step == "page kept":
                control.request_stop()

        control = JobControl(on_step=stop, clock=lambda: 0.0)
        assert (await export_cases(session, target, control=control)).output is None

    await stopped(tmp_path / "a.jsonl")
    await stopped(tmp_path / "b.jsonl")
    week = 7 * 86_400.0
    anew = await export_cases(session, tmp_path / "a.jsonl", control=JobControl(clock=lambda: week))
    resumed = await export_cases(session, tmp_path / "b.jsonl", control=JobControl(clock=lambda: week), resume=True)
    assert anew.requests == resumed.requests + 1, "the page that was kept is asked for again"
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


@pytest.mark.parametrize(("age", "is_continued"), [(3_600.0, True), (3_601.0, False)])
async def test_a_journal_is_continued_for_an_hour(
    session: CaseSession, tmp_path: Path, age: float, is_continued: bool
) -> None:
    """Its page is then not read again."""
    target = tmp_path / "cases.jsonl"
    first = JobControl(on_step=lambda step: first.request_stop() if step == "page kept" else None, clock=lambda: 0.0)
    await export_cases(session, target, control=first)
    seen: list[str] = []
    control = JobControl(on_step=seen.append, clock=lambda: age)
    await export_cases(session, target, control=control)
    whole: list[str] = []
    await export_cases(session, tmp_path / "whole.jsonl", control=JobControl(on_step=whole.append))
    assert seen.count("page kept") == whole.count("page kept") - is_continued


async def test_another_organisation_is_refused(
    emulator: Emulator, session: CaseSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cases would be mixed with those that were read before, and the others would count as gone."""
    await export_cases(session, tmp_path, since="last")
    answer = emulator.answer

    def elsewhere(request: Any) -> Any:
        reply = answer(request)
        if request.route.name == "get_current_user":
            reply.body["data"]["relationships"]["org"]["data"]["id"] = "another"
        return reply

    monkeypatch.setattr(emulator, "answer", elsewhere)
    with pytest.raises(ExportError, match=r"it belongs to another export: its organization is .*, not 'another'"):
        await export_cases(session, tmp_path, since="last")


class Plain:
    """What is merged, as a plain mapping."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def merge(self, path: Path) -> None:
        """Merge one export."""
        merge(self.known, path)

    def cases(self) -> dict[str, Any]:
        """What there is."""
        return self.known


def test_a_case_whose_keys_come_in_another_order_has_not_changed() -> None:
    """The service does not promise an order."""
    one, other = b'{"id":"1","attributes":{"a":1,"b":[1,2]}}', b'{ "attributes": {"b": [1, 2], "a": 1}, "id": "1"}'
    assert digest_of(one) == digest_of(other) != digest_of(one.replace(b"[1,2]", b"[2,1]"))


async def test_an_organisation_that_cannot_be_read_is_not_compared(
    session: CaseSession, emulator: Emulator, tmp_path: Path
) -> None:
    """Credentials may gain or lose that permission between two exports."""
    for faults in ("get_current_user: status=403", "", "get_current_user: status=403"):
        emulator.set_faults(faults)
        first = (await export_cases(session, tmp_path, since="last")).written
    assert first == 0


async def test_exports_with_others_at_work_merge_to_what_the_service_has() -> None:
    """A sample of the rounds; `python -m benchmarks.transfers rounds` has the many, in DuckDB and pandas."""
    assert await merge_rounds(4, 120, [Plain()], seed=3) > 120


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"include": ["comment"]}, "include: must contain only comments, links, watchers; not 'comment'"),
        ({"since": "yesterday"}, "since: must be 'last' or a time, not 'yesterday'"),
        ({"partition": ["month"]}, "partition: must contain only project, day; not 'month'"),
        ({"format": "xlsx"}, "format: must be one of jsonl, ndjson, csv, parquet, not 'xlsx'"),
    ],
)
async def test_wrong_arguments_are_refused_before_any_request(
    session: CaseSession, emulator: Emulator, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    """What a caller got wrong is said at once, and no file is left behind."""
    with pytest.raises(InvalidArgumentError, match=words):
        await export_cases(session, tmp_path / "cases.jsonl", **wrong)
    assert emulator.requests == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [True, 2**63, -(2**63) - 1, 1.5, "3"])
def test_a_count_that_no_column_can_hold_is_only_in_raw(value: Any) -> None:
    """The columns of a table hold whole numbers of 64 bits."""
    raw = json.dumps({"id": "a", "attributes": {"comment_count": value, "title": "t"}}).encode()
    row = row_of(raw)
    assert (row["comment_count"], row["title"], row["unreadable"]) == (None, "t", "comment_count")
    assert row["raw"] == raw.decode()


async def test_a_service_that_is_down_ends_an_export_instead_of_leaving_its_comments_out(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """What one case refuses is named in its line; what no case answers ends the job, which goes on later."""
    target = tmp_path / "cases.jsonl"
    emulator.set_faults("list_case_timeline: status=503")
    with pytest.raises(ServiceDownError):
        await export_cases(session.with_options(retry=None), target, include=["comments"])
    assert not target.exists()
    emulator.set_faults(None)
    await export_cases(session, target, include=["comments"])
    assert "unreadable" not in target.read_text("utf-8")


async def test_a_case_that_gets_no_answer_is_named_when_the_others_are_read(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """One case whose comments the service cannot give keeps no other from being exported."""
    target = tmp_path / "cases.jsonl"
    emulator.set_faults("list_case_timeline #3: status=503")
    await export_cases(session.with_options(retry=None), target, include=["comments"])
    assert [line.get("unreadable") for line in lines(target) if "unreadable" in line] == [["comments"]]
    assert len(lines(target)) == 150


@pytest.mark.parametrize("odd", ['"u-1"', '{"data": "u-1"}', '{"data": {"id": [1]}}'])
def test_a_relationship_of_another_shape_is_named(odd: str) -> None:
    row = row_of(f'{{"id": "1", "relationships": {{"assignee": {odd}}}}}'.encode())
    assert (row["assignee_id"], row["unreadable"]) == (None, "assignee_id")
