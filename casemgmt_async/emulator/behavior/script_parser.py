"""The notation of scripts: which calls, durations and sizes.

`Calls` is the part before the colon in `create_case#3: drop-after-effect`:

    create_case              all calls of one operation
    create_case,comment_*    of several operations; `*` stands for any characters
    read, set, create        all operations that only read, that are safe to repeat, that create something
    create_case#3            the third call
    search_cases#2..4        the second to the fourth call
    search_cases#2../3       the second call, and every third call after it
    *@5%                     each call with a probability of 5 %, drawn from the emulator's seed
"""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

from attrs import Factory, field, frozen

from casemgmt_async.routes import NEIGHBOURS, ROUTES, Replay

__all__ = ["CallCounter", "Calls", "NotationError", "duration", "read_script", "size", "unknown_word"]

T = TypeVar("T")

CALLS: Final = re.compile(
    r"(?P<on>[\w*?,\s]+?)\s*(?:#(?P<first>\d+)(?:(?P<range>\.\.)(?P<last>\d+)?)?(?:/(?P<step>\d+))?)?"
    r"\s*(?:@(?P<chance>\d+(?:\.\d+)?)%)?"
)
SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
BYTES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
REPLAY_CLASSES: Final = {replay.value: replay for replay in Replay}
OPERATIONS: Final = {route.name: route.replay for route in (*ROUTES, *NEIGHBOURS)}


class NotationError(ValueError):
    """A script that cannot be parsed. The message quotes the text and says what is allowed there."""


def unknown_word(what: str, word: str, known: Iterable[str]) -> NotationError:
    """Make the error for a word that is not in the list, with the closest match."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return NotationError(f"unknown {what} {word!r}{hint} Allowed: {', '.join(names)}")


def duration(text: str) -> float:
    """Parse `250ms`, `10s`, `2m` or `1h`; returns seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)", text)
    if found is None:
        raise NotationError(f"invalid duration {text!r}: write it as 250ms, 10s, 2m or 1h")
    return float(found[1]) * SECONDS[found[2]]


def size(text: str) -> int:
    """Parse `500`, `64kB`, `10MB` or `1GiB`; returns bytes."""
    found = re.fullmatch(r"(\d+)\s*([a-zA-Z]*)", text)
    if found is None or found[2].lower() not in BYTES:
        raise NotationError(f"invalid size {text!r}: write it as 500, 64kB, 10MB or 1GiB")
    return int(found[1]) * BYTES[found[2].lower()]


@frozen
class Calls:
    """The calls that a line of a script selects."""

    on: str
    """Operation names, with `*` and `?` as wildcards, or `read`, `set`, `create`; separated by commas."""
    first: int = 1
    """The first selected call, counted from 1."""
    last: int | None = None
    """The last selected call; None for no end."""
    step: int = 1
    """Select every `step`-th call from `first` on."""
    chance: float = 1.0
    """The probability, from 0 to 1, that a selected call is hit."""
    routes: frozenset[str] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: operations(self.on), takes_self=True)
    )
    """The names of the selected operations."""

    def __attrs_post_init__(self) -> None:
        if self.first < 1 or self.step < 1 or (self.last is not None and self.last < self.first):
            raise NotationError(f"invalid calls '{self}': calls count from 1, upwards, in steps of 1 or more")
        if not 0 <= self.chance <= 1:
            raise NotationError(f"invalid calls '{self}': the probability must be between 0% and 100%")

    @classmethod
    def parse(cls, text: str) -> Calls:
        """Parse `create_case#3`, `search_cases#2..4`, `*@5%` and the like."""
        found = CALLS.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"invalid calls {text!r}: write them as create_case, create_case#3, get_*#2..4 or *@5%")
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


def operations(words: str) -> frozenset[str]:
    """The operations that a comma-separated list of names, wildcards and replay classes selects."""
    selected: set[str] = set()
    for word in map(str.strip, words.split(",")):
        replay = REPLAY_CLASSES.get(word)
        matches = {name for name, each in OPERATIONS.items() if (each is replay if replay else fnmatchcase(name, word))}
        if not matches:
            raise unknown_word("operation", word, [*REPLAY_CLASSES, *OPERATIONS])
        selected |= matches
    return frozenset(selected)


class CallCounter:
    """Counts the calls that a line of a script is about, and decides which of them are hit."""

    def __init__(self, calls: Calls, seed: object) -> None:
        self.calls = calls
        self.seen = 0
        self._random = random.Random(str(seed))  # noqa: S311 - reproducible, not secret

    def hits(self, route: str) -> bool:
        """Count one call of an operation; returns whether the line applies to it."""
        calls = self.calls
        if route not in calls.routes:
            return False
        self.seen += 1
        offset = self.seen - calls.first
        if offset < 0 or offset % calls.step or (calls.last is not None and self.seen > calls.last):
            return False
        return calls.chance >= 1 or self._random.random() < calls.chance


def read_script(script: str | Any | Iterable[str | Any] | None, kind: type[T], parse: Callable[[str], T]) -> list[T]:
    """Read a script: text (lines, or parts between semicolons), one item, or an iterable of both."""
    if script is None:
        return []
    if isinstance(script, str):
        return [parse(line.strip()) for line in re.split(r"[;\n]", script) if line.strip()]
    if isinstance(script, kind):
        return [script]
    return [item for part in script for item in read_script(part, kind, parse)]
