"""Read the rows of a CSV file, whatever program wrote it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from attrs import define, field

from casemgmt_async.jobs.backfill.sources.columns import ColumnMap, Columns
from casemgmt_async.jobs.backfill.sources.records import Layout, Record, RowError
from casemgmt_async.jobs.backfill.sources.sniffing import DELIMITERS, delimiter_of, encoding_of, label_of, repaired
from casemgmt_async.jobs.errors import SourceError

__all__ = ["Table"]

MOST_LINES: Final = 5_000
"""Lines that one row may have; a quotation mark left open would make a row of all that follows."""
MOST_CHARACTERS: Final = 16 << 20
"""Characters that one row may have."""
EXCEL_SEPARATOR: Final = "sep="
"""The first line that Excel writes to name what separates the cells."""


@define(eq=False)
class RowLines:
    """The physical lines of a file, of which it keeps those of the current row."""

    file: IO[str]
    number: int = 0
    """Number of the line read last."""
    row: list[str] = field(factory=list)
    """The lines of the current row."""
    size: int = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.file.readline(MOST_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.row.append(line)
        self.size += len(line)
        if len(self.row) > MOST_LINES or self.size > MOST_CHARACTERS:
            raise TooLongError
        return line

    def begin(self) -> None:
        """Begin another row."""
        self.row.clear()
        self.size = 0

    @property
    def first(self) -> int:
        """Number of the line on which the current row begins."""
        return self.number - len(self.row) + 1


class TooLongError(Exception):
    """A row has more lines or characters than a row can have."""


class Table:
    """A CSV file. `Table(path, column_map)` reads the header; iterating gives the rows.

    Raises `SourceError` where the file cannot be used as a whole.
    """

    def __init__(self, path: Path, column_map: ColumnMap) -> None:
        self.path = path
        self.encoding, self.delimiter = encoding_of(path), ","
        # The limit applies to the whole process, so it is never lowered.
        csv.field_size_limit(max(csv.field_size_limit(), MOST_CHARACTERS))
        with self._open() as file:
            self.delimiter, header, _ = self._read_header(RowLines(file))
        self.columns = column_map.columns(header, str(path))
        written = f"{len(header)} columns separated by {DELIMITERS[self.delimiter]}, {label_of(self.encoding)}"
        self.layout = Layout(
            kind="table",
            encoding=self.encoding,
            delimiter=self.delimiter,
            header=tuple(header),
            notes=(written, *self.columns.notes),
        )

    def __iter__(self) -> Iterator[Record]:
        with self._open() as file:
            lines = RowLines(file)
            _, _, reader = self._read_header(lines)
            while True:
                lines.begin()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except (csv.Error, TooLongError) as error:
                    yield self._unreadable(lines, error)
                    continue
                except UnicodeError as error:
                    raise self._undecodable(error) from error
                if any(map(str.strip, cells)):
                    yield record_of(lines.first, cells, self.columns)

    def _open(self) -> IO[str]:
        try:
            return self.path.open(encoding=self.encoding, errors="surrogateescape", newline="")
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror}") from error

    def _read_header(self, lines: RowLines) -> tuple[str, list[str], Iterator[list[str]]]:
        """Find the delimiter and the column names; gives the reader of what follows."""
        try:
            while (line := next(lines, "")) and not line.strip().strip(",;\t"):
                lines.begin()
            delimiter = delimiter_of(line)
            if line.casefold().startswith(EXCEL_SEPARATOR):
                named = line.rstrip("\r\n")[len(EXCEL_SEPARATOR) :]
                delimiter, line = named if named in DELIMITERS else delimiter, next(lines, "")
            pushed = iter([line])
            reader = csv.reader((each for part in (pushed, lines) for each in part), delimiter=delimiter, strict=True)
            header = next(reader, [])
        except (csv.Error, TooLongError) as error:
            raise self._broken(lines, error) from error
        except UnicodeError as error:
            raise self._undecodable(error) from error
        return delimiter, header, reader

    def _unreadable(self, lines: RowLines, error: Exception) -> Record:
        """Reject one row. If it has several lines, the start of the next row is unknown, so the file is refused."""
        if len(lines.row) > 1 or isinstance(error, TooLongError) or "end of data" in str(error):
            raise self._broken(lines, error) from error
        reason = "text follows a closing quotation mark; write a quotation mark inside a cell twice"
        if "limit" in str(error):
            reason = f"a cell has more than {MOST_CHARACTERS:,} characters"
        return Record(lines.number, json.dumps([repaired(lines.row[0].rstrip("\r\n"))]), problem=reason)

    def _broken(self, lines: RowLines, error: Exception) -> SourceError:
        began = open_quote(lines.row, lines.first, self.delimiter)
        if began is None:
            return SourceError(f"{self.path}: line {lines.first}: the row has more than {MOST_CHARACTERS:,} characters")
        how = "never closed" if "end of data" in str(error) else "not closed properly"
        if isinstance(error, TooLongError):
            how = f"not closed within {MOST_LINES:,} lines"
        return SourceError(
            f"{self.path}: line {began}: the quotation mark that opens a cell on this line is {how}; "
            "close it, or write a quotation mark inside a cell twice"
        )

    def _undecodable(self, error: UnicodeError) -> SourceError:
        return SourceError(
            f"{self.path}: it looks like {label_of(self.encoding)} and cannot be read as that: {error}; "
            "save the file as UTF-8"
        )


def record_of(line: int, cells: Sequence[str], columns: Columns) -> Record:
    """Make a record of the cells of one row."""
    text = json.dumps(cells, ensure_ascii=False)
    shown = repaired(text)
    if shown != text:
        return Record(line, shown, problem="it is damaged: not all of it is in the encoding of the file")
    try:
        return Record(line, text, columns.values(cells))
    except RowError as error:
        return Record(line, text, problem=str(error))


def open_quote(lines: Sequence[str], first: int, delimiter: str) -> int | None:
    """Return the number of the line on which the last quoted cell begins; None where no cell is quoted."""
    began, place = None, "start"
    for number, line in enumerate(lines, first):
        for character in line:
            if place == "quoted":
                place = "closed" if character == '"' else "quoted"
            elif character == '"' and place in ("start", "closed"):
                began = number if place == "start" else began
                place = "quoted"
            elif character in (delimiter, "\r", "\n"):
                place = "start"
            elif place == "closed":
                return began
            else:
                place = "plain"
    return began
