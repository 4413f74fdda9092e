"""Scripted faults: which calls fail, and how.

    create_case#3: drop-after-effect         the third create takes effect, its answer is never sent
    *@5%: status=503                         5 % of all calls are answered 503 and have no effect
    search_cases#2..4: stall=10s             three searches are answered ten seconds late

The part before the colon selects calls (see `script_parser`). The part after it is one of `FAULT_KINDS`, with a value
where the kind takes one. Most kinds can strike before or after the request takes effect: add `-before-effect` or
`-after-effect`. This module only says what is to happen; `http.fault_effects` does it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from attrs import Factory, field, frozen

from casemgmt_async.emulator.behavior.script_parser import (
    CallCounter,
    Calls,
    NotationError,
    duration,
    read_script,
    size,
    unknown_word,
)

__all__ = ["FAULT_KINDS", "Fault", "FaultKind", "FaultScript", "read_faults"]

LINE: Final = re.compile(
    r"(?P<on>[^:]+):\s*(?P<kind>[a-z-]+?)(?:-(?P<moment>before|after)-effect)?\s*(?:=\s*(?P<value>\S.*))?"
)
STATUSES: Final = (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 512)
REDIRECTS: Final = (301, 302, 303, 307, 308)


def one_of(allowed: tuple[int, ...]) -> Callable[[str], int]:
    """Make a parser that accepts only these numbers."""

    def parse(text: str) -> int:
        if text.strip() not in map(str, allowed):
            raise NotationError(f"invalid value {text!r}: must be one of {', '.join(map(str, allowed))}")
        return int(text)

    return parse


def count(text: str) -> int:
    """Parse a whole number, 1 or more."""
    if not re.fullmatch(r"0*[1-9][0-9]*", text):
        raise NotationError(f"invalid value {text!r}: must be a whole number, 1 or more")
    return int(text)


@frozen
class FaultKind:
    """One way in which a call can fail."""

    after: bool
    """Whether it strikes after the request took effect, if the script does not say."""
    default: Any = None
    """The value if the script gives none."""
    parse: Callable[[str], Any] | None = None
    """Parses the value; None if the kind takes no value."""
    fixed: bool = False
    """Whether the script cannot choose the moment."""
    unread: bool = False
    """Whether it strikes before the body of the request is read."""
    continue_: bool = False
    """Whether the call continues normally afterwards."""


FAULT_KINDS: Final[dict[str, FaultKind]] = {
    "refuse": FaultKind(after=False, default=0.25, parse=duration, fixed=True, unread=True),
    "hang-up": FaultKind(after=False, default=1, parse=count, fixed=True, unread=True),
    "reset": FaultKind(after=False, fixed=True, unread=True),
    "drop": FaultKind(after=False),
    "stall": FaultKind(after=False, parse=duration, continue_=True),
    "stall-in-body": FaultKind(after=True, parse=duration, fixed=True),
    "cut": FaultKind(after=True, parse=size, fixed=True),
    "cut-chunked": FaultKind(after=True, parse=size, fixed=True),
    "cut-gzip": FaultKind(after=True, parse=size, fixed=True),
    "early-eof": FaultKind(after=True, parse=size, fixed=True),
    "empty": FaultKind(after=True),
    "html": FaultKind(after=False, default=502, parse=one_of((200, *STATUSES))),
    "content-type": FaultKind(after=True, default="text/plain", parse=str, fixed=True),
    "redirect": FaultKind(after=False, default=302, parse=one_of(REDIRECTS)),
    "status": FaultKind(after=False, default=503, parse=one_of(STATUSES)),
    "giant": FaultKind(after=True, default=10**9, parse=size),
    "giant-gzip": FaultKind(after=True, default=10**9, parse=size),
}
"""All kinds of faults by name. `docs/emulator.md` describes what a client sees of each."""


@frozen
class Fault:
    """One line of a fault script: these calls fail in this way."""

    on: str
    """The calls, in the notation of scripts: `create_case`, `create_case#3`, `*@5%`."""
    kind: str
    """The name of one of `FAULT_KINDS`."""
    value: Any = None
    """Seconds, bytes, a status, a media type or a count, depending on the kind; None for the kind's default."""
    after_effect: bool | None = None
    """Whether the request takes effect first; None for the kind's default."""
    calls: Calls = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: Calls.parse(self.on), takes_self=True)
    )
    """`on`, parsed."""

    def __attrs_post_init__(self) -> None:
        kind = FAULT_KINDS.get(self.kind)
        if kind is None:
            raise unknown_word("fault", self.kind, FAULT_KINDS)
        if kind.fixed and self.after_effect not in (None, kind.after):
            raise NotationError(f"fault {self.kind!r} always strikes {'after' if kind.after else 'before'} the effect")
        if kind.parse is None and self.value is not None:
            raise NotationError(f"fault {self.kind!r} takes no value, got {self.value!r}")
        if self.value is not None and kind.parse is not str and not isinstance(self.value, int | float):
            raise NotationError(
                f"the value of fault {self.kind!r} must be a number, got {self.value!r}; Fault.parse reads text"
            )

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Parse `create_case#3: drop-after-effect`."""
        found = LINE.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"invalid fault {text!r}: write it as create_case#3: status=503")
        name, moment, value = found["kind"], found["moment"], found["value"]
        kind = FAULT_KINDS.get(name)
        if kind is None:
            raise unknown_word("fault", name, FAULT_KINDS)
        if value is not None and kind.parse is not None:
            value = kind.parse(value)
        return cls(found["on"].strip(), name, value, None if moment is None else moment == "after")

    @property
    def moment(self) -> Literal["unread", "before", "after"]:
        """When it strikes: before the body is read, before the request takes effect, or after."""
        kind = FAULT_KINDS[self.kind]
        after = kind.after if self.after_effect is None else self.after_effect
        return "unread" if kind.unread else "after" if after else "before"

    @property
    def continue_(self) -> bool:
        """Whether the call continues normally afterwards."""
        return FAULT_KINDS[self.kind].continue_

    def __str__(self) -> str:
        moment = {None: "", True: "-after-effect", False: "-before-effect"}[self.after_effect]
        value = f"{self.value:g}s" if isinstance(self.value, float) else self.value
        return f"{self.on}: {self.kind}{moment}" + ("" if self.value is None else f"={value}")


class FaultScript:
    """The faults in force, with a call counter for each."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.lines = [
            (fault, CallCounter(fault.calls, f"{seed} {index} {fault}")) for index, fault in enumerate(faults)
        ]

    def draw(self, route: str) -> Fault | None:
        """Count one call of an operation; returns the first fault that hits it, or None."""
        hits = [fault for fault, counter in self.lines if counter.hits(route)]
        return hits[0] if hits else None


def read_faults(script: str | Fault | Iterable[str | Fault] | None) -> list[Fault]:
    """Read faults from text, `Fault` objects, or a list of both."""
    return read_script(script, Fault, Fault.parse)
