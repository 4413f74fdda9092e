"""A walk that loses nothing while the listing changes: several passes in both directions, ids kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import Final, Generic, TypeVar

from attrs import Factory, define, field, frozen

from casemgmt_async.errors import NotFoundError, PermissionDeniedError
from casemgmt_async.models.page import Page
from casemgmt_async.pagination.pages import Pages, at_least, identity
from casemgmt_async.pagination.reading import Downward, Reach, Reading, SweepFetch

__all__ = ["Sweep", "SweepPass", "SweepResult"]

T = TypeVar("T")
key_of: Final = attrgetter("key")


@frozen
class SweepPass:
    """One reading of all pages in one direction."""

    part: str
    """The label of the partition that was read, or "" for the whole listing."""
    oldest_first: bool
    """How the listing was sorted; False only for the second half of a listing too deep to read."""
    downward: bool
    """True from the last page to the first, False from the first to the last."""
    page_size: int
    """Items asked for a page."""
    pages: int
    """Pages read."""
    added: int
    """Items that no pass before had seen."""
    arrived: int
    """Of those, the ones newer than all that was known: they came while the sweep ran."""


@frozen
class SweepResult:
    """How a sweep went."""

    passes: tuple[SweepPass, ...]
    """Every pass, in order."""
    converged: bool
    """True if the last pass over each part added nothing but new arrivals."""
    found: int
    """Items yielded."""
    recovered: int
    """Of those, the ones that only their key led to."""
    probed: int
    """Keys that were asked for one by one."""
    unprobed: int
    """Gaps in the keys that were left alone because `max_probes` was reached."""
    outside: tuple[str, ...]
    """Keys of the gaps that exist and were not yielded: `matches` said no, or there was no `matches` to ask."""
    unaccounted: tuple[str, ...]
    """Keys of the gaps that neither the listing nor the key itself led to."""
    depth: int | None
    """How many items deep the service could be read, where it refused to go deeper."""
    partitions: tuple[str, ...]
    """The labels of the partitions that were read instead of the whole."""
    unreached: int
    """How many items lay too deep to be read from either end, by the totals of that time."""


@define(eq=False)
class Sweep(Generic[T]):
    """Find everything that matches while the listing changes under the reader.

    The listing is read sorted by age, from the last page to the first, then from the first to the last
    with another page size, and so on until a pass adds nothing but new arrivals, `max_passes` at most.
    Each item is yielded once, as it is found; `result` then says how it went.

    Guaranteed: an item that matches from the beginning to the end is yielded, exactly once, while others

    - are removed or stop matching, and new ones are created (the passes downward cannot miss it), or
    - appear anywhere in the middle, as when one is reopened (the passes upward cannot miss it).

    Pages are read one after the other, because this rests on the order of the readings.

    Not guaranteed: that nothing is missed where items leave *and* appear in the middle, or where items
    of the same age come in another order each time. The passes make a miss rare and not impossible:
    `converged` says that the last pass found nothing missing, and `get` asks for the gaps in the keys one
    by one, which no order can hide. An item that matches only part of the time may or may not be
    yielded, and one yielded may match no more: check what you act on.

    Where the service refuses to page deeper, the newest are read from the other end. If the two halves do
    not meet, `partitions` are swept one by one. `result.depth`, `.partitions` and `.unreached` tell. The
    guarantee then holds for what is not near the depth where the halves meet.

    Every loop is a sweep of its own. Nothing is in flight while an item is yielded, so that a loop may be
    left at any time.
    """

    fetch: SweepFetch[T] = field(repr=False)
    """Fetches one page of the whole listing."""
    page_size: int = field(kw_only=True, default=100, validator=at_least(1))
    """Items a page in the first pass; later passes take somewhat smaller pages."""
    window: int = field(kw_only=True, default=8, validator=at_least(1))
    """Keys asked for at the same time."""
    max_passes: int = field(kw_only=True, default=6, validator=at_least(2))
    """Passes over the listing, or over each partition of it, at most."""
    max_depth: int | None = field(kw_only=True, default=None, validator=at_least(1))
    """How many items deep the service can be read, where that is known; else it is found out."""
    partitions: Callable[[], Awaitable[Mapping[str, SweepFetch[T]]]] | None = field(
        kw_only=True, default=None, repr=False
    )
    """Tells the parts of the listing, by label, when it is too deep to be read from both ends."""
    get: Callable[[str], Awaitable[T]] | None = field(kw_only=True, default=None, repr=False)
    """Reads one item by its key, and raises `NotFoundError` for none. Without it no gaps are asked for."""
    matches: Callable[[T], bool] | None = field(kw_only=True, default=None, repr=False)
    """Tells whether an item that its key led to belongs to the listing."""
    max_probes: int = field(kw_only=True, default=1000, validator=at_least(0))
    """Keys to ask for, at most; the newest go first."""
    _result: SweepResult | None = field(init=False, default=None)

    @property
    def result(self) -> SweepResult:
        """How the last sweep that was read to its end went; `RuntimeError` before there is one."""
        if self._result is None:
            raise RuntimeError("no sweep was read to its end yet")
        return self._result

    def __aiter__(self) -> AsyncIterator[T]:
        return self._read()

    async def collect(self) -> list[T]:
        """Read to the end, into a list in the order of finding."""
        return [item async for item in self]

    async def collect_ids(self) -> list[str]:
        """Read to the end and return the ids: collect first, then write."""
        return [identity(item) async for item in self]

    async def _read(self) -> AsyncIterator[T]:
        # The only async generator, and with nothing in flight where it yields: dropped, it leaves nothing behind.
        run = Run(self)
        parts = [("", self.fetch)]
        for part, fetch in parts:
            for reading in run.passes_over(part, fetch):
                while (items := await reading.more()) is not None:
                    for item in items:
                        yield item
            if not part and run.unreached and self.partitions is not None:
                parts += await run.partition(self.partitions)
        if self.get is not None:
            for item in await run.probe(self.get):
                yield item
        self._result = run.result()


@define(eq=False)
class Run(Generic[T]):
    """The state of one sweep."""

    plan: Sweep[T]
    seen: dict[str, int] = field(init=False, factory=dict)  # id -> the pass that found it
    numbers: dict[str, set[int]] = field(init=False, factory=lambda: defaultdict(set))  # of the keys, by project
    passes: list[SweepPass] = field(init=False, factory=list)
    converged: bool = field(init=False, default=True)
    reach: Reach = field(init=False, default=Factory(lambda self: Reach(self.plan.max_depth), takes_self=True))
    unreached: int = field(init=False, default=0)
    whole: int = field(init=False, default=0)  # what the listing had that its partitions are read instead of
    partitions: tuple[str, ...] = field(init=False, default=())
    recovered: int = field(init=False, default=0)
    outside: list[str] = field(init=False, factory=list)
    unaccounted: list[str] = field(init=False, factory=list)

    def passes_over(self, part: str, fetch: SweepFetch[T]) -> Iterator[Pass[T]]:
        """The passes to make over one part: each is to be read to its end before the next is asked for."""
        plan, reach, unmet = self.plan, self.reach, 0
        for number in range(plan.max_passes):
            before, downward = len(self.passes), number % 2 == 0
            # The depth may be one of items or of pages: with one size of page it is the same.
            size = plan.page_size if reach.depth else plan.page_size - number * 7 % (plan.page_size // 2 + 1)
            yield Pass(self, part, Reading(reach, fetch, size, oldest_first=True), downward)
            if reach.depth is not None and reach.total > reach.depth:
                unmet = max(0, reach.total - 2 * (reach.depth // size * size))
                if unmet and not part and plan.partitions is not None:
                    break
                yield Pass(self, part, Reading(reach, fetch, size, oldest_first=False), downward)
            if number and all(done.added == done.arrived for done in self.passes[before:]):
                break
        else:
            self.converged = False
        self.unreached += unmet

    async def partition(
        self, partitions: Callable[[], Awaitable[Mapping[str, SweepFetch[T]]]]
    ) -> list[tuple[str, SweepFetch[T]]]:
        """Ask for the parts of a listing whose ends do not meet."""
        parts = list((await partitions()).items())
        self.whole, self.unreached = self.reach.total, 0
        self.partitions = tuple(part for part, _ in parts)
        return parts

    def keep(self, item: T, found_in: int) -> None:
        """Remember an item that no pass has seen before."""
        self.seen[identity(item)] = found_in
        if self.plan.get is not None:
            project, _, number = (key_of(item) or "").rpartition("-")
            if project and number.isdecimal():
                self.numbers[project].add(int(number))

    def gaps(self) -> Iterator[str]:
        """The keys that nothing found has, newest first."""
        for project, numbers in self.numbers.items():
            for number in range(max(numbers), 0, -1):
                if number not in numbers:
                    yield f"{project}-{number}"

    async def probe(self, get: Callable[[str], Awaitable[T]]) -> list[T]:
        """Ask for the gaps one by one: a listing whose pages each hold one key and what it led to."""
        gaps = list(islice(self.gaps(), self.plan.max_probes))

        async def ask(number: int) -> Page[tuple[str, T | None]]:
            try:
                return Page([(gaps[number], await get(gaps[number]))], number)
            except (NotFoundError, PermissionDeniedError):
                return Page([(gaps[number], None)], number)

        recovered = []
        for key, item in await Pages(ask, origin=0, page_size=1, window=self.plan.window, limit=len(gaps)).collect():
            if item is None:
                self.unaccounted.append(key)
            elif identity(item) in self.seen:
                continue  # it moved while the sweep ran, and has another key now
            elif self.plan.matches is not None and self.plan.matches(item):
                self.seen[identity(item)] = len(self.passes)
                recovered.append(item)
            else:
                self.outside.append(key)
        self.recovered = len(recovered)
        return recovered

    def result(self) -> SweepResult:
        """How it went."""
        gaps = sum(max(numbers) - len(numbers) for numbers in self.numbers.values())
        probed = min(gaps, self.plan.max_probes)
        missing = self.whole - len(self.seen) if self.partitions else 0
        return SweepResult(
            passes=tuple(self.passes),
            converged=self.converged,
            found=len(self.seen),
            recovered=self.recovered,
            probed=probed,
            unprobed=gaps - probed,
            outside=tuple(self.outside),
            unaccounted=tuple(self.unaccounted),
            depth=self.reach.depth,
            partitions=self.partitions,
            unreached=max(self.unreached, missing),
        )


@define(eq=False)
class Pass(Generic[T]):
    """One reading in one direction; where a new item stands tells whether it just came or was missed before."""

    run: Run[T]
    part: str
    reading: Reading[T]
    downward: bool
    pages: AsyncIterator[Page[T]] = field(init=False)
    added: int = field(init=False, default=0)
    arrived: int = field(init=False, default=0)
    met_known: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        upward = Pages(self.reading, page_size=self.reading.size).by_page()
        self.pages = Downward(self.reading) if self.downward else upward

    async def more(self) -> Iterator[T] | None:
        """What the next page has that is new; None at the end of the pass."""
        page = await anext(self.pages, None)
        if page is not None:
            items = reversed(page.items) if self.downward else page.items
            # An iterator at its end lets go of the items, before memory is taken for the next page.
            return iter([item for item in items if self._is_new(item)])
        arrived = self.arrived if self.met_known else 0
        reading, passes = self.reading, self.run.passes
        passes.append(
            SweepPass(
                self.part, reading.oldest_first, self.downward, reading.size, reading.requests, self.added, arrived
            )
        )
        return None

    def _is_new(self, item: T) -> bool:
        current = len(self.run.passes)
        newest_come_first = self.downward == self.reading.oldest_first
        found_in = self.run.seen.get(identity(item))
        if found_in is None:
            self.run.keep(item, current)
            self.added += 1
            self.arrived += not (newest_come_first and self.met_known)
        elif found_in != current:
            self.met_known = True
            self.arrived = self.arrived if newest_come_first else 0
        return found_in is None
