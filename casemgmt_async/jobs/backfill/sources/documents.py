"""Read rows that are objects: JSON Lines, a JSON array, or mappings from a program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, ClassVar, Final

from casemgmt_async.jobs.backfill.sources.columns import ColumnMap
from casemgmt_async.jobs.backfill.sources.records import REASON, ROW_TEXT, Layout, Record, RowError
from casemgmt_async.jobs.backfill.sources.sniffing import encoding_of, label_of, repaired
from casemgmt_async.jobs.errors import SourceError

__all__ = ["JsonArray", "JsonLines", "record_of_mapping", "record_of_text"]

MOST_CHARACTERS: Final = 16 << 20
"""Characters that one row may have."""
CHUNK: Final = 1 << 16
HALF: Final = re.compile("[\ud800-\udfff]")
MISSING: Final = ("<NA>", "NaT", "nan")
"""How pandas shows a missing value."""
BLANKS: Final = " \t\r\n"
TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*(?:"|$)|[\[\]{}]', re.DOTALL)
"""What matters for the depth of a value: texts, which may hold anything, and brackets."""
SIMPLE: Final = re.compile(r'"(?:\\.|[^"\\])*"|[^\s,\[\]{}"]+|.', re.DOTALL)


class DuplicateKeyError(ValueError):
    """An object has the same key twice."""


def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs; refuse a key that appears twice, because JSON parsers keep only the last one."""
    made = dict(given)
    if len(made) < len(given):
        names = [name for name, _ in given]
        raise DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return made


decoder: Final = json.JSONDecoder(object_pairs_hook=pairs)


class JsonFile:
    """A file of JSON objects.

    Raises `SourceError` where the file cannot be used as a whole.
    """

    kind: ClassVar[str]
    """The kind of the layout."""
    title: ClassVar[str]
    """What a note calls the file."""

    def __init__(self, path: Path, column_map: ColumnMap) -> None:
        self.path = path
        self.encoding = encoding_of(path)
        self.column_map = column_map
        notes = (f"{self.title}, {label_of(self.encoding)}", *column_map.notes)
        self.layout = Layout(kind=self.kind, encoding=self.encoding, notes=notes)


class JsonLines(JsonFile):
    """A file with one JSON object a line."""

    kind = "lines"
    title = "JSON Lines"

    def __iter__(self) -> Iterator[Record]:
        with opened(self.path, self.encoding) as file:
            number = 0
            while text := readline(file, self.path, self.encoding):
                number += 1
                if len(text) > MOST_CHARACTERS:
                    while len(text) > MOST_CHARACTERS and not text.endswith("\n"):
                        text = readline(file, self.path, self.encoding)
                    yield Record(number, "", problem=f"the line has more than {MOST_CHARACTERS:,} characters")
                elif text.strip():
                    yield record_of_text(number, text.strip(), self.column_map)


class JsonArray(JsonFile):
    """A file with one JSON array of objects, as `gh issue list --json` writes it; read piece by piece."""

    kind = "array"
    title = "a JSON array"

    def __iter__(self) -> Iterator[Record]:
        with opened(self.path, self.encoding) as file:
            pieces = Pieces(file, self.path)
            if pieces.skip(BLANKS) != "[":
                raise SourceError(
                    f"{self.path}: must hold one JSON array, which begins with [; "
                    "if it has one object on each line, name it .jsonl"
                )
            pieces.drop(1)
            while (following := pieces.skip(BLANKS + ",")) not in ("]", ""):
                line, text = pieces.line, pieces.value()
                yield record_of_text(line, text, self.column_map)
            if not following:
                raise SourceError(f"{self.path}: line {pieces.line}: the array is not closed; is the file complete?")


