"""What people get wrong with files, and that it costs them one line and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import CaseSession, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import (
    ForeignJournalError,
    JournalError,
    RulesError,
    SourceError,
    apply_triage,
    backfill_cases,
    export_cases,
    parse_rules,
    plan_triage,
    read_report,
)

RULES = parse_rules({"rules": [{"name": "all", "match": "all", "actions": {"due_date": "2031-05-06"}}]})
TYPE = "00000000-0000-0000-0000-000000000001"


def session_on(base_url: str) -> CaseSession:
    return CaseSession(base_url=base_url, api_key="emulator", app_key="emulator")


async def backfill(emulator: Emulator, source: Path, **options: Any) -> Any:
    """Bring a file in, as the job `old`, to the first project."""
    async with session_on(emulator.base_url) as session:
        project = (await cases.search_cases(session, page_size=1)).items[0].project_id
        where = {"project": project, "type": TYPE, "journal": source.with_suffix(".db")} | options
        return await backfill_cases(session, source, job="old", **where)


@pytest.fixture
async def emulator() -> Any:
    async with Emulator(cases=30, seed=3) as running:
        yield running


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"rules": {"name": "x"}}, r"\[\[rules\]\]"),
        ({"rules": ["x"]}, r"\[\[rules\]\]"),
        ({"rule": []}, "unknown key 'rule'"),
        ({"rules": [{"name": "x", "matsch": {}, "actions": {"archive": True}}]}, "unknown key 'matsch'"),
    ],
)
def test_a_misspelling_is_what_is_named(document: dict[str, Any], says: str) -> None:
    with pytest.raises(RulesError, match=says):
        parse_rules(document)


async def test_a_missing_journal_is_not_made(emulator: Emulator, tmp_path: Path) -> None:
    async with session_on(emulator.base_url) as session:
        with pytest.raises(JournalError, match="there is no such file"):
            await apply_triage(session, state=tmp_path / "missing.db")
    with pytest.raises(JournalError, match="there is no such file"):
        await read_report(tmp_path / "missing.db")
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_journal_has_nothing_to_report(tmp_path: Path) -> None:
    (tmp_path / "j.db").touch()
    with pytest.raises(ForeignJournalError, match="there is nothing in it"):
        await read_report(tmp_path / "j.db")


async def test_reading_a_report_leaves_no_file_behind(emulator: Emulator, tmp_path: Path) -> None:
    async with session_on(emulator.base_url) as session:
        await plan_triage(session, RULES, state=tmp_path / "j.db")
    await read_report(tmp_path / "j.db")
    assert [file.name for file in tmp_path.iterdir()] == ["j.db"]


async def test_a_plan_is_applied_where_its_cases_are_and_nowhere_else(emulator: Emulator, tmp_path: Path) -> None:
    async with session_on(emulator.base_url) as session:
        planned = await plan_triage(session, RULES, state=tmp_path / "j.db")
    async with session_on("https://api.datadoghq.eu") as elsewhere:
        with pytest.raises(ForeignJournalError, match="on an emulator, not on https:"):
            await apply_triage(elsewhere, state=tmp_path / "j.db")
        (tmp_path / "c.jsonl.journal").write_bytes((tmp_path / "j.db").read_bytes())
        with pytest.raises(ForeignJournalError):
            await export_cases(elsewhere, tmp_path / "c.jsonl")
    async with session_on(emulator.base_url) as session:
        done = await apply_triage(session, state=tmp_path / "j.db")
    assert done.states == {"done": planned.operations}


async def test_bytes_that_are_not_utf_8_become_no_case(emulator: Emulator, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_bytes("key,title\na,Zürich\n".encode("latin-1") + "b,Genève, Nîmes\n".replace(", ", " ").encode())
    done = await backfill(emulator, source)
    assert (done.items, done.bad_rows) == (1, 1)
    _, reject = (tmp_path / "rows.rejects.csv").read_text("utf-8").splitlines()
    assert "it is damaged" in reject
    assert "Z\N{REPLACEMENT CHARACTER}rich" in reject


async def test_half_a_character_becomes_no_case_and_a_whole_one_does(emulator: Emulator, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"key": "a", "title": "half \\ud800"}\n{"key": "b", "title": "whole \\ud83d\\ude00"}\n', "utf-8")
    done = await backfill(emulator, source)
    assert (done.items, done.bad_rows) == (1, 1)


async def test_a_quotation_mark_left_open_makes_no_case_of_what_follows(emulator: Emulator, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text('key,title\na,"open\n' + "b,another row\n" * 20_000, "utf-8")
    with pytest.raises(SourceError, match="line 2: the quotation mark that opens a cell on this line is not closed"):
        await backfill(emulator, source)
    assert not [entry for entry in emulator.log if entry.method == "POST"]
    source.write_text("key,title\na,closed\nb,another row\n", "utf-8")
    assert (await backfill(emulator, source)).items == 2, "a file that is put right goes in by the same call"
