"""A sweep says that it converged only where nothing is out of reach and nothing is likely to be missing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import Shelf, Thing, changing
from virtual_loop import run_virtually

from casemgmt_async.errors import ServerError, status_error
from casemgmt_async.models import Page
from casemgmt_async.pagination import Sweep

Fetch = Callable[[int, int, bool], Any]


def swept(fetch: Fetch, **options: Any) -> tuple[list[Thing], Sweep[Thing]]:
    sweep = Sweep(fetch, **{"page_size": 10} | options)
    return run_virtually(sweep.collect()), sweep


def capped(shelf: Shelf, cap: int, *, totals_too: bool) -> Fetch:
    """A service that shows the first `cap` items of any order, answers empty pages behind, and counts as told."""

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        page = await shelf.fetch(number, size, oldest_first)
        shown = page.items[: max(0, cap - (number - 1) * size)]
        total = min(cap, page.total_items) if totals_too else page.total_items
        return Page(shown, number, len(shown), -(-total // size), total)

    return fetch


@pytest.mark.parametrize("totals_too", [False, True])
@pytest.mark.parametrize("cap", [100, 105])
def test_what_lies_between_two_ends_that_do_not_meet_is_not_called_complete(totals_too, cap):
    got, sweep = swept(capped(Shelf.of(300), cap, totals_too=totals_too))
    result = sweep.result
    assert 190 <= len(got) <= 2 * cap
    assert not result.converged
    assert result.unreached == (1 if totals_too else 300 - len(got))
    assert cap - 10 < result.depth <= cap


@pytest.mark.parametrize("totals_too", [False, True])
@pytest.mark.parametrize("total", [101, 109, 110, 170, 199])
def test_the_other_end_is_read_behind_empty_pages(totals_too, total):
    got, sweep = swept(capped(Shelf.of(total), 100, totals_too=totals_too))
    assert len(got) == total
    assert sweep.result.converged
    assert sweep.result.unreached == 0
    # A few items too many are on the first page of the other order: no need to know why.
    assert sweep.result.depth == 100 or (totals_too and total < 110)


@pytest.mark.parametrize("totals_too", [False, True])
def test_partitions_are_read_where_empty_pages_end_the_listing(totals_too):
    whole = Shelf.of(330)
    parts = {f"part {n}": capped(Shelf(whole.things[n::5]), 50, totals_too=totals_too) for n in range(5)}

    async def partitions() -> dict[str, Fetch]:
        return parts

    got, sweep = swept(capped(whole, 50, totals_too=totals_too), partitions=partitions)
    assert len(got) == 330
    assert sweep.result.partitions == tuple(parts)
    assert sweep.result.converged


def test_a_depth_below_the_page_size_can_be_read():
    got, sweep = swept(Shelf.of(60, cap=40).fetch, page_size=100, max_depth=40)
    assert len(got) == 60
    assert sweep.result.converged


def test_empty_pages_far_behind_the_depth_are_not_read_one_by_one():
    shelf = Shelf.of(3000)
    swept(capped(shelf, 100, totals_too=False), max_passes=2)
    assert len(shelf.asked) < 100


@settings(max_examples=60)
@given(
    total=st.integers(0, 120),
    cap=st.integers(20, 60),
    size=st.integers(4, 20),
    totals_too=st.booleans(),
    newer=st.integers(0, 1),
    seed=st.integers(0, 2**32),
)
def test_converged_means_that_nothing_is_missing_for_any_cap(total, cap, size, totals_too, newer, seed):
    shelf = Shelf.of(total, lot=random.Random(seed))
    before = set(shelf.things)
    shelf.change = changing(newer=newer)
    got, sweep = swept(capped(shelf, cap, totals_too=totals_too), page_size=size)
    if sweep.result.converged:
        assert before <= set(got)
        assert sweep.result.unreached == 0


@pytest.mark.parametrize("change", [{}, {"removed": 1}, {"newer": 1}, {"removed": 2, "newer": 2}])
@pytest.mark.parametrize("keys", [False, True])
def test_ties_in_unstable_order_are_never_called_complete_where_one_is_missing(change, keys):
    missed_in_two_passes = 0

    async def sweep(seed: int) -> None:
        nonlocal missed_in_two_passes
        shelf = Shelf.of(150, ties=7, lot=random.Random(seed))
        shelf.change = changing(**change)
        before = set(shelf.things)
        by_key = {"get": shelf.get, "matches": lambda _: True} if keys else {}
        sweep = Sweep(shelf.fetch, page_size=20, max_passes=2 + seed % 4, **by_key)
        got = set(await sweep.collect())
        missing = (before & set(shelf.things)) - got
        assert not (missing and sweep.result.converged)
        assert not sweep.result.stable_order
        missed_in_two_passes += bool(missing)

    for seed in range(40):
        asyncio.run(sweep(seed))
    assert keys or missed_in_two_passes, "the test does not make it hard"


def test_ties_in_unstable_order_are_complete_once_all_that_is_counted_was_found():
    got, sweep = swept(Shelf.of(60, ties=7).fetch, page_size=20, max_passes=6)
    assert len(got) == 60
    assert sweep.result.converged
    assert not sweep.result.stable_order


def test_the_newest_key_is_probed_beyond_where_the_order_is_unstable():
    everything = Shelf.of(40, ties=5)
    newest = everything.things[-1]
    shown = Shelf([thing for thing in everything.things if thing is not newest], ties=5)
    got, sweep = swept(shown.fetch, get=everything.get, matches=lambda _: True)
    assert newest in got
    assert sweep.result.recovered == 1


def test_a_burst_of_new_arrivals_is_not_taken_for_a_cap():
    shelf = Shelf.of(95)

    def burst(shelf: Shelf) -> None:
        if len(shelf.asked) == 12:
            for _ in range(25):
                shelf.create()

    shelf.change = burst
    got, sweep = swept(shelf.fetch)
    assert len(got) == 120
    assert sweep.result.converged
    assert sweep.result.depth is None


# --- an outage is not a depth


@pytest.mark.parametrize("status", [500, 503, 400])
def test_a_failure_of_a_deep_page_alone_is_not_taken_for_a_depth(status):
    """One page fails once, where none was read before; the others can be read."""
    shelf, failed = Shelf.of(95), []

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        if number > 5 and not failed:
            failed.append(number)
            raise status_error(status)
        return await shelf.fetch(number, size, oldest_first)

    got, sweep = swept(fetch)
    assert failed
    assert len(got) == 95
    assert sweep.result.depth is None
    assert sweep.result.converged


@pytest.mark.parametrize("status", [500, 503, 400])
def test_an_outage_at_a_deep_page_is_an_error(status):
    shelf, calls = Shelf.of(95), 0

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise status_error(status)
        return await shelf.fetch(number, size, oldest_first)

    with pytest.raises(type(status_error(status))):
        swept(fetch)
    assert calls == 3, "the deep page, and the first one to see whether it is the depth"


def test_an_outage_that_ends_the_first_page_is_an_error():
    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        raise ServerError(500)

    with pytest.raises(ServerError):
        swept(fetch)


def test_a_sweep_read_by_two_tasks_says_so():
    async def program() -> None:
        async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
            await asyncio.sleep(1)
            return Page((), number)

        reading = aiter(Sweep(fetch))
        results = await asyncio.gather(anext(reading), anext(reading), return_exceptions=True)
        assert [type(result) for result in results] == [StopAsyncIteration, RuntimeError]

    run_virtually(program())
