"""A sorted listing in memory that changes after every request."""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable

from attrs import define, field, frozen

from casemgmt_async.errors import NotFoundError, status_error
from casemgmt_async.models import Page


@frozen
class Thing:
    created_at: float
    id: str
    key: str


@define(eq=False)
class Shelf:
    """Things by age; `change` is called after each page. `cap` is how many things deep one may page."""

    things: list[Thing]
    change: Callable[[Shelf], None] = lambda shelf: None
    cap: int | None = None
    status: int = 500
    ties: int = 1
    lot: random.Random = field(factory=lambda: random.Random(7))
    made: int = 0
    asked: list[tuple[int, int, bool]] = field(factory=list)

    @classmethod
    def of(cls, count: int, **options) -> Shelf:
        shelf = cls([], **options)
        for _ in range(count):
            shelf.create()
        return shelf

    def create(self, *, older: bool = False) -> None:
        self.made += 1
        moment = self.lot.uniform(0, self.made) if older else float(self.made // self.ties)
        bisect.insort(
            self.things, Thing(moment, f"id-{self.made}", f"SEC-{self.made}"), key=lambda thing: thing.created_at
        )

    def remove(self) -> None:
        if self.things:
            del self.things[self.lot.randrange(len(self.things))]

    async def fetch(self, number: int, size: int, oldest_first: bool) -> Page[Thing]:
        self.asked.append((number, size, oldest_first))
        if self.cap is not None and number * size > self.cap:
            raise status_error(self.status)
        things = self.things
        if self.ties > 1:
            things = sorted(things, key=lambda thing: (thing.created_at, self.lot.random()))
        things = things if oldest_first else things[::-1]
        found = things[(number - 1) * size : number * size]
        page = Page(found, number, len(found), -(-len(things) // size), len(things))
        self.change(self)
        return page

    async def get(self, key: str) -> Thing:
        for thing in self.things:
            if thing.key == key:
                return thing
        raise NotFoundError(404)


def changing(*, removed: int = 0, newer: int = 0, older: int = 0) -> Callable[[Shelf], None]:
    """After each page so many go, come at the end, and come in the middle."""

    def change(shelf: Shelf) -> None:
        for _ in range(removed):
            shelf.remove()
        for _ in range(newer):
            shelf.create()
        for _ in range(older):
            shelf.create(older=True)

    return change
