"""Every awkward file of the corpus is read as it should be, or refused with a message that says where and why."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from backfill_corpus import CORPUS, Entry

from casemgmt_async.jobs import SourceError
from casemgmt_async.jobs.backfill.rows import Row, check
from casemgmt_async.jobs.backfill.sources import RowError, open_source

DEFAULTS = {"project": "SEC", "type": "Standard"}


def shown(row: Row, name: str) -> Any:
    """What a row says in one field."""
    if name == "links":
        return [(link.relationship, link.to) for link in row.links]
    if name == "values":
        return dict(row.values)
    return row.values.get(name, row.names.get(name, getattr(row, name, None)))


async def read(path: Path, **options: Any) -> tuple[dict[str, Row], dict[int, str], tuple[str, ...]]:
    """Read a file: the rows by key, the reasons by line, and what was said."""
    source = open_source(path, **options)
    rows, reasons = {}, {}
    async for record in source.records():
        try:
            row = check(record, DEFAULTS)
        except RowError as error:
            reasons[record.line] = str(error)
        else:
            rows[row.key] = row
    return rows, reasons, source.layout.notes


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.what)
async def test_a_file_of_the_corpus(entry: Entry, tmp_path: Path) -> None:
    path = tmp_path / entry.name
    path.write_bytes(entry.data)
    if entry.refused is not None:
        with pytest.raises(SourceError, match=re.escape(entry.refused)) as caught:
            await read(path, **entry.options)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
        return
    rows, reasons, notes = await read(path, **entry.options)
    assert {key: {name: shown(rows[key], name) for name in said} for key, said in entry.rows.items()} == entry.rows
    assert rows.keys() == entry.rows.keys()
    assert reasons.keys() == entry.rejects.keys()
    for line, reason in entry.rejects.items():
        assert reasons[line].startswith(reason)
    assert entry.says in "; ".join(notes)


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
async def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path, name: str) -> None:
    """Rows are read one by one, whatever the format."""
    peaks = []
    for count in (1_000, 10_000):
        lines = [f'{{"key": "K-{n}", "title": "a title of a row"}}' for n in range(count)]
        text = {
            "rows.csv": "key,title\n" + "".join(f"K-{n},a title of a row\n" for n in range(count)),
            "rows.jsonl": "\n".join(lines),
            "rows.json": "[" + ",\n".join(lines) + "]",
        }[name]
        path = tmp_path / name
        path.write_text(text)
        del text, lines
        gc.collect()
        tracemalloc.start()
        found = 0
        async for _ in open_source(path).records():
            found += 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == count
    assert peaks[1] < peaks[0] + 2_500_000


async def test_rows_of_a_program_are_taken_one_by_one() -> None:
    """A generator is not read ahead of what is needed."""
    given = 0

    async def rows() -> AsyncIterator[dict[str, Any]]:
        nonlocal given
        for number in range(5):
            given += 1
            yield {"key": number, "title": "a"}

    async for record in open_source(rows()).records():
        assert record.line == given
