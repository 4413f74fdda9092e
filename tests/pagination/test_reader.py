"""What one pass of a sweep reads and learns, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from listing import Item, cut, items

from casemgmt_async.errors import PaginationError
from casemgmt_async.models.page import Page
from casemgmt_async.pagination.keys import KeyAccount
from casemgmt_async.pagination.pages import Pages
from casemgmt_async.pagination.reader import ListingState, PassReader
from casemgmt_async.pagination.repeats import MOST_REPEATS, RepeatDetector
from casemgmt_async.pagination.sweep_run import SweepRun


def reader(answer: Callable[[int], Page[Item]]) -> PassReader[Item]:
    """A pass with pages of ten."""

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Item]:
        assert (size, oldest_first) == (10, True)
        return answer(number)

    return PassReader(ListingState(None), fetch, 10, oldest_first=True)


def test_the_end_of_an_empty_listing_is_its_first_page() -> None:
    read = reader(lambda number: Page((), number))
    assert asyncio.run(read.end()) == 1
    assert read.requests == 1


def test_the_latest_page_with_items_gives_the_total() -> None:
    read = reader(lambda number: Page(items(10), number, total_items=100 + number))
    for number in (1, 2):
        asyncio.run(read(number))
        assert read.state.total == 100 + number
    assert read.state.totals == {101, 102}


def test_an_empty_first_page_gives_the_total_but_an_empty_later_page_does_not() -> None:
    read = reader(lambda number: Page((), number, total_items=0 if number == 1 else 7))
    asyncio.run(read(1))
    assert read.state.totals == {0}
    asyncio.run(read(2))
    assert read.state.totals == {0}


def test_without_any_total_nothing_is_counted() -> None:
    read = reader(lambda number: Page(items(3), number))
    asyncio.run(read(1))
    assert (read.state.total, read.state.totals, read.state.depth) == (0, {0}, None)


def test_the_number_of_pages_stands_in_for_the_total() -> None:
    read = reader(lambda number: Page(items(10), number, total_pages=4))
    asyncio.run(read(1))
    assert read.state.total == 40


def test_a_page_may_be_repeated_less_often_than_most_repeats() -> None:
    detector, page = RepeatDetector(), items(2)
    assert not detector.repeats_previous(page)
    for _ in range(MOST_REPEATS - 1):
        assert detector.repeats_previous(page)
    with pytest.raises(PaginationError, match="the same 2 items"):
        detector.repeats_previous(page)


def test_no_key_is_accounted_for_before_the_gaps_were_requested() -> None:
    run = SweepRun[Item](page_size=10, max_passes=2, depth=None, can_partition=False, keep_keys=False)
    assert not KeyAccount[Item]().complete
    run.proven = False
    assert not run.converged


async def passes(part: str) -> list[bool]:
    """Sweep 20 items of which the service shows five in each direction; return the direction of each pass."""
    listing = items(20)

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Item]:
        ordered = listing if oldest_first else listing[::-1]
        return Page(ordered[:5][(number - 1) * size : number * size], number, total_items=20)

    run = SweepRun[Item](page_size=5, max_passes=4, depth=None, can_partition=True, keep_keys=False)
    directions = []
    for one in run.passes_over(part, fetch):
        directions.append(one.backwards)
        while await one.more() is not None:
            pass
    assert run.out_of_reach == 10
    return directions


def test_the_whole_listing_is_read_once_before_its_parts_are_read_instead() -> None:
    assert asyncio.run(passes("")) == [True, True]


def test_a_part_that_is_cut_off_is_read_until_nothing_new_comes() -> None:
    assert asyncio.run(passes("open")) == [True, True, False, False]


def test_three_pages_of_half_the_size_are_enough_to_refuse_a_smaller_page_size() -> None:
    pages, asked = cut(items(100), 5), []

    async def fetch(number: int) -> Page[Item]:
        asked.append(number)
        return Page(pages[number - 1], number, total_pages=10, total_items=100)

    with pytest.raises(PaginationError, match="ask for 5 per page"):
        asyncio.run(Pages(fetch, page_size=10).collect())
    assert asked == [1, 2, 3]
