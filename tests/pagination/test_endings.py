"""Every walk ends, whatever the service answers, and says so where it cannot tell what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from listing import Item, cut, items
from shelf import Shelf
from virtual_loop import run_virtually

from casemgmt_async.errors import InvalidArgumentError, PaginationError
from casemgmt_async.models import Page
from casemgmt_async.pagination import Pages, Sweep
from casemgmt_async.pagination.reader import ListingState, PassReader

WINDOWS = pytest.mark.parametrize(("window", "ordered"), [(1, True), (4, True), (4, False)])
TOTALS = pytest.mark.parametrize("totals", [True, False], ids=["totals", "no totals"])


class Service:
    """Answers page numbers by a rule of its own, and counts the requests."""

    def __init__(self, rule: Callable[[int], list[Item]], *, pages: int | None = None, total: int | None = None):
        self.rule, self.pages, self.total, self.asked = rule, pages, total, []

    async def __call__(self, number: int) -> Page[Item]:
        self.asked.append(number)
        await asyncio.sleep(0)
        found = self.rule(number)
        return Page(tuple(found), number, len(found), self.pages, self.total)


def service(rule: Callable[[int], list[Item]], count: int, size: int, *, totals: bool) -> Service:
    return Service(rule, pages=-(-count // size), total=count) if totals else Service(rule)


@WINDOWS
@TOTALS
def test_a_service_that_ignores_the_page_number(window, ordered, totals):
    same = items(10)
    fetch = service(lambda number: same, 1000, 10, totals=totals)
    with pytest.raises(PaginationError, match="same 10 items on page after page"):
        run_virtually(Pages(fetch, page_size=10, window=window, ordered=ordered).collect())
    assert len(fetch.asked) <= 4 + 2 * window


@WINDOWS
def test_a_service_that_repeats_its_last_page_is_read_once_where_the_totals_tell(window, ordered):
    pages = cut(items(50), 10)
    fetch = service(lambda number: pages[min(number, 5) - 1], 50, 10, totals=True)
    got = run_virtually(Pages(fetch, page_size=10, window=window, ordered=ordered).collect())
    assert sorted(item.id for item in got) == sorted(item.id for item in items(50))
    assert len(fetch.asked) <= 5 + window


@WINDOWS
def test_a_service_that_repeats_its_last_page_is_an_error_without_totals(window, ordered):
    pages = cut(items(50), 10)
    fetch = service(lambda number: pages[min(number, 5) - 1], 50, 10, totals=False)
    with pytest.raises(PaginationError):
        run_virtually(Pages(fetch, page_size=10, window=window, ordered=ordered).collect())
    assert len(fetch.asked) <= 9 + 2 * window


@pytest.mark.parametrize("period", [2, 5, 17])
def test_a_service_that_starts_again_after_its_last_page(period):
    pages = cut(items(10 * period), 10)
    fetch = service(lambda number: pages[(number - 1) % period], 0, 10, totals=False)
    with pytest.raises(PaginationError):
        run_virtually(Pages(fetch, page_size=10).collect())
    assert len(fetch.asked) <= 8 * period


def test_new_items_ahead_of_the_reader_may_repeat_a_page_without_ending_the_walk():
    """Two items of a page of one each are created twice while the walk reads on."""
    order = [3, 2, 1]

    def rule(number: int) -> list[Item]:
        if number in (2, 4):
            order.insert(0, len(order) + 1)
        return [Item(f"id-{order[number - 1]}")] if number <= len(order) else []

    got = run_virtually(Pages(service(rule, 0, 1, totals=False), page_size=1).collect())
    assert [item.id for item in got] == ["id-3", "id-3", "id-2", "id-2", "id-1"]


@WINDOWS
def test_pages_smaller_than_the_service_counts_in_are_an_error(window, ordered):
    """It counts 100 items a page and gives 10: nine of ten would never be shown."""
    everything = items(2000)
    fetch = service(lambda number: everything[(number - 1) * 100 :][:10], 2000, 100, totals=True)
    with pytest.raises(PaginationError, match="asked for 100 items per page, the service gives 10"):
        run_virtually(Pages(fetch, page_size=100, window=window, ordered=ordered).collect())
    assert len(fetch.asked) <= 3 + 2 * window


@WINDOWS
def test_a_last_page_that_the_totals_contradict_is_not_taken_for_the_end(window, ordered):
    """It gives 60 items a page and counts its pages as if there were 100 on each."""
    everything = items(290)
    pages = cut(everything, 60)
    fetch = service(lambda number: pages[number - 1] if number <= 5 else [], 290, 100, totals=True)
    got = run_virtually(Pages(fetch, page_size=100, window=window, ordered=ordered).collect())
    assert {item.id for item in got} == {item.id for item in everything}


def test_a_few_hidden_items_are_no_contradiction():
    pages = [page[1:] for page in cut(items(100), 10)]
    fetch = service(lambda number: pages[number - 1] if number <= 10 else [], 100, 10, totals=True)
    assert len(run_virtually(Pages(fetch, page_size=10).collect())) == 90


@pytest.mark.parametrize("window", [1, 4])
def test_dedupe_gives_up_where_nothing_new_comes(window):
    """Every page differs from the one before, and none has anything new."""
    everything = items(40)

    def rule(number: int) -> list[Item]:
        return [everything[(number * 7 + step * (number % 3 + 1)) % 40] for step in range(10)]

    fetch = service(rule, 0, 10, totals=False)
    with pytest.raises(PaginationError, match="no item that was not read before"):
        run_virtually(Pages(fetch, page_size=10, window=window, dedupe=True).collect())
    assert len(fetch.asked) <= 40


def test_an_end_goes_before_an_error_after_it():
    """Page 3 fails before page 2 arrives and turns out to be the last."""

    async def fetch(number: int) -> Page[Item]:
        if number == 3:
            raise ConnectionError("behind the end")
        await asyncio.sleep(number)
        return Page(tuple(items(10)[: 10 if number == 1 else 4]), number, None, 2, 14)

    assert len(run_virtually(Pages(fetch, page_size=10, window=3).collect())) == 14


@pytest.mark.parametrize("by_page", [False, True])
def test_a_walk_read_by_two_tasks_says_so(by_page):
    async def program() -> None:
        fetch = service(lambda number: items(10) if number == 1 else [], 10, 10, totals=True)
        pages = Pages(fetch, page_size=10)
        async with pages.by_page() if by_page else pages.open() as walk:
            first, second = await asyncio.gather(anext(walk), anext(walk), return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert isinstance(second, RuntimeError)
        assert "one walk per task" in str(second)

    run_virtually(program())


@pytest.mark.parametrize("argument", ["first_page", "limit", "window", "page_size"])
@pytest.mark.parametrize("value", [2**63, 10**5000, -(10**5000)], ids=["2**63", "10**5000", "-10**5000"])
def test_a_number_that_no_service_counts_to_is_refused(argument, value):
    with pytest.raises(InvalidArgumentError) as caught:
        Pages(service(lambda number: [], 0, 1, totals=False), **{"page_size": 1} | {argument: value})
    assert caught.value.argument == argument
    assert len(str(caught.value)) < 100


# --- sweeps


def swept(fetch: Any, **options: Any) -> tuple[list[Any], Sweep[Any]]:
    sweep = Sweep(fetch, **{"page_size": 10} | options)
    return run_virtually(sweep.collect()), sweep


@TOTALS
def test_a_sweep_of_a_service_that_ignores_the_page_number(totals):
    shelf, numbers = Shelf.of(100), []

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Any]:
        numbers.append(number)
        page = await shelf.fetch(1, size, oldest_first)
        return page if totals else Page(page.items, number)

    with pytest.raises(PaginationError):
        swept(fetch)
    assert len(numbers) < 20
    assert max(numbers) < 100


@TOTALS
def test_a_sweep_of_a_service_that_repeats_its_last_page(totals):
    shelf, numbers = Shelf.of(100), []

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Any]:
        numbers.append(number)
        page = await shelf.fetch(min(number, -(-100 // size)), size, oldest_first)
        return page if totals else Page(page.items, number)

    if totals:
        got, sweep = swept(fetch)
        assert len(got) == 100
        assert sweep.result.converged
    else:
        with pytest.raises(PaginationError):
            swept(fetch)
    assert max(numbers) < 1000


def test_the_end_of_a_listing_is_looked_for_beyond_a_total_that_is_too_low():
    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Item]:
        return Page(tuple(items(60)[(number - 1) * size : number * size]), number, size, total_items=20)

    end = run_virtually(PassReader(ListingState(None), fetch, 10, oldest_first=True).end())
    assert end > 6
