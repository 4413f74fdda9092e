"""Texts that stand for times, and where something did not fit."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from typing import Any

import msgspec

__all__ = ["Misfit", "Whole", "as_received", "day", "day_text", "in_utc", "instant", "instant_text", "plain"]


class Misfit(Exception):  # noqa: N818 - never leaves the codec
    """Something has not the shape it should have; the path grows on the way up."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.path = list(reversed(path))

    def json_path(self) -> str:
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in reversed(self.path)]
        return "$" + "".join(parts)


class Whole:
    """What a resource keeps when it came in a document of its own: all of that document."""

    __slots__ = ("document",)

    def __init__(self, document: Any) -> None:
        self.document = document

    def __reduce__(self) -> tuple[type[Whole], tuple[Any]]:
        return Whole, (self.document,)


def plain(wire: Any) -> Any:
    """Give what was received as plain objects that may be changed."""
    return msgspec.to_builtins(wire) if isinstance(wire, msgspec.Struct) else copy.deepcopy(wire)


def as_received(struct: msgspec.Struct) -> tuple[Any, tuple[Any]]:
    """Say how a struct is pickled: as the plain objects it stands for, since its class is made at run time."""
    return dict, (msgspec.to_builtins(struct),)


def instant(text: str) -> datetime:
    """Read a timestamp, with any number of digits of fraction; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the forms of RFC 3339 that the standard library does not read
        moment = msgspec.convert(text, datetime)
    return in_utc(moment)


def in_utc(moment: datetime) -> datetime:
    """Move a time to UTC; without an offset it is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(text: str) -> date:
    """Read a date, or the date of a timestamp."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return instant(text).date()


def instant_text(moment: datetime) -> str:
    """Write a time as the service does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds" if moment.microsecond else "seconds")[:-6] + "Z"


def day_text(value: date) -> str:
    """Write a date as the service does."""
    return value.isoformat()
