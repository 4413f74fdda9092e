"""Rules for arguments. An argument that breaks its rule is refused before any I/O.

The ids in a path are not checked here: the session checks them for all routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from reprlib import Repr
from typing import Any, Final

from attrs import frozen

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models import UNSET

LARGEST: Final = 2**63 - 1
"""Largest whole number that is sent: the service uses 64-bit integers."""
FEW: Final = 3
"""Length up to which a list is shown in a message."""
SHORT: Final = Repr()
SHORT.maxstring = SHORT.maxother = 60


@frozen
class Check:
    """One rule for an argument: a predicate, and the error message, such as `must be True or False`."""

    holds: Callable[[Any], bool]
    says: str


def require(rule: Check, /, **arguments: Any) -> None:
    """Refuse the first of the arguments that breaks the rule."""
    for name, value in arguments.items():
        if not rule.holds(value):
            raise InvalidArgumentError(name, f"{rule.says}, not {shown(value)}")


def shown(value: Any) -> str:
    """Show a value that breaks a rule: cut to a few words, a long list by its length."""
    if isinstance(value, (list, tuple)) and len(value) > FEW:
        return f"a list of {len(value)}"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a larger number" if value > 0 else "a smaller number"  # Python does not write very long ones
    return SHORT.repr(value)


def allow_none(rule: Check, /, **arguments: Any) -> None:
    """Check arguments that may be left out: None and `UNSET` are accepted."""
    require(rule, **{name: value for name, value in arguments.items() if value is not None and value is not UNSET})


def require_one(rule: Check, /, **arguments: Any) -> None:
    """Check arguments of which exactly one must be given."""
    given = [name for name, value in arguments.items() if value is not None and value is not UNSET]
    if len(given) != 1:
        raise InvalidArgumentError(" / ".join(arguments), f"give exactly one of them, not {len(given)}")
    allow_none(rule, **arguments)


def require_interval(**bounds: Any) -> None:
    """Refuse bounds that are not datetimes with a time zone, and an end that is not after the start."""
    allow_none(AWARE, **bounds)
    (_, start), (end_name, end) = bounds.items()
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise InvalidArgumentError(end_name, "must be after the start")


def whole(least: int, most: int | None = None) -> Check:
    """Make the check for a whole number in a range; True and False are not numbers."""
    says = f"must be a whole number from {least} " + ("up" if most is None else f"to {most}")
    return Check(lambda v: type(v) is int and least <= v <= (LARGEST if most is None else most), says)


def one_of(kind: type[Enum]) -> Check:
    """Make the check for a documented value of an enum. A member of the enum passes too, also for other values."""
    known = [member.value for member in kind]
    return Check(lambda v: isinstance(v, kind) or v in known, "must be one of " + ", ".join(known))


def model(kind: type) -> Check:
    """Make the check for an instance of one model class."""
    return Check(lambda v: isinstance(v, kind), f"must be of the class {kind.__name__}")


def model_or_object(kind: type) -> Check:
    """Make the check for an instance of one model class, or a mapping in the shape of its JSON."""
    return Check(lambda v: isinstance(v, kind) or is_object(v), f"must be of the class {kind.__name__}, or a mapping")


def list_of(kind: type, most: int | None = None) -> Check:
    """Make the check for a list of models of one class; with `most`, it must not be empty either."""
    says = f"must be a list of {kind.__name__}" + ("" if most is None else f", 1 to {most} of them")
    return Check(lambda v: is_list_of(kind, v) and (most is None or 1 <= len(v) <= most), says)


def is_list(value: Any) -> bool:
    """Say whether a value is a list or a tuple."""
    return isinstance(value, (list, tuple))


def is_list_of(kind: type, value: Any) -> bool:
    """Say whether a value is a list of instances of one class."""
    return is_list(value) and all(isinstance(item, kind) for item in value)


def is_filled(value: Any) -> bool:
    """Say whether a value is text with more than white space."""
    return is_text(value) and bool(value.strip())


def is_text(value: Any) -> bool:
    """Say whether a value is text that can be encoded as UTF-8: lone surrogates cannot."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def is_list_of_filled(value: Any) -> bool:
    """Say whether a value is a list of texts that are not empty."""
    return is_list(value) and all(map(is_filled, value))


def maps_names_to_texts(value: Any) -> bool:
    """Say whether a value maps names to lists of texts."""
    return isinstance(value, Mapping) and all(is_filled(key) and is_list_of(str, texts) for key, texts in value.items())


def is_object(value: Any) -> bool:
    """Say whether a value is a mapping with texts as keys."""
    return isinstance(value, Mapping) and all_texts(value)


def maps_texts_to_texts(value: Any) -> bool:
    """Say whether a value maps texts to texts."""
    return is_object(value) and all_texts(value.values())


def all_texts(values: Iterable[Any]) -> bool:
    """Say whether all values are texts."""
    return all(isinstance(value, str) for value in values)


def is_aware(value: Any) -> bool:
    """Say whether a value is a datetime with a time zone."""
    return isinstance(value, datetime) and value.utcoffset() is not None


TEXT: Final = Check(is_text, "must be text, without lone surrogates")
FILLED: Final = Check(is_filled, "must be text that is not empty, without lone surrogates")
WORD: Final = Check(
    lambda v: isinstance(v, str) and re.fullmatch(r"[\w-]+", v) is not None, "must be one word of letters, digits and -"
)
FILLED_LIST: Final = Check(is_list_of_filled, "must be a list of texts, none empty")
FILLED_LIST_OF_SOME: Final = Check(
    lambda v: is_list_of_filled(v) and len(v) > 0, "must be a list of one text or more, none empty"
)
FIELDS: Final = Check(
    lambda v: is_list_of_filled(v) and len(v) > 0 and not any("," in name for name in v),
    "must be a list of one field name or more, none empty and none with a comma",
)
FLAG: Final = Check(lambda v: isinstance(v, bool), "must be True or False")
ATTRIBUTES: Final = Check(maps_names_to_texts, "must map names to lists of texts")
PAYLOAD: Final = Check(maps_texts_to_texts, "must map texts to texts")
OBJECT: Final = Check(is_object, "must be a mapping with texts as keys")
PROJECT_KEY: Final = Check(
    lambda v: is_filled(v) and v.strip().upper() != "CASE", "must be text that is not empty, and not CASE"
)
DAY: Final = Check(
    lambda v: isinstance(v, date) and not isinstance(v, datetime), "must be a date without a time, or None to clear it"
)
AWARE: Final = Check(is_aware, "must be a datetime with a time zone")
PAGE_SIZE: Final = whole(1, 100)
GROUP_LIMIT: Final = whole(1, 1000)
FROM_ZERO: Final = whole(0)
FROM_ONE: Final = whole(1)
