"""The small texts that script an emulator: which calls, how long, how much.

`Calls` is the part before the colon in `create_case#3: drop-after-effect`:

    create_case              every call of one operation
    create_case,comment_*    of several; `*` stands for any letters
    read, set, create        every operation that only reads, that may be sent again, that makes a thing
    create_case#3            the third call
    search_cases#2..4        the second to the fourth
    search_cases#2../3       the second, and every third from there on
    *@5%                     each call with a chance of five in a hundred, from the emulator's seed
"""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

from attrs import Factory, field, frozen

from casemgmt_async.routes import ROUTES, Replay

__all__ = ["Calls", "Counter", "NotationError", "duration", "read_script", "size", "unknown"]

T = TypeVar("T")

CALLS: Final = re.compile(
    r"(?P<on>[\w*?,\s]+?)\s*(?:#(?P<first>\d+)(?:(?P<range>\.\.)(?P<last>\d+)?)?(?:/(?P<step>\d+))?)?"
    r"\s*(?:@(?P<chance>\d+(?:\.\d+)?)%)?"
)
SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
BYTES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
CLASSES: Final = {replay.value: replay for replay in Replay}
NAMES: Final = {route.name: route.replay for route in ROUTES}


class NotationError(ValueError):
    """A text of the emulator's script that cannot be read; the message says what is allowed there."""


def unknown(what: str, word: str, known: Iterable[str]) -> NotationError:
    """The error for a word that is none of those known, with the nearest one."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return NotationError(f"{what} {word!r} is not known{hint} Known: {', '.join(names)}")


def duration(text: str) -> float:
    """Read `250ms`, `10s`, `2m` or `1h` as seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)", text)
    if found is None:
        raise NotationError(f"{text!r} is no duration: write it as 250ms, 10s, 2m or 1h")
    return float(found[1]) * SECONDS[found[2]]


def size(text: str) -> int:
    """Read `500`, `64kB`, `10MB` or `1GiB` as bytes."""
    found = re.fullmatch(r"(\d+)\s*([a-zA-Z]*)", text)
    if found is None or found[2].lower() not in BYTES:
        raise NotationError(f"{text!r} is no size: write it as 500, 64kB, 10MB or 1GiB")
    return int(found[1]) * BYTES[found[2].lower()]


@frozen
class Calls:
    """Which calls a line of a script means."""

    on: str
    """Names of operations, with `*` and `?` as wildcards, or `read`, `set`, `create`; separated by commas."""
    first: int = 1
    """The first call that counts, from 1."""
    last: int | None = None
    """The last call that counts, or None for no end."""
    step: int = 1
    """Of those, every call that is a multiple of this many behind the first."""
    chance: float = 1.0
    """The chance that one of those is meant, from 0 to 1."""
    routes: frozenset[str] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: named(self.on), takes_self=True)
    )
    """The names of the operations."""

    def __attrs_post_init__(self) -> None:
        if self.first < 1 or self.step < 1 or (self.last is not None and self.last < self.first):
            raise NotationError(f"{self}: calls count from 1, upwards, in steps of 1 or more")
        if not 0 <= self.chance <= 1:
            raise NotationError(f"{self}: a chance is between 0% and 100%")

    @classmethod
    def parse(cls, text: str) -> Calls:
        """Read `create_case#3`, `search_cases#2..4`, `*@5%` and the like."""
        found = CALLS.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"{text!r} names no calls: write it as create_case, create_case#3, get_*#2..4 or *@5%")
        first = int(found["first"] or 1)
        endless = found["first"] is None or found["range"] or found["step"]
        last = int(found["last"]) if found["last"] else None if endless else first
        return cls(found["on"], first, last, int(found["step"] or 1), float(found["chance"] or 100) / 100)

    def __str__(self) -> str:
        count = ""
        if (self.first, self.last, self.step) != (1, None, 1):
            count = f"#{self.first}"
            if self.last != self.first:
                count += f"..{self.last or ''}" + (f"/{self.step}" if self.step > 1 else "")
        return f"{self.on}{count}" + (f"@{self.chance * 100:g}%" if self.chance < 1 else "")


def named(words: str) -> frozenset[str]:
    """The operations that words between commas mean."""
    found: set[str] = set()
    for word in map(str.strip, words.split(",")):
        replay = CLASSES.get(word)
        meant = {name for name in NAMES if (NAMES[name] is replay if replay else fnmatchcase(name, word))}
        if not meant:
            raise unknown("operation", word, [*CLASSES, *NAMES])
        found |= meant
    return frozenset(found)


class Counter:
    """Counts the calls that a line of a script is about, and says which are meant."""

    def __init__(self, calls: Calls, seed: object) -> None:
        self.calls = calls
        self.seen = 0
        self._random = random.Random(str(seed))  # noqa: S311 - repeatable is the point

    def hits(self, route: str) -> bool:
        """Count one call, and say whether it is meant."""
        calls = self.calls
        if route not in calls.routes:
            return False
        self.seen += 1
        behind = self.seen - calls.first
        if behind < 0 or behind % calls.step or (calls.last is not None and self.seen > calls.last):
            return False
        return calls.chance >= 1 or self._random.random() < calls.chance


def read_script(script: str | Any | Iterable[str | Any] | None, kind: type[T], parse: Callable[[str], T]) -> list[T]:
    """Read a script given as text (lines, or parts between semicolons), as one item, or as a list of both."""
    if script is None:
        return []
    if isinstance(script, str):
        return [parse(line.strip()) for line in re.split(r"[;\n]", script) if line.strip()]
    if isinstance(script, kind):
        return [script]
    return [item for part in script for item in read_script(part, kind, parse)]
