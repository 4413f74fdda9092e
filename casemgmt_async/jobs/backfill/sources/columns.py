"""The columns of a source: which field of a row each becomes, and how its cells are read."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async.jobs.backfill.sources.presets import PRESETS, Preset
from casemgmt_async.jobs.backfill.sources.records import REASON, RowError
from casemgmt_async.jobs.errors import SourceError
from casemgmt_async.models import LinkRelationship

__all__ = ["FIELDS", "GROUPS", "RELATIONSHIPS", "ColumnMap", "Columns", "column_map", "field_of"]

FIELDS: Final = (
    "key", "title", "description", "type", "project", "priority", "status", "assignee", "due_date", "comments",
    "attributes", "custom_attributes", "archived", "links",
)  # fmt: skip
"""The fields of a row."""
GROUPS: Final = ("attributes", "custom_attributes", "links")
"""Fields of which a column can hold a part: `attributes.NAME`, `custom_attributes.KEY`, `links.RELATIONSHIP`."""
RELATIONSHIPS: Final = tuple(each.value for each in LinkRelationship)
MANY: Final = ("comments", *GROUPS)
"""Fields that take several values, so that their column may be repeated."""
TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def field_of(name: str) -> str | None:
    """Return the field that a column of this name is without any mapping, or None."""
    group, _, part = name.strip().partition(".")
    group = group.strip().casefold()
    if not part:
        return group if group in FIELDS else None
    if group not in GROUPS or (group == "links" and part.strip() not in RELATIONSHIPS):
        return None
    return f"{group}.{part.strip()}"


def example(unknown: Sequence[str]) -> str:
    """Return a mapping to try: of the first column that is nearly called like a field, if there is one."""
    for name in unknown:
        if close := difflib.get_close_matches(name.casefold(), FIELDS, 1, 0.7):
            return f"{name}={close[0]}"
    return "COLUMN=FIELD"


@frozen
class ColumnMap:
    """How a caller maps columns: by a preset, by single columns, or both."""

    preset: Preset | None = None
    single: Mapping[str, str] = field(factory=dict)
    """Fields by column name."""

    @property
    def is_partial(self) -> bool:
        """Whether unknown columns are ignored; without a preset or a mapping they are an error."""
        return self.preset is not None or bool(self.single)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about it for the user."""
        return () if self.preset is None else (f"read as {self.preset.name} writes it",)

    def field(self, name: str) -> str | None:
        """Return the field of a column, or None for a column to ignore."""
        name = name.strip()
        if name in self.single:
            return self.single[name]
        found = self.preset.field(name) if self.preset is not None else None
        return found or field_of(name)

    def columns(self, header: Sequence[str], where: str) -> Columns:
        """Assign a field to each column of a table.

        Raises `SourceError` for a header that is empty or ambiguous, or has an unknown column.
        """
        names = [name.strip() for name in header]
        if not any(names):
            raise SourceError(f"{where}: the first line must name the columns; it is empty")
        alike: dict[str, str] = {}
        for written, name in zip(header, names, strict=True):
            if name and alike.setdefault(name, written) != written:
                raise SourceError(
                    f"{where}: the columns {alike[name]!r} and {written!r} differ by blanks only; rename or remove one"
                )
        missing = [name for name in self.single if name not in names]
        if missing:
            raise SourceError(
                f"{where}: column {missing[0]!r} does not exist; the columns are {', '.join(filter(None, names))}"
            )
        fields = [None if name in ("", REASON) else self.field(name) for name in names]
        unknown = [name for name, each in zip(names, fields, strict=True) if name not in ("", REASON) and each is None]
        if unknown and not self.is_partial:
            raise SourceError(
                f"{where}: unknown columns: {', '.join(map(repr, unknown[:5]))}; allowed: {', '.join(FIELDS)}, with "
                "attributes.NAME, custom_attributes.KEY and links.RELATIONSHIP for single ones; map a column with "
                f"--map {example(unknown)!r}, or use a preset"
            )
        notes = (f"columns left out: {', '.join(dict.fromkeys(unknown))}",) if unknown else ()
        converters = {} if self.preset is None else self.preset.converters
        return Columns(tuple(names), tuple(fields), self.notes + notes, converters)

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Rename the keys of an object to fields; raises `RowError` for an unknown key or an unreadable value."""
        if not self.is_partial:
            unknown = next((name for name in given if name not in FIELDS), None)
            if unknown is not None:
                raise RowError(f"unknown key {unknown!r}; allowed: {', '.join(FIELDS)}")
            return dict(given)
        converters = {} if self.preset is None else self.preset.converters
        made: dict[str, Any] = {}
        for name, value in given.items():
            meaning = self.field(name)
            if meaning is None:
                continue
            try:
                read = converters[meaning](value) if meaning in converters else value
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise RowError(f"{name} cannot be read: {error}") from error
            put(made, meaning, read)
        return made


def put(made: dict[str, Any], meaning: str, value: Any) -> None:
    """Add a value to a row; raises `RowError` if the row has another one already."""
    group, _, part = meaning.partition(".")
    if value is None or value in ("", [], {}):
        return
    if group == "links" and part:
        made.setdefault("links", []).extend({"relationship": part, "to": to} for to in as_list(value))
        return
    place, name = (made.setdefault(group, {}), part) if part else (made, meaning)
    if group in MANY and name in place and isinstance(place[name], list | str):
        place[name] = [*as_list(place[name]), *as_list(value)]
    elif name in place and place[name] != value:
        raise RowError(f"{meaning} has two values, {place[name]!r} and {value!r}")
    else:
        place[name] = value


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list) else [value]


@frozen
class Columns:
    """The columns of one table, with the field of each."""

    names: tuple[str, ...]
    fields: tuple[str | None, ...]
    notes: tuple[str, ...] = ()
    converters: Mapping[str, Callable[[Any], Any]] = field(factory=dict)

    def values(self, cells: Sequence[str]) -> dict[str, Any]:
        """Read the cells of a row; an empty cell gives no value. Raises `RowError` for a cell that cannot be read."""
        made: dict[str, Any] = {}
        for place, cell in enumerate(cells):
            if not cell.strip():
                continue
            if place >= len(self.names):
                raise RowError(f"it has {len(cells)} cells and there are {len(self.names)} columns")
            meaning = self.fields[place]
            if not self.names[place]:
                raise RowError(f"cell {place + 1} has the value {cell[:50]!r}, and its column has no name")
            if meaning is None:
                continue
            try:
                value = self.converters[meaning](cell) if meaning in self.converters else value_of(meaning, cell)
            except ValueError as error:
                raise RowError(f"{self.names[place]} cannot be read: {error}") from error
            put(made, meaning, value)
        return made


def value_of(meaning: str, cell: str) -> Any:
    """Convert one cell for its field.

    `attributes.NAME`, `links` and `links.RELATIONSHIP` hold several values with `|` between them. Comments are
    never split, because a text may contain the same character: repeat the column, or write a JSON list.
    """
    group, _, part = meaning.partition(".")
    if cell.startswith(("[", "{")) and group in MANY:
        try:
            given = json.loads(cell)
        except (ValueError, RecursionError):
            given = None
        if isinstance(given, dict) or (isinstance(given, list) and (given or cell.strip() == "[]")):
            return given
    if part and group in ("attributes", "links"):
        return [value for each in cell.split("|") if (value := each.strip())]
    if meaning == "links":
        return [
            dict(zip(("relationship", "to"), map(str.strip, each.split(":", 1)), strict=False))
            for each in cell.split("|")
            if each.strip()
        ]
    if meaning == "archived":
        return TRUTHS.get(cell.strip().casefold(), cell)
    return cell if group in ("description", "comments", "custom_attributes") else cell.strip()


def column_map(preset: str | None, single: Mapping[str, str] | None) -> ColumnMap:
    """Make the column map of a preset's name and of fields by column name.

    Raises `SourceError` for a preset or a field that does not exist.
    """
    if preset is not None and preset not in PRESETS:
        raise SourceError(f"unknown preset {preset!r}; allowed: {', '.join(PRESETS)}")
    fields = {}
    for name, meaning in (single or {}).items():
        found = field_of(meaning)
        if found is None:
            raise SourceError(
                f"the column {name!r} cannot be mapped to {meaning!r}; allowed: {', '.join(FIELDS)}, attributes.NAME, "
                "custom_attributes.KEY, links.RELATIONSHIP"
            )
        fields[name.strip()] = found
    return ColumnMap(None if preset is None else PRESETS[preset], fields)