class Pieces:
    """The text of a file, read as far as it is needed."""

    def __init__(self, file: IO[str], path: Path) -> None:
        self._file, self._path = file, path
        self._text = ""
        self.line = 1

    def drop(self, count: int) -> None:
        """Skip this number of characters."""
        self.line += self._text.count("\n", 0, count)
        self._text = self._text[count:]

    def skip(self, characters: str) -> str:
        """Skip these characters; returns the next character, or an empty text at the end of the file."""
        while True:
            self.drop(len(self._text) - len(self._text.lstrip(characters)))
            if self._text:
                return self._text[0]
            if not self._more():
                return ""

    def value(self) -> str:
        """Take the text of one value."""
        while (end := end_of_value(self._text)) is None:
            if len(self._text) > MOST_CHARACTERS:
                raise SourceError(
                    f"{self._path}: line {self.line}: the value that begins here has more than "
                    f"{MOST_CHARACTERS:,} characters"
                )
            if not self._more():
                raise SourceError(
                    f"{self._path}: line {self.line}: the value that begins here does not end; is the file complete?"
                )
        text = self._text[:end]
        self.drop(end)
        return text

    def _more(self) -> bool:
        """Read more: as much as is in memory already, so that a long value is scanned only a few times."""
        chunk = self._file.read(max(CHUNK, len(self._text)))
        self._text += chunk
        return bool(chunk)


def end_of_value(text: str) -> int | None:
    """Return the end of the value at the start of a text, at any depth; None if the text ends before it."""
    if text[:1] not in ("[", "{"):
        simple = SIMPLE.match(text)
        return simple.end() if simple and simple.end() < len(text) else None
    depth = 0
    for token in TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
            if not depth:
                return token.end()
    return None


def opened(path: Path, encoding: str) -> IO[str]:
    """Open a file of JSON; only a line feed ends a line."""
    try:
        return path.open(encoding=encoding, errors="surrogateescape", newline="\n")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def readline(file: IO[str], path: Path, encoding: str) -> str:
    """Read a line; of a line that is too long, one character more than a row may have."""
    try:
        return file.readline(MOST_CHARACTERS + 1)
    except UnicodeError as error:
        raise SourceError(f"{path}: it looks like {label_of(encoding)} and cannot be read as that: {error}") from error


def record_of_text(line: int, text: str, column_map: ColumnMap) -> Record:
    """Make a record of the JSON text of one row."""
    shown = repaired(text)
    if shown != text:
        return Record(line, shown, problem="it is damaged: not all of it is in the encoding of the file")
    try:
        given = parsed(text)
        if isinstance(given.get(ROW_TEXT), str):  # a line of a rejects file
            given = parsed(given[ROW_TEXT])
        return Record(line, text, column_map.values({name: value for name, value in given.items() if name != REASON}))
    except RowError as error:
        return Record(line, text, problem=str(error))


def parsed(text: str) -> dict[str, Any]:
    """Parse a JSON object; raises `RowError` for anything else."""
    try:
        given = decoder.decode(text)
        shown = json.dumps(given, ensure_ascii=False)
    except DuplicateKeyError as error:
        raise RowError(f"the key {str(error)!r} is there twice") from error
    except ValueError as error:
        raise RowError(f"this is not JSON: {error}") from error
    except RecursionError as error:
        raise RowError("it is nested too deeply") from error
    except MemoryError as error:
        raise RowError("it is too large to be read") from error
    if not isinstance(given, dict):
        raise RowError("the line must hold an object")
    if HALF.search(shown):
        raise RowError("half of a surrogate pair is not a character")
    return given


def record_of_mapping(number: int, row: Any, column_map: ColumnMap) -> Record:
    """Make a record of one mapping."""
    if not isinstance(row, Mapping):
        return Record(number, repr(row)[:1000], problem=f"a row must be a mapping, not {type(row).__name__}")
    try:
        text = json.dumps(plain(row), ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError) as error:
        return Record(number, "", problem=f"it cannot be written as JSON: {error}")
    return record_of_text(number, text, column_map)


def plain(value: Any) -> Any:
    """Convert values of DataFrames and dates to values that JSON has; a missing value becomes None."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, float | datetime | date) or not isinstance(value, str | bool | int):
        if value is None or str(value) in MISSING:
            return None
        if (as_python := getattr(value, "tolist", None)) is not None:  # numpy's arrays and scalars
            return plain(as_python())
    return value.isoformat() if isinstance(value, datetime | date) else value
