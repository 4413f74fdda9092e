"""An export has every case once, to the letter as it was received, and is there whole or not at all."""

from __future__ import annotations

import builtins
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from casemgmt_async import CaseSession, DecodeError
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import ExportError, JobControl, export_cases


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator with some pages of cases."""
    async with Emulator(cases=230, seed=5) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the export goes."""
    return tmp_path / "cases.jsonl"


def received(emulator: Emulator) -> list[dict[str, Any]]:
    """Every case as the emulator sends it, the oldest first."""
    world = emulator.store.tables
    cases = sorted(world.cases, key=lambda case: (case.created_at, case.id))
    return [json.loads(emulator.store.cases.json(case.serial)) for case in cases]


async def test_every_case_is_in_the_file_as_it_was_received(
    emulator: Emulator, session: CaseSession, target: Path
) -> None:
    """Line by line the same JSON, the users beside it, and nothing else is left in the folder."""
    result = await export_cases(session, target)

    lines = target.read_text("utf-8").splitlines()
    assert sorted(map(json.loads, lines), key=lambda case: case["id"]) == sorted(
        received(emulator), key=lambda case: case["id"]
    )
    created = [json.loads(line)["attributes"]["created_at"].rstrip("Z") for line in lines]
    assert created == sorted(created)
    users = [json.loads(line) for line in (target.parent / "cases.users.jsonl").read_text().splitlines()]
    assert {user["type"] for user in users} == {"user"}
    assert sorted(file.name for file in target.parent.iterdir()) == ["cases.jsonl", "cases.users.jsonl"]
    assert (result.items, result.output, result.succeeded) == (230, target, True)


async def test_a_filter_is_kept_to(emulator: Emulator, session: CaseSession, target: Path) -> None:
    """Only what the search finds is exported."""
    result = await export_cases(session, target, filter="priority:P1")
    exported = [json.loads(line) for line in target.read_text().splitlines()]
    assert 0 < result.items == len(exported) < 230
    assert {case["attributes"]["priority"] for case in exported} == {"P1"}


