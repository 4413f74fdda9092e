"""Rules for arguments. An argument that breaks its rule is refused before any I/O.

Ids in a path have no rules here: the session checks them for all routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from attrs import frozen

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models import UNSET

LARGEST: Final = 2**63 - 1
"""The largest whole number that is sent; services count in 64 bits."""


@frozen
class Check:
    """One rule for an argument: a test, and the text of the error."""

    holds: Callable[[Any], bool]
    says: str


def require(rule: Check, /, **arguments: Any) -> None:
    """Refuse the first of the arguments that breaks the rule."""
    for name, value in arguments.items():
        if not rule.holds(value):
            raise InvalidArgumentError(name, rule.says)


def allow_none(rule: Check, /, **arguments: Any) -> None:
    """Check arguments that may be left out: None and `UNSET` ask for nothing."""
    require(rule, **{name: value for name, value in arguments.items() if value is not None and value is not UNSET})


def require_one(rule: Check, /, **arguments: Any) -> None:
    """Check arguments of which exactly one has to be given."""
    given = [name for name, value in arguments.items() if value is not None and value is not UNSET]
    if len(given) != 1:
        raise InvalidArgumentError(" / ".join(arguments), f"give exactly one of them, not {len(given)}")
    allow_none(rule, **arguments)


def require_interval(**bounds: Any) -> None:
    """Refuse bounds that are not points in time, or an end that is not after its start."""
    allow_none(AWARE, **bounds)
    (_, start), (end_name, end) = bounds.items()
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise InvalidArgumentError(end_name, "must be after the start")


def whole(least: int, most: int | None = None) -> Check:
    """Make the check for a whole number in a range; True and False are not numbers."""
    says = f"must be a whole number from {least} " + ("up" if most is None else f"to {most}")
    return Check(lambda v: type(v) is int and least <= v <= (LARGEST if most is None else most), says)


def one_of(kind: type[Enum]) -> Check:
    """Make the check for being one of the names we know, or a member made on purpose for another."""
    known = [member.value for member in kind]
    return Check(lambda v: isinstance(v, kind) or v in known, "must be one of " + ", ".join(known))


def model(kind: type) -> Check:
    """Make the check for being a model of one class."""
    return Check(lambda v: isinstance(v, kind), f"must be of the class {kind.__name__}")


def model_or_object(kind: type) -> Check:
    """Make the check for being a model of one class, or the JSON object that stands for it."""
    return Check(lambda v: isinstance(v, kind) or _object(v), f"must be of the class {kind.__name__}, or a mapping")


def list_of(kind: type, most: int | None = None) -> Check:
    """Make the check for a list of models of one class; with `most`, it must not be empty either."""
    says = f"must be a list of {kind.__name__}" + ("" if most is None else f", 1 to {most} of them")
    return Check(lambda v: _each(kind, v) and (most is None or 1 <= len(v) <= most), says)


def _listed(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _each(kind: type, value: Any) -> bool:
    return _listed(value) and all(isinstance(item, kind) for item in value)


def _filled(value: Any) -> bool:
    return _text(value) and bool(value.strip())


def _text(value: Any) -> bool:
    """Say whether a value is text that can be encoded: a lone surrogate cannot."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _all_filled(value: Any) -> bool:
    return _listed(value) and all(map(_filled, value))


def _text_lists(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_filled(key) and _each(str, texts) for key, texts in value.items())


def _object(value: Any) -> bool:
    return isinstance(value, Mapping) and _all_str(value)


def _texts_by_text(value: Any) -> bool:
    return _object(value) and _all_str(value.values())


def _all_str(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_aware(value: Any) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None


TEXT: Final = Check(_text, "must be text, without lone surrogates")
FILLED: Final = Check(_filled, "must be text that is not empty, without lone surrogates")
WORD: Final = Check(
    lambda v: isinstance(v, str) and re.fullmatch(r"[\w-]+", v) is not None, "must be one word of letters, digits and -"
)
FILLED_LIST: Final = Check(_all_filled, "must be a list of texts, none empty")
FILLED_LIST_OF_SOME: Final = Check(
    lambda v: _all_filled(v) and len(v) > 0, "must be a list of one text or more, none empty"
)
FIELDS: Final = Check(
    lambda v: _all_filled(v) and len(v) > 0 and not any("," in name for name in v),
    "must be a list of one field name or more, none empty and none with a comma",
)
FLAG: Final = Check(lambda v: isinstance(v, bool), "must be True or False")
ATTRIBUTES: Final = Check(_text_lists, "must map names to lists of texts")
PAYLOAD: Final = Check(_texts_by_text, "must map texts to texts")
OBJECT: Final = Check(_object, "must be a mapping with texts as keys")
PROJECT_KEY: Final = Check(
    lambda v: _filled(v) and v.strip().upper() != "CASE", "must be text that is not empty, and not CASE"
)
DAY: Final = Check(
    lambda v: isinstance(v, date) and not isinstance(v, datetime), "must be a date without a time, or None to clear it"
)
AWARE: Final = Check(_is_aware, "must be a datetime with a time zone")
PAGE_SIZE: Final = whole(1, 100)
GROUP_LIMIT: Final = whole(1, 1000)
FROM_ZERO: Final = whole(0)
FROM_ONE: Final = whole(1)
