"""Find missing items by their keys: numbers are assigned without gaps, so a gap may be an item that no page showed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from itertools import islice
from operator import attrgetter
from typing import Final, Generic, TypeVar

from attrs import define, field, frozen

from casemgmt_async.errors import NotFoundError, PermissionDeniedError
from casemgmt_async.models.page import Page
from casemgmt_async.pagination.pages import Pages
from casemgmt_async.pagination.repeats import id_of

__all__ = ["KeyAccount"]

T = TypeVar("T")
key_of: Final = attrgetter("key")


@frozen
class ProbedKey(Generic[T]):
    """A key that was requested, and the result."""

    id: str
    """The key."""
    item: T | None
    """The item; None if it does not exist or must not be read."""


@define(eq=False)
class KeyAccount(Generic[T]):
    """The keys of the items found, and the results of requesting the gaps between them."""

    numbers: dict[str, set[int]] = field(init=False, factory=lambda: defaultdict(set))  # by project
    recovered: int = field(init=False, default=0)
    probed: int = field(init=False, default=0)
    unprobed: int = field(init=False, default=0)
    outside: list[str] = field(init=False, factory=list)
    unaccounted: list[str] = field(init=False, factory=list)
    complete: bool = field(init=False, default=False)
    """Whether every key is accounted for: found, or known not to belong."""

    def add(self, item: T) -> None:
        """Note the key of an item, such as `SEC-12`."""
        project, _, number = (key_of(item) or "").rpartition("-")
        if project and number.isdecimal():
            self.numbers[project].add(int(number))

    def gaps(self) -> Iterator[str]:
        """List the unused keys below the newest key found, newest first."""
        for project, numbers in self.numbers.items():
            for number in range(max(numbers), 0, -1):
                if number not in numbers:
                    yield f"{project}-{number}"

    async def probe(
        self,
        get: Callable[[str], Awaitable[T]],
        matches: Callable[[T], bool] | None,
        most: int,
        window: int,
        seen: MutableMapping[str, object],
        *,
        beyond: bool,
    ) -> list[T]:
        """Request the gaps one by one, `most` at most, and return the items that belong and are not in `seen`.

        With `beyond`, the keys after the newest are requested too, up to the first that does not exist.
        """
        gaps = list(islice(self.gaps(), most))
        total = sum(max(numbers) - len(numbers) for numbers in self.numbers.values())
        self.probed, self.unprobed = len(gaps), total - len(gaps)

        async def ask(number: int) -> Page[ProbedKey[T]]:
            return Page([ProbedKey(gaps[number], await lookup(get, gaps[number]))], number)

        pages = Pages(ask, origin=0, page_size=1, window=window, limit=len(gaps))
        recovered = self._take(await pages.collect(), matches, seen)
        for project, numbers in self.numbers.items() if beyond else ():
            number = max(numbers) + 1
            while (item := await lookup(get, f"{project}-{number}")) is not None:
                recovered += self._take([ProbedKey(f"{project}-{number}", item)], matches, seen)
                number += 1
        self.recovered = len(recovered)
        decidable = matches is not None or not self.outside
        self.complete = bool(self.numbers) and not self.unprobed and decidable
        return recovered

    def _take(
        self, probes: list[ProbedKey[T]], matches: Callable[[T], bool] | None, seen: MutableMapping[str, object]
    ) -> list[T]:
        recovered = []
        for probe in probes:
            item = probe.item
            if item is None:
                self.unaccounted.append(probe.id)
            elif id_of(item) in seen:
                continue  # it moved while the sweep ran, and has another key now
            elif matches is not None and matches(item):
                seen[id_of(item)] = None
                recovered.append(item)
            else:
                self.outside.append(probe.id)
        return recovered


async def lookup(get: Callable[[str], Awaitable[T]], key: str) -> T | None:
    """Read an item by its key; None if it does not exist or must not be read."""
    try:
        return await get(key)
    except (NotFoundError, PermissionDeniedError):
        return None
