"""Write the rejected rows in the format of their source, so that they can be corrected and run again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from casemgmt_async import InvalidArgumentError
from casemgmt_async.jobs.backfill.sources import Rows
from casemgmt_async.jobs.backfill.sources.documents import parsed
from casemgmt_async.jobs.backfill.sources.records import REASON, ROW_TEXT, Layout, RowError
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.files import FileWriter, Format, write_whole
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.backfill_queries import failed_rows, read_rejects

__all__ = ["Written", "rejects_target", "write_rejects"]

BATCH: Final = 500
SUFFIX: Final = {"lines": ".jsonl", "array": ".json", "python": ".jsonl"}


class Written(NamedTuple):
    """A file of rejected rows."""

    path: Path
    """Where it is."""
    rows: int
    """How many rows it has."""
    digest: str
    """What tells this content from others."""


def rejects_target(rows: Rows, given: str | Path | None, job: str, layout: Layout) -> Path:
    """Name the file of rejected rows: as given, or beside its source; `JOB.rejects.jsonl` for rows of a program.

    Raises `InvalidArgumentError` if it would be the source.
    """
    if given is None:
        return rejects_beside(rows, job, layout)
    target = Path(given)
    if isinstance(rows, str | Path) and target.exists() and target.samefile(rows):
        raise InvalidArgumentError("rejects", f"must be another file than the source, {rows}")
    return target


def rejects_beside(rows: Rows, job: str, layout: Layout) -> Path:
    """Name the file of rejected rows after its source, with its suffix."""
    if not isinstance(rows, str | Path):
        return Path(f"{job}.rejects.jsonl")
    source = Path(rows)
    return source.with_name(f"{source.stem}.rejects{source.suffix if layout.kind == 'table' else SUFFIX[layout.kind]}")


def free_place(target: Path, ours: Mapping[str, str]) -> tuple[Path, Mapping[str, Path]]:
    """Return the target, or the same name with a number if somebody has edited the file that is there.

    `ours` has the digests of the files that this job has written, by name: only those are overwritten. Gives also the
    files that stay, by their digests.
    """
    place, number, kept = target, 1, dict[str, Path]()
    while place.exists() and ours.get(place.name) != (digest := digest_of(place)):
        kept.setdefault(digest, place)
        number += 1
        place = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return place, kept


def digest_of(path: Path) -> str:
    """Tell the content of a file from others."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2s").hexdigest()


async def write_rejects(
    runs: Callable[[], AsyncIterator[tuple[Journal, int]]],
    control: JobControl,
    target: Path,
    layout: Layout,
    ours: Mapping[str, str] | None = None,
) -> Written | None:
    """Write the file of rejected rows, whole or not at all; None if there are none.

    `runs` gives the journals with the numbers of their runs, more than one for a job in shards. A file that this job
    has not written, or that was edited since, stays: its corrections may not have been run yet.
    """
    if not any([await read_rejects(book, "", 1) or await failed_rows(book, run, 0, 1) async for book, run in runs()]):
        return None
    count = 0

    async def batches() -> AsyncIterator[Sequence[bytes]]:
        nonlocal count
        async for journal, run in runs():
            place, last = "", 0
            while rows := await read_rejects(journal, place, BATCH):
                place = rows[-1][0]
                count += len(rows)
                yield [body for _, body in rows]
            while refused := await failed_rows(journal, run, last, BATCH):
                last = refused[-1][0]
                count += len(refused)
                yield [
                    json.dumps({"line": line, "reason": why, "text": text}).encode() for _, line, why, text in refused
                ]

    form = Format(lambda file: WRITERS[layout.kind](file, layout), lambda: None)
    path, kept = free_place(target, ours or {})
    await write_whole(path, form, batches(), control.step)
    digest = digest_of(path)
    if digest in kept:  # a file that is there already says the same
        path.unlink()
        path = kept[digest]
    return Written(path, count, digest)


class TableWriter:
    """Writes rows of a table, with the reason in the first column."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._file, self._layout = file, layout
        self._start = True
        self._header = [name for name in layout.header if name.strip() != REASON]
        self._reason = next((place for place, name in enumerate(layout.header) if name.strip() == REASON), None)
        self._lines([[REASON, *self._header]])

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        rows = []
        for each in map(json.loads, resources):
            cells = json.loads(each["text"]) if each["text"] else []
            if self._reason is not None:  # the source is a rejects file itself
                cells = [cell for place, cell in enumerate(cells) if place != self._reason]
            rows.append([f"line {each['line']}: {each['reason']}", *cells])
        self._lines(rows)

    def _lines(self, rows: Sequence[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._layout.delimiter).writerows(rows)
        encoding = self._layout.encoding
        if encoding == "cp1252":  # a reason can have characters that Windows-1252 does not have
            encoding = "utf-8-sig"
        if not self._start:
            encoding = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding)
        elif encoding in ("utf-16", "utf-32"):
            text = io.StringIO("\ufeff" + text.getvalue())
            encoding += "-le"
        self._start = False
        self._file.write(text.getvalue().encode(encoding, "replace"))

    def close(self) -> None:
        """Do nothing: a table needs no end."""


class LineWriter:
    """Writes rows as JSON Lines, with the reason under a key of its own."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        del layout
        self._file = file

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        for each in map(json.loads, resources):
            self._file.write(line_of(each).encode("utf-8", "replace") + b"\n")

    def close(self) -> None:
        """Do nothing: lines need no end."""


class ArrayWriter(LineWriter):
    """Writes rows as one JSON array."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        super().__init__(file, layout)
        self._separator = b"[\n"

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        for each in map(json.loads, resources):
            self._file.write(self._separator + line_of(each).encode("utf-8", "replace"))
            self._separator = b",\n"

    def close(self) -> None:
        """End the array."""
        self._file.write(b"\n]\n" if self._separator == b",\n" else b"[]\n")


def line_of(reject: dict[str, Any]) -> str:
    """Write a rejected row as JSON; a row that is not JSON becomes a text, to be corrected there."""
    reason = f"line {reject['line']}: {reject['reason']}"
    try:
        given = parsed(reject["text"])
        if isinstance(given.get(ROW_TEXT), str):
            given = parsed(given[ROW_TEXT])
        given = {REASON: reason} | {name: value for name, value in given.items() if name != REASON}
    except RowError:
        given = {REASON: reason, ROW_TEXT: reject["text"]}
    return json.dumps(given, ensure_ascii=False)


WRITERS: Final[Mapping[str, Callable[[IO[bytes], Layout], FileWriter]]] = {
    "table": TableWriter,
    "lines": LineWriter,
    "array": ArrayWriter,
    "python": LineWriter,
}
"""The writers by the kind of the source."""
