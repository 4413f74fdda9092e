"""Actors: other users of the service, who change cases between two pages of somebody's walk.

    search_cases: close=3                   after each search, three of the cases it is about are closed
    search_cases#2..10/2: archive=1         after the second, fourth, ... tenth, one is archived
    search_cases@50%: insert-older=2        after every other search, two turn up among the older ones

Before the colon stand the calls (see `notation`), behind it one of `ACTIONS`, with a number.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from attrs import Factory, field, frozen

from casemgmt_async.emulator.exchange import Request
from casemgmt_async.emulator.notation import Calls, Counter, NotationError, read_script, unknown
from casemgmt_async.emulator.records import Case
from casemgmt_async.emulator.world import World

__all__ = ["ACTIONS", "Actor", "Cast", "read_actors"]

LINE: Final = re.compile(r"(?P<on>[^:]+):\s*(?P<action>[a-z-]+)\s*(?:=\s*(?P<count>\d+))?")

Action = Callable[[World, Sequence[Case], int, random.Random], None]


def each(change: Callable[[World, str], None]) -> Action:
    """Do something to so many of the cases, drawn by lot."""

    def act(world: World, cases: Sequence[Case], count: int, lot: random.Random) -> None:
        for case in lot.sample(cases, min(count, len(cases))):
            change(world, case.id)

    return act


def insert(moment: Callable[[Sequence[Case], random.Random], int | None]) -> Action:
    """Make so many cases that the same search finds, as they are like one that it found."""

    def act(world: World, cases: Sequence[Case], count: int, lot: random.Random) -> None:
        for number in range(count):
            fields: dict[str, Any] = {}
            if cases:
                model, created = lot.choice(cases), moment(cases, lot)
                names = ("type_id", "priority", "status", "description", "assignee", "attributes", "type")
                fields = {"project": model.project_id, **{name: getattr(model, name) for name in names}}
                fields["title"] = f"{model.title} (by an actor, {len(world.cases) + number})"
                if created is not None:
                    fields["created_at"] = created
            world.cases.create(**fields)

    return act


def between(cases: Sequence[Case], lot: random.Random) -> int:
    """A moment among those at which the cases were created."""
    moments = [case.created_at for case in cases]
    return lot.randint(min(moments), max(moments))


ACTIONS: Final[dict[str, Action]] = {
    "close": each(lambda world, case: world.cases.close(case)),
    "archive": each(lambda world, case: world.cases.archive(case)),
    "touch": each(lambda world, case: world.cases.touch(case)),
    "insert": insert(lambda cases, lot: None),  # noqa: ARG005 - the time is now
    "insert-older": insert(between),
}
"""What an actor can do, to cases that the search just answered is about."""


@frozen
class Actor:
    """One line of the script: after those calls, this is done."""

    on: str
    """Which calls, as in the notation: `search_cases`, `search_cases#2..4`, `search_cases@50%`."""
    action: str
    """The name of one of `ACTIONS`."""
    count: int = 1
    """To how many cases."""
    calls: Calls = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: Calls.parse(self.on), takes_self=True)
    )
    """`on`, read."""

    def __attrs_post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise unknown("action", self.action, ACTIONS)

    @classmethod
    def parse(cls, text: str) -> Actor:
        """Read `search_cases: close=3`."""
        found = LINE.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"{text!r} is no actor: write it as search_cases#2..4: close=3")
        return cls(found["on"].strip(), found["action"], int(found["count"] or 1))

    def __str__(self) -> str:
        return f"{self.on}: {self.action}={self.count}"


class Cast:
    """The actors in force, and how many calls each has seen."""

    def __init__(self, actors: Iterable[Actor], seed: int) -> None:
        self.actors = list(actors)
        self._parts = [
            (actor, Counter(actor.calls, f"{seed} {index} {actor}"), random.Random(f"{seed} {index} {actor} cases"))  # noqa: S311
            for index, actor in enumerate(self.actors)
        ]

    def after(self, world: World, request: Request) -> None:
        """Act, now that a request has been answered."""
        for actor, counter, lot in self._parts:
            if counter.hits(request.route.name):
                cases = world.cases.found(request.query.get("filter", ""))
                ACTIONS[actor.action](world, cases, actor.count, lot)


def read_actors(script: str | Actor | Iterable[str | Actor] | None) -> list[Actor]:
    """Read a script of actors, as text, typed, or mixed."""
    return read_script(script, Actor, Actor.parse)
