"""Scripted actors: other users of the service, who change cases between two requests.

    search_cases: close=3                   after each search, three of the cases that it finds are closed
    search_cases#2..10/2: archive=1         after the second, fourth, ... tenth search, one is archived
    search_cases@50%: insert-older=2        after every other search, two older cases appear

The part before the colon selects calls (see `script_parser`). The part after it is one of `ACTIONS`, with a number.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from attrs import Factory, field, frozen

from casemgmt_async.emulator.behavior.script_parser import (
    CallCounter,
    Calls,
    NotationError,
    read_script,
    unknown_word,
)
from casemgmt_async.emulator.messages import ApiRequest
from casemgmt_async.emulator.state.records import CaseRecord
from casemgmt_async.emulator.state.store import Store

__all__ = ["ACTIONS", "Actor", "ActorScript", "read_actors"]

LINE: Final = re.compile(r"(?P<on>[^:]+):\s*(?P<action>[a-z-]+)\s*(?:=\s*(?P<count>\d+))?")

ActorAction = Callable[[Store, Sequence[CaseRecord], int, random.Random], None]


def each(change: Callable[[Store, str], None]) -> ActorAction:
    """Make an action that changes `count` randomly chosen cases."""

    def act(store: Store, cases: Sequence[CaseRecord], count: int, rng: random.Random) -> None:
        for case in rng.sample(cases, min(count, len(cases))):
            change(store, case.id)

    return act


def insert(created_at: Callable[[Sequence[CaseRecord], random.Random], int | None]) -> ActorAction:
    """Make an action that creates `count` cases which the same search finds, by copying cases that it found."""

    def act(store: Store, cases: Sequence[CaseRecord], count: int, rng: random.Random) -> None:
        for number in range(count):
            fields: dict[str, Any] = {}
            if cases:
                model, created = rng.choice(cases), created_at(cases, rng)
                names = ("type_id", "priority", "status", "description", "assignee", "attributes")
                fields = {"project": model.project_id, **{name: getattr(model, name) for name in names}}
                fields["title"] = f"{model.title} (by an actor, {len(store.cases) + number})"
                if created is not None:
                    fields["created_at"] = created
            store.cases.create(**fields)

    return act


def between(cases: Sequence[CaseRecord], rng: random.Random) -> int:
    """A random time between the first and the last creation of these cases."""
    times = [case.created_at for case in cases]
    return rng.randint(min(times), max(times))


ACTIONS: Final[dict[str, ActorAction]] = {
    "close": each(lambda store, case: store.cases.close(case)),
    "archive": each(lambda store, case: store.cases.archive(case)),
    "touch": each(lambda store, case: store.cases.touch(case)),
    "insert": insert(lambda cases, rng: None),  # noqa: ARG005 - created now
    "insert-older": insert(between),
}
"""What an actor can do to the cases that a search has just found."""


@frozen
class Actor:
    """One line of an actor script: after these calls, do this."""

    on: str
    """The calls, in the notation of scripts: `search_cases`, `search_cases#2..4`, `search_cases@50%`."""
    action: str
    """The name of one of `ACTIONS`."""
    count: int = 1
    """The number of cases."""
    calls: Calls = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: Calls.parse(self.on), takes_self=True)
    )
    """`on`, parsed."""

    def __attrs_post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise unknown_word("action", self.action, ACTIONS)

    @classmethod
    def parse(cls, text: str) -> Actor:
        """Parse `search_cases: close=3`."""
        found = LINE.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"invalid actor {text!r}: write it as search_cases#2..4: close=3")
        return cls(found["on"].strip(), found["action"], int(found["count"] or 1))

    def __str__(self) -> str:
        return f"{self.on}: {self.action}={self.count}"


class ActorScript:
    """The actors in force, with a call counter for each."""

    def __init__(self, actors: Iterable[Actor], seed: int) -> None:
        self.actors = list(actors)
        self._lines = [
            (actor, CallCounter(actor.calls, f"{seed} {index} {actor}"), random.Random(f"{seed} {index} {actor} cases"))  # noqa: S311
            for index, actor in enumerate(self.actors)
        ]

    def act(self, store: Store, request: ApiRequest) -> None:
        """Let all actors act on a request that has just been answered."""
        for actor, counter, rng in self._lines:
            if counter.hits(request.route.name):
                cases = store.cases.found(request.query.get("filter", ""))
                ACTIONS[actor.action](store, cases, actor.count, rng)


def read_actors(script: str | Actor | Iterable[str | Actor] | None) -> list[Actor]:
    """Read actors from text, `Actor` objects, or a list of both."""
    return read_script(script, Actor, Actor.parse)
