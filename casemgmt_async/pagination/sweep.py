"""`Sweep`: a walk that finds everything while the listing changes, by several passes in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from attrs import define, field, frozen

from casemgmt_async.pagination.pages import at_least
from casemgmt_async.pagination.reader import SweepFetch
from casemgmt_async.pagination.repeats import id_of
from casemgmt_async.pagination.sweep_run import SweepPass, SweepRun

__all__ = ["Sweep", "SweepResult"]

T = TypeVar("T")


@frozen
class SweepResult:
    """How a sweep went."""

    passes: tuple[SweepPass, ...]
    """Every pass, in order."""
    converged: bool
    """True if nothing is known or suspected to be missing; see `Sweep` for what this takes."""
    found: int
    """Items yielded."""
    recovered: int
    """Items among them that were found only by their key."""
    probed: int
    """Keys that were requested one by one."""
    unprobed: int
    """Gaps in the keys that were not requested because `max_probes` was reached."""
    outside: tuple[str, ...]
    """Keys in the gaps whose items exist and were not yielded: `matches` returned False or was not given."""
    unaccounted: tuple[str, ...]
    """Keys in the gaps for which no item was found, neither in the listing nor by the key."""
    stable_order: bool
    """False if items came in another order than in an earlier pass."""
    depth: int | None
    """Position of the last item that the service shows; None if no limit was met."""
    partitions: tuple[str, ...]
    """Labels of the partitions that were read instead of the whole listing."""
    unreached: int
    """Items that were too deep to be read from either end, according to the totals; at least 1 if there are any."""


@define(eq=False)
class Sweep(Generic[T]):
    """Find everything that matches while the listing changes.

    The first pass reads the listing oldest first, from the last page to the first. The second reads it newest
    first, from the first page to the last, with another page size. They alternate until a pass adds nothing but
    new arrivals, `max_passes` at most. Each item is yielded once, as it is found; `result` then says how it went.

    Guaranteed: an item that matches from the beginning to the end is yielded, exactly once, while other items

    - are removed or stop matching, and new ones are created (the first kind of pass cannot miss it), or
    - appear anywhere, as when a case is reopened (the second kind of pass cannot miss it).

    Pages are read one after the other, because this depends on the order of the requests.

    Not guaranteed: that nothing is missed where items leave *and* appear in the middle, or where items of the same
    age come in another order each time. Several passes make a miss unlikely, not impossible. With `get`, the gaps in
    the keys are requested one by one, and no order can hide those. An item that matches only part of the time may or
    may not be yielded, and a yielded item may have stopped matching: check what you act on.

    `result.converged` is True only if the last passes added nothing but new arrivals, no items were out of reach,
    and the order of items was the same in all passes. With an unstable order, the number of items found must equal
    the total of every page, or all keys must be accounted for.

    With `full_passes=False`, the first pass reads oldest first from the first page to the last that the totals count.
    If every page had the same total, as many items were found, and the newest page has no other, that is all.
    Otherwise a pass from the last page to the first follows, and then as above. The guarantee stays: what only leaves
    or only appears changes a total. A miss is somewhat more likely where one item leaves *and* another appears in the
    middle between the same two requests.

    If the service does not page deep enough (it answers an error, empty pages, or too low a total), the newest items
    are read from the other end. If the two halves do not meet, `partitions` are swept one by one. `result.depth`,
    `.partitions` and `.unreached` show this. The guarantee then does not hold near the depth where the halves meet.

    Every loop is a sweep of its own. Nothing is in flight while an item is yielded, so that a loop can be left at
    any time. Raises `PaginationError` if the service returns the same page again and again.
    """

    fetch: SweepFetch[T] = field(repr=False)
    """Fetches one page of the whole listing. The items must have an `id`, and a `key` if `get` is given."""
    page_size: int = field(kw_only=True, default=100, validator=at_least(1))
    """Items per page in the first pass; later passes take somewhat smaller pages."""
    window: int = field(kw_only=True, default=8, validator=at_least(1))
    """Keys requested at the same time."""
    max_passes: int = field(kw_only=True, default=6, validator=at_least(2))
    """Largest number of passes over the listing, or over each partition of it."""
    full_passes: bool = field(kw_only=True, default=True)
    """Whether all pages are read twice even if nothing seems to have changed."""
    max_depth: int | None = field(kw_only=True, default=None, validator=at_least(1))
    """Position of the last item that the service shows, if that is known; otherwise the sweep finds out."""
    partitions: Callable[[], Awaitable[Mapping[str, SweepFetch[T]]]] | None = field(
        kw_only=True, default=None, repr=False
    )
    """Returns the parts of the listing, by label; called if the listing is too deep to be read from both ends."""
    get: Callable[[str], Awaitable[T]] | None = field(kw_only=True, default=None, repr=False)
    """Reads one item by its key, and raises `NotFoundError` if there is none. Without it no gaps are requested."""
    matches: Callable[[T], bool] | None = field(kw_only=True, default=None, repr=False)
    """Says whether an item that was found by its key belongs to the listing."""
    max_probes: int = field(kw_only=True, default=1000, validator=at_least(0))
    """Largest number of keys to request; the newest go first."""
    _result: SweepResult | None = field(init=False, default=None)

    @property
    def result(self) -> SweepResult:
        """How the last sweep that was read to its end went; `RuntimeError` if there is none yet."""
        if self._result is None:
            raise RuntimeError("no sweep has been read to its end yet")
        return self._result

    def __aiter__(self) -> AsyncIterator[T]:
        return self._read()

    async def collect(self) -> list[T]:
        """Read to the end and return the items in the order in which they were found."""
        return [item async for item in self]

    async def collect_ids(self) -> list[str]:
        """Read to the end and return the ids: collect first, then write."""
        return [id_of(item) async for item in self]

    async def _read(self) -> AsyncIterator[T]:
        # An async generator with nothing in flight where it yields: if it is dropped, no request is left running.
        run: SweepRun[T] = SweepRun(
            page_size=self.page_size,
            max_passes=self.max_passes,
            depth=self.max_depth,
            can_partition=self.partitions is not None,
            keep_keys=self.get is not None,
            full_passes=self.full_passes,
        )
        parts = [("", self.fetch)]
        for part, fetch in parts:
            for reading in run.passes_over(part, fetch):
                while (items := await reading.more()) is not None:
                    for item in items:
                        yield item
            if not part and run.unreached and self.partitions is not None:
                parts += run.read_instead(await self.partitions())
        if self.get is not None:
            beyond = not run.stable_order  # a stable order cannot have hidden the newest
            found = await run.keys.probe(self.get, self.matches, self.max_probes, self.window, run.seen, beyond=beyond)
            for item in found:
                yield item
        self._result = SweepResult(
            passes=tuple(run.passes),
            converged=run.converged,
            found=len(run.seen),
            recovered=run.keys.recovered,
            probed=run.keys.probed,
            unprobed=run.keys.unprobed,
            outside=tuple(run.keys.outside),
            unaccounted=tuple(run.keys.unaccounted),
            stable_order=run.stable_order,
            depth=run.depth,
            partitions=run.partitions,
            unreached=run.unreached,
        )
