"""What the options of an emulator must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from attrs import frozen

from casemgmt_async.emulator.switches import Switches
from casemgmt_async.facts import Facts

__all__ = ["Key", "check_options"]


@frozen
class Key:
    """Credentials that an emulator accepts."""

    api_key: str | None = None
    """The value of `DD-API-KEY`."""
    app_key: str | None = None
    """The value of `DD-APPLICATION-KEY`."""
    access_token: str | None = None
    """A bearer token, instead of both keys."""


def is_whole(value: Any, most: float = math.inf) -> bool:
    """Whether a value is a whole number from 0 to `most`."""
    return type(value) is int and 0 <= value <= most


def is_number(value: Any) -> bool:
    """Whether a value is a number, and not True or False."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def are_keys(value: Any) -> bool:
    """Whether a value is a collection of keys."""
    return isinstance(value, Collection) and all(isinstance(key, Key) for key in value)


OPTIONS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "cases": (is_whole, "a whole number, 0 or more"),
    "seed": (lambda value: type(value) is int, "a whole number"),
    "clock": (
        lambda value: value is None or callable(value) or is_number(value),
        "a number of Unix seconds, a function, an EmulatorClock, or None",
    ),
    "switches": (lambda value: value is None or isinstance(value, Switches), "Switches(...), or None"),
    "facts": (lambda value: value is None or isinstance(value, Facts), "Facts, as from Facts.read(path), or None"),
    "latency": (lambda value: is_number(value) and 0 <= value < math.inf, "a number of seconds, 0 or more"),
    "keys": (lambda value: value is None or are_keys(value), "a list such as [Key('a', 'b')], or None"),
    "log_size": (lambda value: value is None or is_whole(value), "a whole number, 0 or more, or None"),
    "port": (lambda value: is_whole(value, 65_535), "a whole number from 0 to 65535"),
}
"""The options that are checked here: a test, and what it demands. Scripts are checked when they are parsed."""


def check_options(**given: Any) -> None:
    """Refuse the first option that is not what it must be, before anything listens."""
    for name, value in given.items():
        holds, what = OPTIONS[name]
        if not holds(value):
            raise ValueError(f"{name} must be {what}, not {value!r:.80}")
