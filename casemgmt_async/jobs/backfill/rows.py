"""The rows of a backfill: read from JSON Lines or CSV, checked one by one; a bad row stops nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from attrs import frozen

from casemgmt_async import LinkRelationship
from casemgmt_async.jobs.actions import Step, identifier, parse_action
from casemgmt_async.jobs.errors import RulesError, SourceError

__all__ = ["BadRow", "Link", "Row", "digest", "read_rows"]

STEPS: Final[Mapping[str, str]] = {
    "priority": "priority",
    "status": "status",
    "assignee": "assign",
    "due_date": "due_date",
    "comments": "comment",
    "attributes": "attributes",
    "custom_attributes": "custom_attributes",
    "archived": "archive",
}
"""The keys of a row that become steps, and their actions."""
OWN: Final = ("key", "title", "description", "type_id", "project_id", "links")
KEYS: Final = (*OWN, *STEPS)
GROUPS: Final = ("attributes", "custom_attributes")
HALF: Final = re.compile("[\ud800-\udfff]")
RELATIONSHIPS: Final = [each.value for each in LinkRelationship]


@frozen
class Link:
    """A link from a row's case to another row's."""

    relationship: str
    """What the row's case is to the other."""
    to: str
    """The key of the other row."""


@frozen(kw_only=True)
class Row:
    """One row that can become a case."""

    line: int
    """The number of its line in the file."""
    key: str
    """What the source calls it."""
    title: str
    description: str
    type_id: str
    project_id: str
    steps: tuple[Step, ...]
    """What is done to the case."""
    links: tuple[Link, ...]
    text: str
    """The row as it stands in the file, as JSON where that is CSV."""


@frozen
class BadRow:
    """One row that cannot."""

    line: int
    """The number of its line in the file."""
    reason: str
    """What is wrong with it."""
    text: str
    """The row, as JSON where it is CSV."""


def digest(path: Path) -> str:
    """Tell one file from another by its content; raises `SourceError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def read_rows(path: Path, defaults: Mapping[str, str | None]) -> Iterator[Row | BadRow]:
    """Read the rows of a file, by its suffix; `defaults` stand in for `project_id` and `type_id`.

    Raises `SourceError` for a file that cannot be used as a whole.
    """
    readers = {".csv": read_csv, ".jsonl": read_lines, ".ndjson": read_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SourceError(f"{path}: cannot tell the format; end the name in one of {', '.join(readers)}")
    for line, given, text in reader(path):
        if isinstance(given, str):
            yield BadRow(line, given, text)
            continue
        try:
            yield check(line, given, text, defaults)
        except RulesError as error:
            yield BadRow(line, str(error), text)


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str, str]]:
    """The lines of JSON Lines: number, object or complaint, text."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            text = raw.decode("utf-8", errors="replace").strip()
            if not text:
                continue
            try:
                given = json.loads(raw)
            except ValueError as error:
                yield number, f"this is not JSON: {error}", text
                continue
            if not isinstance(given, dict):
                yield number, "the line must hold an object", text
            elif b"\\u" in raw and HALF.search(json.dumps(given, ensure_ascii=False)):
                yield number, "half of a surrogate pair is no character", text
            else:
                yield number, given, text


def read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | str, str]]:
    """The lines of CSV: number, values or complaint, the cells as JSON."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        table = csv.DictReader(file, restkey="")
        unknown = [name for name in table.fieldnames or () if name.partition(".")[0] not in KEYS]
        if unknown or not table.fieldnames:
            raise SourceError(
                f"{path}: the first line must name the columns; unknown: "
                f"{', '.join(map(readable, unknown)) or 'all'}; allowed: "
                f"{', '.join(KEYS)}, with attributes.NAME and custom_attributes.NAME for single ones; commas between"
            )
        for cells in rows_of(path, table):
            raw = json.dumps(cells, ensure_ascii=False)
            text = readable(raw)
            if text != raw:
                yield table.line_num, "it is not UTF-8; save the file as UTF-8", text
            elif "" in cells:
                yield table.line_num, "it has more cells than there are columns", text
            else:
                yield table.line_num, from_cells(cells), text


def rows_of(path: Path, table: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table, up to one after which it is not known any more where rows begin."""
    try:
        yield from table
    except csv.Error as error:
        raise SourceError(
            f"{path}: line {table.line_num}: {error}; is a quotation mark left open? Long texts go into a .jsonl file"
        ) from error


def readable(text: str) -> str:
    """A text with a mark in the place of each byte that is not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def from_cells(cells: Mapping[str, str | None]) -> dict[str, Any]:
    """The values that a line of CSV stands for; an empty cell stands for nothing."""
    given: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        group, _, inner = name.partition(".")
        if inner:
            values = cell.split("|") if group == "attributes" else cell
            given.setdefault(group, {})[inner] = values
        elif cell.startswith(("[", "{")) and name in ("comments", "links", *GROUPS):
            try:
                given[name] = json.loads(cell)
            except ValueError:
                given[name] = cell
        elif name == "archived":
            given[name] = {"true": True, "false": False}.get(cell.lower(), cell)
        else:
            given[name] = cell
    return given


def check(line: int, given: dict[str, Any], text: str, defaults: Mapping[str, str | None]) -> Row:
    """Make a row of what a line holds, or say in a `RulesError` why not."""
    unknown = [name for name in given if name not in KEYS]
    if unknown:
        raise RulesError(f"unknown key {unknown[0]!r}; allowed: {', '.join(KEYS)}")
    present = {name: value for name, value in given.items() if value is not None}
    if present.get("archived") is False:
        del present["archived"]
    texts = {name: present.get(name, defaults.get(name)) for name in ("key", "title", "type_id", "project_id")}
    for name, value in texts.items():
        if isinstance(value, int) and name == "key" and not isinstance(value, bool):
            texts[name] = str(value)
        elif not isinstance(value, str) or not value.strip():
            raise RulesError(f"{name} must be a text with something in it, not {value!r}")
        elif name in ("type_id", "project_id"):
            (texts[name],) = identifier(name, value)
    description = present.get("description", "")
    if not isinstance(description, str):
        raise RulesError(f"description must be a text, not {description!r}")
    steps = [
        step for name, value in present.items() if name in STEPS for step in parse_action(name, STEPS[name], value)
    ]
    return Row(
        line=line,
        text=text,
        description=description,
        steps=tuple(sorted(steps, key=lambda step: step.stage)),
        links=links(present.get("links", [])),
        **cast("dict[str, str]", texts),
    )


def links(given: Any) -> tuple[Link, ...]:
    """Read the links of a row."""
    if isinstance(given, str):  # in CSV: BLOCKS:KEY-1|RELATES_TO:KEY-2
        given = [dict(zip(("relationship", "to"), part.split(":", 1), strict=False)) for part in given.split("|")]
    read = []
    for each in given if isinstance(given, list) else [given]:
        match each:
            case {"relationship": str(relationship), "to": str(to)} if len(each) == 2 and relationship in RELATIONSHIPS:
                read.append(Link(relationship, to))
            case _:
                raise RulesError(
                    "links must be a list of {relationship, to}, where to is the key of another row and "
                    f"relationship one of {', '.join(RELATIONSHIPS)}; not {each!r}"
                )
    return tuple(dict.fromkeys(read))
