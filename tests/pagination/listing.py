"""A listing in memory whose pages take time to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from attrs import define, field, frozen

from casemgmt_async.models import Page

T = TypeVar("T")


@frozen
class Item:
    id: str


def items(count: int) -> list[Item]:
    return [Item(f"id-{number}") for number in range(count)]


def cut(things: Sequence[T], size: int) -> list[Sequence[T]]:
    """The pages of a well-behaved listing."""
    return [things[start : start + size] for start in range(0, len(things), size)]


@define
class Listing:
    """A listing made of given pages, which remembers what was asked and when."""

    pages: Sequence[Sequence[Item]]
    origin: int = 1
    tells: Callable[[Sequence[Sequence[Item]]], dict[str, int]] = lambda pages: {
        "total_pages": len(pages),
        "total_items": sum(map(len, pages)),
    }
    latency: Callable[[int], float] = lambda _: 0.01
    faults: Mapping[int, Exception] = field(factory=dict)
    asked: list[int] = field(factory=list)
    answered: list[int] = field(factory=list)
    cancelled: list[int] = field(factory=list)
    flying: int = 0
    most: int = 0

    async def fetch(self, number: int) -> Page[Item]:
        self.asked.append(number)
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await asyncio.sleep(self.latency(number))
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.flying -= 1
        self.answered.append(number)
        if number in self.faults:
            raise self.faults[number]
        index = number - self.origin
        found = self.pages[index] if 0 <= index < len(self.pages) else ()
        return Page(items=tuple(found), number=number, size=len(found), **self.tells(self.pages))
