"""The sweep: what it finds while the listing changes, what it says about that, and how deep it gets."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import Shelf, Thing, changing
from virtual_loop import run_virtually

from casemgmt_async.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, ServerError, status_error
from casemgmt_async.models import Page
from casemgmt_async.pagination import Sweep

moderate = settings(max_examples=100)


def swept(shelf: Shelf, **options: Any) -> tuple[list[Thing], Sweep[Thing]]:
    sweep = Sweep(shelf.fetch, **{"page_size": 10} | options)
    return run_virtually(sweep.collect()), sweep


@moderate
@given(
    total=st.integers(0, 150),
    size=st.integers(8, 30),
    removed=st.integers(0, 6),
    newer=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_removals_and_new_arrivals_hide_nothing(total, size, removed, newer, seed):
    shelf = Shelf.of(total, lot=random.Random(seed))
    shelf.change = changing(removed=removed, newer=newer)
    before = set(shelf.things)
    got, _ = swept(shelf, page_size=size)
    assert before & set(shelf.things) <= set(got)
    assert len(set(got)) == len(got)


@moderate
@given(total=st.integers(0, 150), size=st.integers(8, 30), older=st.integers(0, 3), seed=st.integers(0, 2**32))
def test_inserts_in_the_middle_hide_nothing(total, size, older, seed):
    shelf = Shelf.of(total, lot=random.Random(seed))
    shelf.change = changing(older=older)
    before = set(shelf.things)
    got, _ = swept(shelf, page_size=size)
    assert before <= set(got)
    assert len(set(got)) == len(got)


@pytest.mark.parametrize("change", [{"removed": 3, "newer": 3}, {"older": 3}, {"newer": 3}])
def test_sixty_walks_over_a_thousand_things_miss_nothing(change):
    full = Shelf.of(1000).things

    async def walks() -> int:
        missed = 0
        for seed in range(60):
            shelf = Shelf(list(full), lot=random.Random(seed), made=len(full))
            shelf.change = changing(**change)
            before = set(shelf.things)
            got = await Sweep(shelf.fetch).collect()
            missed += len(before & set(shelf.things) - set(got))
        return missed

    assert asyncio.run(walks()) == 0


def test_where_nothing_changes_two_passes_do():
    got, sweep = swept(Shelf.of(95))
    assert len(got) == 95
    first, second = sweep.result.passes
    assert (first.backwards, first.page_size, first.added, first.arrived) == (True, 10, 95, 0)
    assert (second.backwards, second.page_size, second.added, second.arrived) == (False, 9, 0, 0)
    assert first.oldest_first
    assert not second.oldest_first
    assert first.pages == 12  # the first for the totals, an empty one for the end, ten down
    assert second.pages == 11
    assert sweep.result.converged
    assert sweep.result.found == 95
    assert (sweep.result.depth, sweep.result.partitions, sweep.result.unreached) == (None, (), 0)


@pytest.mark.parametrize("total", [0, 1, 10, 95, 100])
def test_a_second_pass_can_end_after_its_first_page_where_nothing_changes(total):
    got, sweep = swept(Shelf.of(total), full_passes=False)
    assert len(got) == total
    assert sweep.result.converged
    assert len(sweep.result.passes) == 2
    assert sum(done.pages for done in sweep.result.passes) == max(-(-total // 10), 1) + 1  # and the newest


@moderate
@given(
    total=st.integers(0, 150),
    size=st.integers(8, 30),
    change=st.sampled_from([{"removed": 3}, {"newer": 2}, {"removed": 2, "newer": 3}, {"older": 2}, {"older": 1}]),
    at=st.integers(1, 12),
    seed=st.integers(0, 2**32),
)
def test_a_change_during_the_first_pass_makes_the_second_one_full(total, size, change, at, seed):
    shelf = Shelf.of(total, lot=random.Random(seed))

    def once(shelf: Shelf) -> None:
        if len(shelf.asked) == at:
            changing(**change)(shelf)

    shelf.change = once
    before = set(shelf.things)
    got, _ = swept(shelf, page_size=size, full_passes=False)
    assert before & set(shelf.things) <= set(got)


def test_a_total_that_is_too_low_is_noticed_by_the_newest_page():
    shelf = Shelf.of(95)

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        page = await shelf.fetch(number, size, oldest_first)
        shown = page.items[: max(0, 60 - (number - 1) * size)]
        return Page(shown, number, len(shown), -(-60 // size), 60)

    sweep = Sweep(fetch, page_size=10, full_passes=False)
    assert len(run_virtually(sweep.collect())) == 95


def test_totals_that_do_not_count_what_was_found_make_the_second_pass_full():
    shelf = Shelf.of(95)

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        page = await shelf.fetch(number, size, oldest_first)
        return Page(page.items, number, len(page.items))

    sweep = Sweep(fetch, page_size=10, full_passes=False)
    assert len(run_virtually(sweep.collect())) == 95
    assert sweep.result.passes[1].pages >= 10


def test_an_empty_listing_is_swept_too():
    got, sweep = swept(Shelf.of(0))
    assert got == []
    assert sweep.result.converged


def test_new_arrivals_are_no_reason_for_another_pass():
    shelf = Shelf.of(95, change=changing(newer=1))
    shelf.change(shelf)
    _, sweep = swept(shelf)
    _, second = sweep.result.passes
    assert second.added == second.arrived > 0
    assert sweep.result.converged


def test_what_a_pass_found_missing_is_a_reason_for_another():
    shelf = Shelf.of(100)
    hidden = shelf.things[40]
    shelf.things.remove(hidden)

    def reopen(shelf: Shelf) -> None:
        if len(shelf.asked) == 13:
            shelf.things.insert(40, hidden)

    shelf.change = reopen
    got, sweep = swept(shelf)
    assert hidden in got
    assert [(done.added, done.arrived, done.backwards) for done in sweep.result.passes] == [
        (99, 0, True),
        (1, 0, False),
        (0, 0, True),
    ]
    assert sweep.result.converged


def test_a_sweep_without_end_is_cut_short_and_says_so():
    shelf = Shelf.of(100, change=changing(removed=1, older=1))
    got, sweep = swept(shelf, max_passes=4)
    assert len(sweep.result.passes) == 4
    assert not sweep.result.converged
    assert len(set(got)) == len(got)


def test_totals_that_lag_do_not_shorten_the_sweep():
    shelf = Shelf.of(95)

    async def fetch(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        return Page((await shelf.fetch(number, size, oldest_first)).items, number, total_pages=3, total_items=25)

    async def untold(number: int, size: int, oldest_first: bool) -> Page[Thing]:
        return Page((await shelf.fetch(number, size, oldest_first)).items, number)

    assert len(run_virtually(Sweep(fetch, page_size=10).collect())) == 95
    assert len(run_virtually(Sweep(untold, page_size=10).collect())) == 95


def test_the_result_is_there_when_the_sweep_is_over():
    sweep = Sweep(Shelf.of(30).fetch, page_size=10)
    with pytest.raises(RuntimeError, match="no sweep"):
        _ = sweep.result

    async def twice() -> None:
        async for _ in sweep:
            break
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            _ = sweep.result
        assert len(await sweep.collect_ids()) == 30
        assert len(await sweep.collect_ids()) == 30
        assert sweep.result.found == 30

    run_virtually(twice())


# --- the gaps in the keys


def test_the_keys_lead_to_what_the_listing_hides():
    everything = Shelf.of(30)
    shown = Shelf([thing for thing in everything.things if thing.key not in ("SEC-7", "SEC-12", "SEC-20")])
    everything.things = [thing for thing in everything.things if thing.key != "SEC-12"]
    got, sweep = swept(shown, get=everything.get, matches=lambda thing: thing.key != "SEC-20")
    assert got[-1].key == "SEC-7"
    assert len(got) == 28
    result = sweep.result
    assert (result.found, result.recovered, result.probed, result.unprobed) == (28, 1, 3, 0)
    assert result.outside == ("SEC-20",)
    assert result.unaccounted == ("SEC-12",)


def test_without_a_way_to_tell_nothing_is_yielded_that_the_listing_did_not_show():
    everything = Shelf.of(30)
    shown = Shelf([thing for thing in everything.things if thing.key != "SEC-7"])
    got, sweep = swept(shown, get=everything.get)
    assert len(got) == 29
    assert sweep.result.outside == ("SEC-7",)


def test_the_number_of_probes_is_bounded_and_the_newest_go_first():
    everything = Shelf.of(100)
    shown = Shelf([thing for thing in everything.things if int(thing.key[4:]) % 10 == 0])
    got, sweep = swept(shown, get=everything.get, matches=lambda thing: True, max_probes=5)
    assert [thing.key for thing in got[10:]] == ["SEC-99", "SEC-98", "SEC-97", "SEC-96", "SEC-95"]
    assert (sweep.result.probed, sweep.result.unprobed) == (5, 85)


def test_probes_run_side_by_side_within_the_window():
    everything = Shelf.of(100)
    shown = Shelf([thing for thing in everything.things if int(thing.key[4:]) % 10 == 0])
    flying, most = 0, 0

    async def get(key: str) -> Thing:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.01)
        flying -= 1
        return await everything.get(key)

    got, _ = swept(shown, get=get, matches=lambda thing: True, window=6)
    assert len(got) == 100
    assert most == 6


def test_what_may_not_be_seen_is_unaccounted_and_other_errors_are_raised():
    shown = Shelf([Thing(1, "id-3", "SEC-3")])

    async def forbidden(key: str) -> Thing:
        raise PermissionDeniedError(403) if key == "SEC-2" else NotFoundError(404)

    async def broken(key: str) -> Thing:
        raise ServerError(503)

    _, sweep = swept(shown, get=forbidden)
    assert sweep.result.unaccounted == ("SEC-2", "SEC-1")
    with pytest.raises(ServerError):
        swept(shown, get=broken)


def test_a_thing_that_moved_to_another_key_is_not_yielded_twice():
    shown = Shelf([Thing(1, "id-1", "OPS-1"), Thing(2, "id-2", "SEC-2")])

    async def get(key: str) -> Thing:
        return shown.things[0]

    got, sweep = swept(shown, get=get, matches=lambda thing: True)
    assert len(got) == 2
    assert (sweep.result.probed, sweep.result.outside, sweep.result.unaccounted) == (1, (), ())


# --- a service that does not go deep


@pytest.mark.parametrize("status", [500, 512, 400])
@pytest.mark.parametrize("total", [45, 95, 100])
def test_the_two_ends_meet_where_the_depth_is_capped(status, total):
    got, sweep = swept(Shelf.of(total, cap=55, status=status))
    assert len(got) == total
    assert sweep.result.converged
    assert sweep.result.depth == 50
    passes = [True, False, False, True] if total > 50 else [True, False]
    assert [done.oldest_first for done in sweep.result.passes] == passes
    assert sweep.result.unreached == 0


def test_a_known_depth_is_not_tried_out():
    shelf = Shelf.of(95, cap=50)
    got, sweep = swept(shelf, max_depth=50)
    assert len(got) == 95
    assert all(number * size <= 50 for number, size, _ in shelf.asked)
    assert sweep.result.depth == 50


def test_a_cap_on_page_numbers_instead_of_items():
    shelf = Shelf.of(95)

    async def fetch(number: int, size: int, oldest_first: bool) -> Any:
        if number > 5:
            raise status_error(500)
        return await shelf.fetch(number, size, oldest_first)

    sweep = Sweep(fetch, page_size=10)
    assert len(run_virtually(sweep.collect())) == 95
    assert sweep.result.depth == 50


def test_what_lies_between_the_ends_is_counted():
    got, sweep = swept(Shelf.of(130, cap=50))
    assert len(got) == 100
    assert sweep.result.unreached == 30


def test_partitions_are_read_where_the_ends_do_not_meet():
    whole = Shelf.of(330, cap=50)
    parts = {f"part {n}": Shelf(whole.things[n::5], cap=50) for n in range(5)}
    asked = 0

    async def partitions() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {label: part.fetch for label, part in parts.items()}

    got, sweep = swept(whole, partitions=partitions)
    assert len(got) == len(set(got)) == 330
    assert sweep.result.partitions == tuple(parts)
    assert sweep.result.unreached == 0
    assert sweep.result.converged
    assert {done.part for done in sweep.result.passes} == {"", *parts}
    assert asked == 1
    swept(Shelf.of(100, cap=50), partitions=partitions)
    assert asked == 1, "the ends meet: no need"
    del parts["part 3"]
    got, sweep = swept(Shelf(whole.things, cap=50), partitions=partitions)
    assert len(got) + sweep.result.unreached == 330


def test_an_outage_is_not_taken_for_a_depth():
    shelf = Shelf.of(95)
    calls = 0

    async def fetch(number: int, size: int, oldest_first: bool) -> Any:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise status_error(500)
        return await shelf.fetch(number, size, oldest_first)

    with pytest.raises(ServerError):
        run_virtually(Sweep(fetch, page_size=10).collect())


def test_a_page_that_fails_where_others_could_be_read_is_an_error():
    shelf = Shelf.of(95)

    async def fetch(number: int, size: int, oldest_first: bool) -> Any:
        if number == 4:
            raise status_error(500)
        return await shelf.fetch(number, size, oldest_first)

    with pytest.raises(ServerError):
        run_virtually(Sweep(fetch, page_size=10).collect())


@pytest.mark.parametrize("argument", ["page_size", "window", "max_passes", "max_depth", "max_probes"])
def test_an_argument_out_of_range_is_refused(argument):
    with pytest.raises(InvalidArgumentError) as raised:
        Sweep(Shelf.of(0).fetch, **{argument: -1})
    assert raised.value.argument == argument


def test_a_listing_that_never_settles_is_read_six_times():
    shelf, number = Shelf.of(30), 30

    async def fetch(page: int, size: int, oldest_first: bool) -> Any:
        nonlocal number
        number += 1
        shelf.things.insert(0, Thing(0, f"id-{number}", f"SEC-{number}"))  # older than all others
        return await shelf.fetch(page, size, oldest_first)

    sweep = Sweep(fetch, page_size=10)
    run_virtually(sweep.collect())
    assert len(sweep.result.passes) == 6
    assert not sweep.result.converged


@pytest.mark.parametrize("last", ["SEC-10", "SEC-99"])
def test_a_sweep_left_early_leaves_nothing_behind(last):
    everything = Shelf.of(100)
    shown = Shelf([thing for thing in everything.things if int(thing.key[4:]) % 10 == 0])
    flying = 0

    async def get(key: str) -> Thing:
        nonlocal flying
        flying += 1
        await asyncio.sleep(2 - int(key[4:]) / 100)
        flying -= 1
        return await everything.get(key)

    async def program() -> None:
        sweep = Sweep(shown.fetch, page_size=10, get=get, matches=lambda thing: True)
        async for thing in sweep:
            if thing.key == last:
                break
        assert not flying
        for _ in range(3):
            await asyncio.sleep(0)  # asyncio closes the generator
        assert len(asyncio.all_tasks()) == 1

    run_virtually(program())


def test_a_sweep_cancelled_while_it_asks_for_keys_leaves_nothing_behind():
    shown = Shelf([Thing(1, "id-40", "SEC-40")])
    flying = 0

    async def get(key: str) -> Thing:
        nonlocal flying
        flying += 1
        try:
            await asyncio.sleep(10)
        finally:
            flying -= 1
        raise NotFoundError(404)

    async def program() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await Sweep(shown.fetch, get=get).collect()
        assert not flying
        assert len(asyncio.all_tasks()) == 1

    run_virtually(program())