async def test_parquet_has_columns_and_the_whole_case(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """Known attributes are columns of their types, and `raw` is the case as it was received."""
    await export_cases(session, tmp_path / "cases.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "cases.parquet").to_pylist()
    assert sorted((json.loads(row["raw"]) for row in rows), key=lambda case: case["id"]) == sorted(
        received(emulator), key=lambda case: case["id"]
    )
    for row in rows:
        attributes = json.loads(row["raw"])["attributes"]
        assert (row["key"], row["priority"]) == (attributes["key"], attributes["priority"])
        assert row["created_at"].isoformat()[:19] == attributes["created_at"][:19]
        assert json.loads(row["attributes"]) == attributes["attributes"]
        assert row["project_id"] == json.loads(row["raw"])["relationships"]["project"]["data"]["id"]


async def test_an_export_that_was_stopped_goes_on_without_reading_twice(
    emulator: Emulator, session: CaseSession, target: Path
) -> None:
    """The second run asks only for the pages that the first had not kept, and the file is the same."""
    whole = target.with_name("whole.jsonl")
    needed = (await export_cases(session, whole)).requests

    kept = []

    def stop(step: str) -> None:
        kept.extend([step] if step == "page kept" else [])
        if step == "page kept" and len(kept) == 2:
            control.request_stop()

    control = JobControl(on_step=stop)
    first = await export_cases(session, target, control=control)
    assert (first.output, first.interrupted, first.succeeded) == (None, True, False)
    assert not target.exists()

    second = await export_cases(session, target)
    assert first.requests + second.requests == needed + 1, "each run asks whose credentials these are"
    assert target.read_bytes() == whole.read_bytes()


async def test_cases_that_leave_and_come_meanwhile_harm_nobody(
    session: CaseSession, emulator: Emulator, target: Path
) -> None:
    """While others close and archive cases, what was there from beginning to end is there once."""
    emulator.set_actors("search_cases: archive=2")
    await export_cases(session, target)
    ids = [json.loads(line)["id"] for line in target.read_text().splitlines()]
    stayed = {case.id for case in emulator.store.tables.cases if case.archived_at is None}
    assert stayed <= set(ids)
    assert len(ids) == len(set(ids))


async def test_pages_are_read_once_unless_they_change_or_completeness_is_asked_for(
    session: CaseSession, target: Path
) -> None:
    """Beside the pages: the newest one, and whose credentials these are."""
    async with (
        Emulator(cases=2_000, seed=5) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        quiet = await export_cases(session, target)
        complete = await export_cases(session, target.with_name("complete.jsonl"), complete=True)
        emulator.set_actors("search_cases#5: archive=1")
        busy = await export_cases(session, target.with_name("busy.jsonl"))
    assert quiet.requests == 20 + 2
    assert complete.requests > 40
    assert busy.requests > 40
    assert target.read_bytes() == target.with_name("complete.jsonl").read_bytes()


async def test_a_service_that_cannot_be_paged_deep_is_read_by_projects(target: Path) -> None:
    """A cap on the depth of paging loses no case."""
    async with (
        Emulator(cases=450, seed=5, switches=Switches(depth_cap=200)) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k", retry=None) as session,
    ):
        result = await export_cases(session, target)
    assert result.items == 450


async def test_a_page_cut_short_is_asked_for_again(session: CaseSession, emulator: Emulator, target: Path) -> None:
    """An answer that is no JSON once is no trouble; one that never is, is an error, and no file."""
    answer = emulator.answer
    searches = []

    def truncated(request: Any) -> Any:
        reply = answer(request)
        searches.append(request.seq)
        if len(searches) in bad:
            reply.body = b'{"data": ['
        return reply

    emulator.answer = truncated  # type: ignore[method-assign]
    bad = {1, 3}
    assert (await export_cases(session, target)).items == 230
    bad = set(range(1000))
    with pytest.raises(DecodeError, match="search_cases: "):
        await export_cases(session, target.with_name("other.jsonl"))
    assert not target.with_name("other.jsonl").exists()


async def test_what_cannot_be_written_is_one_line_before_any_request(
    session: CaseSession, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suffix nobody knows, a folder that is not there, a missing package: said before anything is sent."""
    with pytest.raises(
        ExportError, match=r"cannot tell the format; end the name in one of \.jsonl, \.ndjson, \.csv, \.parquet"
    ):
        await export_cases(session, tmp_path / "cases.xls")
    with pytest.raises(ExportError, match="there is no folder"):
        await export_cases(session, tmp_path / "nowhere" / "cases.jsonl")
    real = builtins.__import__

    def without_pyarrow(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(ExportError, match=r"pip install 'casemgmt-async\[parquet\]', or name a file that ends"):
        await export_cases(session, tmp_path / "cases.parquet")
    assert emulator.requests == 0


async def test_a_target_that_cannot_be_replaced_keeps_what_was_read(
    session: CaseSession, emulator: Emulator, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file cannot take its name, the error says so, and the next run writes it without reading again."""

    def refuse(*_: object) -> None:
        raise OSError(28, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(ExportError, match="no room; correct that and run again: the job continues here"):
            await export_cases(session, target)
    assert not list(target.parent.glob("*.part"))
    before = emulator.requests
    result = await export_cases(session, target)
    assert (result.items, emulator.requests - before) == (230, 1)


async def test_the_journal_of_another_export_is_refused(session: CaseSession, target: Path, tmp_path: Path) -> None:
    """Two exports do not share a journal by mistake."""
    journal = tmp_path / "export.db"
    control = JobControl(on_step=lambda name: control.request_stop() if name == "page kept" else None)
    await export_cases(session, target, journal=journal, control=control)
    with pytest.raises(ExportError, match=r"it belongs to another export: its filter is None, .*delete this file"):
        await export_cases(session, target, journal=journal, filter="status:open")


async def test_progress_is_told(session: CaseSession, target: Path) -> None:
    """Reading and writing are phases, with what is done and what there is."""
    told: list[Any] = []
    show: Callable[[Any], None] = told.append
    await export_cases(session, target, control=JobControl(on_progress=show))
    assert {now.phase for now in told} >= {"reading", "writing"}
    assert (told[-1].done, told[-1].total) == (230, 230)
    assert told[-1].requests > 3
