"""Open what rows come from: a file of some format, or an iterable of a program."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from attrs import evolve, frozen

from casemgmt_async.jobs.backfill.sources.columns import ColumnMap, column_map
from casemgmt_async.jobs.backfill.sources.documents import JsonArray, JsonLines, record_of_mapping
from casemgmt_async.jobs.backfill.sources.records import Layout, Record
from casemgmt_async.jobs.backfill.sources.tables import Table
from casemgmt_async.jobs.errors import SourceError

__all__ = ["READERS", "Rows", "Source", "open_source"]

Rows: TypeAlias = str | Path | Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
"""What a backfill reads: the path of a file, or mappings from any iterable or async iterable."""


class RowReader(Protocol):
    """Reads the rows of one file."""

    layout: Layout

    def __iter__(self) -> Iterator[Record]: ...


READERS: Final[Mapping[str, Callable[[Path, ColumnMap], RowReader]]] = {
    ".csv": Table,
    ".tsv": Table,
    ".txt": Table,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonArray,
}
"""The readers by the suffix of the file."""
BINARY: Final = (".xlsx", ".xls", ".xlsm", ".ods", ".parquet", ".feather", ".gz", ".zip", ".bz2", ".xz", ".zst")
"""Suffixes of files that no other name makes readable."""


@frozen
class Source:
    """Rows to read, with how they are written."""

    name: str
    """What tells one source of a job from another: the name of the file, or `python`."""
    layout: Layout
    _records: Iterable[Record] | AsyncIterable[Record]

    def only(self, keep: Callable[[Record], bool]) -> Source:
        """Return the source with some of its rows alone."""
        return evolve(self, records=kept(self, keep))

    async def records(self) -> AsyncIterator[Record]:
        """Read the rows, one after the other."""
        if isinstance(self._records, AsyncIterable):
            async for record in self._records:
                yield record
        else:
            for record in self._records:
                yield record


def open_source(rows: Rows, preset: str | None = None, columns: Mapping[str, str] | None = None) -> Source:
    """Open a source; `preset` and `columns` (fields by column name) say what its columns mean.

    Raises `SourceError` for a file that cannot be used as a whole.
    """
    meaning = column_map(preset, columns)
    if isinstance(rows, str | Path):
        path = Path(rows)
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            ends = ", ".join(READERS)
            if path.suffix.lower() in BINARY:
                raise SourceError(
                    f"{path}: cannot be read; save it as CSV or JSON Lines, with a name that ends in {ends}"
                )
            raise SourceError(f"{path}: cannot tell the format; end the name in one of {ends}")
        opened = reader(path, meaning)
        return Source(path.name, opened.layout, opened)
    return Source("python", Layout(kind="python", notes=meaning.notes), numbered(rows, meaning))


async def kept(source: Source, keep: Callable[[Record], bool]) -> AsyncIterator[Record]:
    """Read the rows to keep."""
    async for record in source.records():
        if keep(record):
            yield record


async def numbered(rows: Iterable[Any] | AsyncIterable[Any], meaning: ColumnMap) -> AsyncIterator[Record]:
    """Make records of the mappings of a program."""
    number = 0
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            number += 1
            yield record_of_mapping(number, row, meaning)
    else:
        for row in rows:
            number += 1
            yield record_of_mapping(number, row, meaning)
