"""The state of one sweep: its passes, what they found, and whether something may be missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Generic, TypeVar

from attrs import define, field, frozen

from casemgmt_async.models.page import Page
from casemgmt_async.pagination.keys import KeyAccount
from casemgmt_async.pagination.pages import Pages
from casemgmt_async.pagination.reader import DescendingPages, ListingState, PassReader, SweepFetch, counted_pages
from casemgmt_async.pagination.repeats import id_of

__all__ = ["ActivePass", "SweepPass", "SweepRun"]

T = TypeVar("T")


@frozen
class SweepPass:
    """One reading of all pages in one direction."""

    part: str
    """The label of the partition that was read, or "" for the whole listing."""
    oldest_first: bool
    """How the listing was sorted."""
    backwards: bool
    """True from the last page to the first, False from the first to the last."""
    page_size: int
    """Items requested per page."""
    pages: int
    """Pages read."""
    added: int
    """Items that no earlier pass had seen."""
    arrived: int
    """New arrivals among them: items newer than all known items, created during the sweep."""


@define(eq=False)
class SweepRun(Generic[T]):
    """The state of one sweep over the whole listing and, if need be, its parts."""

    page_size: int
    max_passes: int
    depth: int | None
    can_partition: bool
    keep_keys: bool
    full_passes: bool = True
    seen: dict[str, object] = field(init=False, factory=dict)  # the ids yielded
    keys: KeyAccount[T] = field(init=False, factory=KeyAccount)
    passes: list[SweepPass] = field(init=False, factory=list)
    partitions: tuple[str, ...] = field(init=False, default=())
    settled: bool = field(init=False, default=True)  # the last passes over each part added only new arrivals
    proven: bool = field(init=False, default=True)  # their order was stable, or as many were seen as were counted
    stable_order: bool = field(init=False, default=True)
    whole: int = field(init=False, default=0)  # items in the listing whose partitions are read instead
    out_of_reach: int = field(init=False, default=0)

    def passes_over(self, part: str, fetch: SweepFetch[T]) -> Iterator[ActivePass[T]]:
        """Yield the passes to make over one part; read each to its end before requesting the next."""
        state = ListingState(self.depth)
        reading = PartReading(self, part, fetch, state)
        missing = 0
        backwards = descended = quiet = False
        for number in range(self.max_passes):
            # The service may limit the position or the page number: with one page size both are the same.
            smaller = self.page_size - number * 7 % (self.page_size // 2 + 1)
            size = smaller if state.depth is None else min(self.page_size, state.depth)
            quick = number == 0 and not self.full_passes
            brief = number == 1 and not self.full_passes and reading.exact
            backwards = not (quick or brief or (descended and backwards))
            first = reading.start(size, oldest_first=backwards or quick, backwards=backwards, quick=quick, brief=brief)
            yield first
            rounds = [first]
            descended, quiet = descended or backwards, brief and reading.exact and not first.added
            if state.cut_off:
                second = reading.start(size, oldest_first=not first.reader.oldest_first, backwards=backwards)
                yield second
                rounds.append(second)
                missing = between(first, second, state.total)
            self._learn(state, reading)
            if missing and not part and self.can_partition:
                break
            proven = reading.stable_order or reading.exact
            both_kinds = quiet or (descended and number > 0)
            if both_kinds and all(done.only_arrivals for done in rounds) and (proven or self.keep_keys):
                self.proven &= proven
                break
        else:
            self.settled = False
        self.out_of_reach += missing

    def _learn(self, state: ListingState, reading: PartReading[T]) -> None:
        self.stable_order &= reading.stable_order
        if state.cut_off:
            limit = state.total if state.depth is None else state.depth
            self.depth = min(limit, state.readable) or limit
        elif state.depth is not None:
            self.depth = state.depth
        if not reading.part:
            self.whole = state.total

    def read_instead(self, parts: Mapping[str, SweepFetch[T]]) -> list[tuple[str, SweepFetch[T]]]:
        """Replace the whole listing, whose ends do not meet, by its parts."""
        self.out_of_reach = 0
        self.settled = self.proven = True
        self.partitions = tuple(parts)
        return list(parts.items())

    def keep(self, item: T) -> bool:
        """Remember an item; say whether it is new to the sweep."""
        item_id = id_of(item)
        if item_id in self.seen:
            return False
        self.seen[item_id] = None
        if self.keep_keys:
            self.keys.add(item)
        return True

    @property
    def unreached(self) -> int:
        """How many items could not be reached, according to the totals."""
        missing = self.whole - len(self.seen) if self.partitions else 0
        return max(self.out_of_reach, missing)

    @property
    def converged(self) -> bool:
        """Whether nothing is known or suspected to be missing."""
        return self.settled and not self.unreached and (self.proven or self.keys.complete)


@define(eq=False)
class PartReading(Generic[T]):
    """State shared by the passes over one part."""

    run: SweepRun[T]
    part: str
    fetch: SweepFetch[T]
    state: ListingState
    last_seen: dict[str, int] = field(init=False, factory=dict)  # id -> the pass that saw it last
    ranks: dict[str, int] = field(init=False, factory=dict)  # id -> its place in the first pass; newer is less
    stable_order: bool = field(init=False, default=True)

    @property
    def exact(self) -> bool:
        """Whether all totals were equal, and as many items were seen."""
        return not self.state.cut_off and self.state.totals == {len(self.last_seen)}

    def start(
        self, size: int, *, oldest_first: bool, backwards: bool, quick: bool = False, brief: bool = False
    ) -> ActivePass[T]:
        """Start a pass. A quick one believes the totals; a brief one ends after its first page if nothing changed."""
        reader = PassReader(self.state, self.fetch, size, oldest_first=oldest_first)
        number, is_first = len(self.run.passes), not self.last_seen
        return ActivePass(self, reader, backwards, number=number, is_first=is_first, quick=quick, brief=brief)


@define(eq=False)
class ActivePass(Generic[T]):
    """One reading in one direction. The position of a new item shows whether it is new or was missed before."""

    over: PartReading[T]
    reader: PassReader[T]
    backwards: bool
    number: int = field(kw_only=True)
    is_first: bool = field(kw_only=True)
    quick: bool = field(kw_only=True)
    brief: bool = field(kw_only=True)
    pages: AsyncIterator[Page[T]] = field(init=False)
    newest_first: bool = field(init=False)
    began: bool = field(init=False, default=False)
    seen: int = field(init=False, default=0)
    shared: int = field(init=False, default=0)  # items that the pass before saw too
    added: int = field(init=False, default=0)
    arrived: int = field(init=False, default=0)
    met_known: bool = field(init=False, default=False)
    latest_rank: int | None = field(init=False, default=None)
    other_end: bool = field(init=False, default=False)  # starts with items that the listing does not show at its end

    def __attrs_post_init__(self) -> None:
        self.newest_first = self.backwards == self.reader.oldest_first
        if self.quick:
            self.pages = counted_pages(self.reader)
        elif self.backwards:
            self.pages = DescendingPages(self.reader)
        else:
            self.pages = Pages(self.reader, page_size=self.reader.size).by_page()

    @property
    def only_arrivals(self) -> bool:
        """Whether the pass added nothing but new arrivals."""
        return self.added == self.arrived

    async def more(self) -> Iterator[T] | None:
        """Return the items of the next page that are new to the sweep; None at the end of the pass."""
        is_over = self.brief and self.began and not self.added and self.over.exact
        page = None if is_over else await anext(self.pages, None)
        if page is None:
            self._finish()
            return None
        if not self.began and not self.backwards and not self.reader.oldest_first:
            await self._check_newest(page)
        self.began = True
        items = reversed(page.items) if self.backwards else page.items
        # A used-up iterator releases its items before the next page needs memory.
        return iter([item for item in items if self._look(item)])

    async def _check_newest(self, page: Page[T]) -> None:
        """Detect a listing that does not show its newest items at its end: it is cut off, and its total is too low.

        In that case all items on the page with the newest items are unknown. The same happens after many new
        arrivals, but those are at the end of the listing, after all known items.
        """
        ids, known = set(map(id_of, page.items)), self.over.last_seen
        if not known or not ids.isdisjoint(known):
            return
        reader = PassReader(self.over.state, self.over.fetch, self.reader.size, oldest_first=True)
        pages = DescendingPages(reader)
        async for last in pages:
            found = set(map(id_of, last.items))
            if not found.isdisjoint(ids):
                break
            if not found.isdisjoint(known):
                self.over.state.total_is_capped = self.other_end = True
                break
        self.reader.requests += reader.requests

    def _look(self, item: T) -> bool:
        """Count an item; return whether it is new to the sweep."""
        over, item_id = self.over, id_of(item)
        seen_in = over.last_seen.get(item_id)
        if seen_in != self.number:
            over.last_seen[item_id] = self.number
            self.seen += 1
            self.shared += seen_in == self.number - 1
            self._check_order(item_id)
        if seen_in is None:
            self.added += 1
            self.arrived += not (self.newest_first and self.met_known)
        elif seen_in != self.number:
            self.met_known = True
            self.arrived = self.arrived if self.newest_first else 0
        return over.run.keep(item)

    def _check_order(self, item_id: str) -> None:
        """Compare the position of an item with its position in the first pass: its age does not change."""
        if self.is_first:
            self.over.ranks[item_id] = self.seen if self.newest_first else -self.seen
        elif (rank := self.over.ranks.get(item_id)) is not None:
            if self.latest_rank is not None and (rank < self.latest_rank) is self.newest_first:
                self.over.stable_order = False
            self.latest_rank = rank

    def _finish(self) -> None:
        if not self.met_known or self.other_end:
            self.arrived = 0
        reader = self.reader
        self.over.run.passes.append(
            SweepPass(
                self.over.part,
                reader.oldest_first,
                self.backwards,
                reader.size,
                reader.requests,
                self.added,
                self.arrived,
            )
        )


def between(one: ActivePass[T], other: ActivePass[T], total: int) -> int:
    """Count the items between two halves that were read from both ends; 0 if the halves meet, else at least 1."""
    covered = one.seen + other.seen - other.shared
    can_count = total > max(one.seen, other.seen)  # a total that is cut off too cannot be used
    if other.shared or (can_count and covered >= total):
        return 0
    return max(1, total - covered)
