"""Scalar values of JSON: times, dates, nesting; and the error for what does not fit."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from typing import Any, Final, NoReturn

import msgspec
from attrs import frozen

__all__ = [
    "MAX_DEPTH",
    "DocumentWire",
    "ShapeError",
    "checked",
    "day",
    "in_utc",
    "instant",
    "missing",
    "plain",
    "wrong",
]

MAX_DEPTH: Final = 100
"""Deepest nesting of a value without a type of ours; deeper ones could not be copied or pickled."""


class ShapeError(Exception):
    """A value does not have the expected shape. The path grows on the way up; `decode` raises `DecodeError`."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def within(self, *path: str | int) -> None:
        """Put the steps that lead to the value in front of the path."""
        self.path = (*path, *self.path)

    def json_path(self) -> str:
        """Write the path as in `$.data[3].attributes.title`."""
        return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)


@frozen
class DocumentWire:
    """What a resource that came alone was read from: the whole document."""

    document: Any
    """The document, parsed or as plain objects."""


JSON_NAMES: Final[dict[Any, str]] = {dict: "object", list: "array", type(None): "null"}


def wrong(expected: str, raw: Any) -> NoReturn:
    """Refuse a value of another JSON type, in the words of msgspec."""
    raise ShapeError(f"Expected `{expected}`, got `{JSON_NAMES.get(type(raw), type(raw).__name__)}`")


def missing(*path: str) -> NoReturn:
    """Refuse an object without a member that must be there."""
    raise ShapeError("Expected a value, got nothing or `null`", *path)


def checked(value: Any, levels: int = MAX_DEPTH) -> Any:
    """Return a value of any type, or refuse it where it is nested too deeply."""
    if value.__class__ is dict or value.__class__ is list:
        if not levels:
            raise ShapeError(f"nested more than {MAX_DEPTH} levels deep")
        for inner in value.values() if value.__class__ is dict else value:
            if inner.__class__ is dict or inner.__class__ is list:
                checked(inner, levels - 1)
    return value


def plain(wire: Any) -> Any:
    """Return what was received as new plain objects."""
    if isinstance(wire, msgspec.Struct):
        return wire.__plain__(wire)  # type: ignore[attr-defined]
    if isinstance(wire, list):
        return [plain(one) for one in wire]
    return wire.plain() if hasattr(wire, "plain") else copy.deepcopy(wire)


def instant(text: str) -> datetime:
    """Read a timestamp with any number of digits of fraction. A time without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # forms of RFC 3339 that the standard library does not read
        moment = msgspec.convert(text, datetime)
    return moment if moment.tzinfo is UTC else in_utc(moment)


def in_utc(moment: datetime) -> datetime:
    """Convert a time to UTC. A time without an offset is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(text: str) -> date:
    """Read a date, or the date of a timestamp in UTC."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return instant(text).date()
