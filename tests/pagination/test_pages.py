"""Walks over a listing in memory, in virtual time: what they yield, what they ask for, how far ahead they run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listing import Item, Listing, cut, items
from virtual_loop import run_virtually

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.pagination import Pages

moderate = settings(max_examples=150)

TELLS: dict[str, Any] = {
    "both": lambda pages: {"total_pages": len(pages), "total_items": sum(map(len, pages))},
    "pages": lambda pages: {"total_pages": len(pages)},
    "items": lambda pages: {"total_items": sum(map(len, pages))},
    "nothing": lambda pages: {},
    "too little": lambda pages: {"total_pages": 1, "total_items": 1} if len(pages) % 2 else {"total_pages": 0},
    "too much": lambda pages: {"total_pages": len(pages) * 3 + 2, "total_items": 999},
}
latencies = st.dictionaries(st.integers(0, 30), st.sampled_from([0.0, 0.01, 0.05, 0.3]), max_size=12)


def plan(listing: Listing, size: int, **options: Any) -> Pages[Item]:
    return Pages(listing.fetch, page_size=size, origin=listing.origin, **options)


@moderate
@given(
    total=st.integers(0, 60),
    size=st.integers(1, 10),
    window=st.integers(1, 7),
    ordered=st.booleans(),
    limit=st.none() | st.integers(0, 70),
    skipped=st.integers(0, 4),
    origin=st.sampled_from([0, 1]),
    tells=st.sampled_from(["both", "pages", "items", "nothing", "too much", "too little"]),
    delays=latencies,
    pause=st.sampled_from([0.0, 0.02, 0.4]),
)
def test_every_item_comes_once_and_the_window_holds(
    total, size, window, ordered, limit, skipped, origin, tells, delays, pause
):
    """Whatever the totals claim about a listing of full pages and one that is not."""
    everything = items(total)
    if tells == "too little" and total % size:
        tells = "both"  # a short page that the totals call the last one is the last one
    listing = Listing(cut(everything, size), origin, TELLS[tells], lambda number: delays.get(number, 0.01))
    first = origin + skipped
    ahead: list[int] = []

    async def walk() -> list[Item]:
        got: list[Item] = []
        pages = 0
        options = {"window": window, "ordered": ordered, "limit": limit, "first_page": first}
        async for page in plan(listing, size, **options).by_page():
            pages += 1
            got += page.items
            await asyncio.sleep(pause)
            ahead.append(len(listing.asked) - pages)
        return got

    got = run_virtually(walk())
    wanted = everything[skipped * size :]
    if limit is not None:
        short = max(len(wanted) - limit, 0)
        assert len(got) == len(wanted) - short
        if len(got) == limit:
            assert len(listing.asked) <= -(-limit // size), "no page that the limit does not need"
        if ordered:
            wanted = wanted[:limit]
    if ordered:
        assert got == wanted
    elif limit is None:
        assert sorted(got, key=lambda item: item.id) == sorted(wanted, key=lambda item: item.id)
    else:
        assert len(set(got)) == len(got)
        assert set(got) <= set(wanted)
    assert listing.most <= window
    assert all(count <= window for count in ahead) if window > 1 else not any(ahead)
    assert len(set(listing.asked)) == len(listing.asked), "no page is asked for twice"


@moderate
@given(
    lengths=st.lists(st.integers(0, 5), max_size=12),
    window=st.integers(1, 6),
    ordered=st.booleans(),
    delays=latencies,
)
def test_pages_that_are_not_full_in_the_middle_do_not_end_the_walk(lengths, window, ordered, delays):
    for index in range(1, len(lengths)):
        if not lengths[index - 1]:
            lengths[index] = lengths[index] or 1
    everything = iter(items(100))
    pages = [[next(everything) for _ in range(length)] for length in lengths]
    listing = Listing(pages, tells=TELLS["pages"], latency=lambda number: delays.get(number, 0.01))
    got = run_virtually(plan(listing, 5, window=window, ordered=ordered).collect())
    wanted = [item for page in pages for item in page]
    assert got == wanted if ordered else set(got) == set(wanted)
    assert len(got) == len(wanted)


@moderate
@given(
    total=st.integers(0, 60),
    size=st.integers(1, 10),
    window=st.integers(1, 7),
    ordered=st.booleans(),
    broken=st.sets(st.integers(1, 12), min_size=1),
    delays=latencies,
)
def test_the_first_error_in_page_order_comes_after_the_items_before_it(total, size, window, ordered, broken, delays):
    everything = items(total)
    errors = {number: ConnectionError(number) for number in broken}
    listing = Listing(cut(everything, size), latency=lambda number: delays.get(number, 0.01), faults=errors)
    got: list[Item] = []
    last_asked = total // size + 1  # the page that is not full

    async def walk() -> None:
        async for item in plan(listing, size, window=window, ordered=ordered):
            got.append(item)

    reached = [number for number in sorted(broken) if number <= last_asked]
    if not reached:
        run_virtually(walk())
        assert len(got) == total
        return
    with pytest.raises(ConnectionError) as raised:
        run_virtually(walk())
    assert raised.value is errors[reached[0]]
    before = everything[: (reached[0] - 1) * size]
    if ordered:
        assert got == before
    else:
        assert set(before) <= set(got)
        assert len(set(got)) == len(got)
    resumed = Listing(listing.pages)
    if ordered:
        assert got + run_virtually(plan(resumed, size, first_page=reached[0]).collect()) == everything


def test_a_full_last_page_is_confirmed_by_an_empty_one():
    listing = Listing(cut(items(20), 10))
    assert len(run_virtually(plan(listing, 10).collect())) == 20
    assert listing.asked == [1, 2, 3]


def test_a_short_page_is_the_end_where_the_totals_agree():
    listing = Listing(cut(items(25), 10))
    assert len(run_virtually(plan(listing, 10).collect())) == 25
    assert listing.asked == [1, 2, 3]


def test_without_totals_a_short_page_is_confirmed_by_an_empty_one():
    listing = Listing(cut(items(25), 10), tells=TELLS["nothing"])
    assert len(run_virtually(plan(listing, 10).collect())) == 25
    assert listing.asked == [1, 2, 3, 4]


def test_a_service_with_smaller_pages_than_asked_for_is_read_to_its_end():
    listing = Listing(cut(items(45), 10))
    assert len(run_virtually(plan(listing, 50).collect())) == 45
    untold = Listing(cut(items(45), 10), tells=TELLS["items"])
    assert len(run_virtually(plan(untold, 50).collect())) == 45


def test_totals_that_promise_for_ever_do_not_make_the_walk_endless():
    listing = Listing(cut(items(25), 10), tells=lambda _: {"total_pages": 10**9})
    assert len(run_virtually(plan(listing, 10).collect())) == 25
    assert listing.asked == [1, 2, 3, 4, 5]


def test_the_totals_keep_the_window_from_running_far_past_the_end():
    listing = Listing(cut(items(45), 10))
    run_virtually(plan(listing, 10, window=3).collect())
    assert listing.asked == [1, 2, 3, 4, 5]


def seconds(pages: Pages[Item]) -> float:
    """How long a walk takes, in virtual time."""

    async def walk() -> float:
        started = asyncio.get_running_loop().time()
        await pages.collect()
        return asyncio.get_running_loop().time() - started

    return run_virtually(walk())


def test_one_page_finishes_and_one_starts():
    """Twelve pages of 50 ms, one of them slow: with a barrier between batches this would take longer."""
    listing = Listing(cut(items(115), 10), latency=lambda number: 0.15 if number == 1 else 0.05)
    elapsed = seconds(plan(listing, 10, window=4, ordered=False))
    assert 0.2 <= elapsed < 0.21  # three slots do nine pages while one does the slow one; then two more


def test_a_window_of_sixteen_makes_two_hundred_pages_fourteen_times_faster():
    listing = Listing(cut(items(1999), 10), latency=lambda _: 0.05)
    single, wide = (seconds(plan(listing, 10, window=window)) for window in (1, 16))
    assert single == pytest.approx(10)
    assert single / wide > 14
    assert single / 16 / wide > 0.9


@pytest.mark.parametrize("ordered", [True, False])
def test_the_window_is_made_use_of(ordered):
    listing = Listing(cut(items(95), 10), latency=lambda _: 0.05)
    run_virtually(plan(listing, 10, window=6, ordered=ordered).collect())
    assert listing.most == 6


def test_a_walk_takes_as_many_rounds_of_the_latency_as_it_has_windows_of_pages():
    async def seconds(window: int) -> float:
        await plan(Listing(cut(items(195), 10), latency=lambda _: 0.05), 10, window=window).collect()
        return asyncio.get_running_loop().time()

    assert [round(run_virtually(seconds(window)) / 0.05, 6) for window in (1, 4, 5, 16, 20)] == [20, 5, 4, 2, 1]


def test_unordered_pages_come_as_they_finish():
    listing = Listing(cut(items(45), 10), latency=lambda number: 1 / number)

    async def walk() -> list[int]:
        return [page.number async for page in plan(listing, 10, window=5, ordered=False).by_page()]

    assert run_virtually(walk()) == [5, 4, 3, 2, 1]


def test_a_walk_resumes_at_the_page_it_stopped_at():
    listing = Listing(cut(items(45), 10), origin=0)

    async def stop_in_page_two() -> int:
        async for page in plan(listing, 10).by_page():
            if page.number == 2:
                return page.number
        raise AssertionError

    number = run_virtually(stop_in_page_two())
    assert run_virtually(plan(listing, 10, first_page=number).collect()) == items(45)[20:]


def test_pages_can_be_walked_again_and_side_by_side():
    pages = plan(Listing(cut(items(30), 10)), 10, window=2)

    async def walk() -> None:
        assert await pages.collect() == await pages.collect()
        pairs = [(a, b) async for a in pages async for b in pages]
        assert len(pairs) == 900

    run_virtually(walk())


def test_dedupe_yields_an_id_once():
    a, b, c, d = items(4)
    listing = Listing([[a, b], [b, a], [b, c], [d]])
    assert run_virtually(plan(listing, 2, dedupe=True).collect()) == [a, b, c, d]
    assert run_virtually(plan(listing, 2, dedupe=True).collect(limit=3)) == [a, b, c]
    assert run_virtually(plan(listing, 2).collect()) == [a, b, b, a, b, c, d]
    assert run_virtually(plan(listing, 2).collect_ids()) == [a.id, b.id, c.id, d.id]


def test_collect_takes_the_smaller_limit():
    pages = plan(Listing(cut(items(30), 10)), 10, limit=12)
    assert len(run_virtually(pages.collect(limit=20))) == 12
    assert len(run_virtually(pages.collect(limit=7))) == 7
    assert len(run_virtually(pages.collect())) == 12
    assert run_virtually(pages.collect(limit=0)) == []


@pytest.mark.parametrize("limit", ["7", True, -1])
def test_a_limit_of_collect_is_checked_beside_the_limit_of_the_pages(limit):
    with pytest.raises(InvalidArgumentError, match="limit: must be a whole number"):
        run_virtually(plan(Listing([]), 10, limit=12).collect(limit))


def test_a_page_tells_its_number_and_keeps_its_totals_when_cut():
    async def walk() -> None:
        first, second = [page async for page in plan(Listing(cut(items(30), 10)), 10, limit=12).by_page()]
        assert (first.number, len(first.items), first.total_items) == (1, 10, 30)
        assert (second.number, len(second.items), second.total_items) == (2, 2, 30)

    run_virtually(walk())


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("page_size", {"page_size": 0}),
        ("window", {"window": 0}),
        ("limit", {"limit": -1}),
        ("first_page", {"first_page": 0}),
        ("window", {"window": 2.5}),
        ("ordered", {"ordered": "no"}),
        ("dedupe", {"dedupe": 1}),
    ],
)
def test_an_argument_out_of_range_is_refused(argument, options):
    with pytest.raises(InvalidArgumentError) as raised:
        Pages(Listing([]).fetch, **{"page_size": 10} | options)
    assert raised.value.argument == argument


@pytest.mark.parametrize("ends", ["short page", "error"])
def test_pages_after_the_end_are_cancelled_as_soon_as_the_end_is_known(ends):
    """They would hold connections while an earlier page is still awaited."""
    listing = Listing(cut(items(15), 10), tells=lambda _: {}, latency=lambda number: {1: 9.0, 2: 0.01}.get(number, 5.0))
    if ends == "error":
        listing.faults = {2: ConnectionError("second")}
    else:
        listing.tells = lambda pages: {"total_pages": len(pages)}

    async def program() -> None:
        reading = asyncio.ensure_future(plan(listing, 10, window=4, ordered=False).collect())
        await asyncio.sleep(1)
        assert sorted(listing.cancelled) == [3, 4]
        assert listing.flying == 1
        await asyncio.wait([reading])
        if ends == "error":
            assert isinstance(reading.exception(), ConnectionError)
        else:
            assert len(reading.result()) == 15

    run_virtually(program())
