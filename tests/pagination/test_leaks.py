"""Leaving a walk in any way leaves nothing behind: asyncio debug is on and every warning is an error."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest
from listing import Item, Listing, cut, items
from virtual_loop import VirtualLoop, run_virtually

from casemgmt_async.pagination import Pages, Walk

pytestmark = pytest.mark.parametrize(("window", "ordered"), [(1, True), (4, True), (4, False)])


@pytest.fixture
def listing() -> Listing:
    return Listing(cut(items(95), 10), latency=lambda number: 0.01 * number)


@pytest.fixture
def pages(listing: Listing, window: int, ordered: bool) -> Pages[Item]:
    return Pages(listing.fetch, page_size=10, window=window, ordered=ordered)


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_leaving_the_loop_early(listing, pages, window):
    async def program() -> None:
        async for _ in pages:
            break
        await settle()
        assert not others()

    run_virtually(program())
    assert not listing.flying
    assert len(listing.cancelled) == window - 1


def test_an_exception_in_the_loop(listing, pages):
    async def fail() -> None:
        async for _ in pages:
            raise ZeroDivisionError

    async def program() -> None:
        with pytest.raises(ZeroDivisionError):
            await fail()
        await settle()
        assert not others()

    run_virtually(program())
    assert not listing.flying


def test_cancelling_the_task_that_waits_for_a_page(listing, pages):
    async def program() -> None:
        task = asyncio.create_task(pages.collect())
        await asyncio.sleep(0.015)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not others()

    run_virtually(program())
    assert not listing.flying


def test_cancelling_the_task_inside_the_loop(listing, pages):
    async def consume() -> None:
        async for _ in pages:
            await asyncio.sleep(10)

    async def program() -> None:
        task = asyncio.create_task(consume())
        await asyncio.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settle()
        assert not others()

    run_virtually(program())
    assert not listing.flying


def test_a_deadline_around_the_walk(listing, pages):
    async def program() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.025):
                await pages.collect()
        assert not others()

    run_virtually(program())
    assert not listing.flying


async def read_on(walk: Walk[Any]) -> None:
    async for _ in walk:
        pass


def test_a_walk_that_failed_or_was_cancelled_is_at_its_end(listing, pages):
    async def program() -> None:
        for walk in (pages.open(), pages.by_page()):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(read_on(walk), 0.025)
            with pytest.raises(StopAsyncIteration):
                await anext(walk)
        listing.faults = {2: ConnectionError("second")}
        for walk in (pages.open(), pages.by_page()):
            with pytest.raises(ConnectionError):
                await read_on(walk)
            with pytest.raises(StopAsyncIteration):
                await anext(walk)
        assert not others()

    run_virtually(program())


def test_the_context_manager_has_closed_when_its_block_ends(listing, pages):
    async def program() -> None:
        for walk in (pages.open(), pages.by_page()):
            async with walk:
                async for _ in walk:
                    break
            assert not listing.flying
            assert not others()
            with pytest.raises(StopAsyncIteration):
                await anext(walk)

    run_virtually(program())


def test_an_error_of_a_page_closes_the_walk(listing, pages):
    listing.faults = {2: ConnectionError("second"), 3: ConnectionError("third")}

    async def program() -> None:
        with pytest.raises(ConnectionError, match="second"):
            await pages.collect()
        assert not others()

    run_virtually(program())
    assert not listing.flying


def test_errors_behind_the_end_of_a_walk_stay_silent(listing, pages):
    listing.pages = cut(items(15), 10)
    listing.latency = lambda number: 0.01
    listing.faults = {number: ConnectionError(number) for number in range(3, 9)}
    assert len(run_virtually(pages.collect())) == 15


def test_a_walk_dropped_after_its_loop_ended(pages):
    walks: list[Any] = []

    async def program() -> None:
        walk = pages.open()
        await anext(walk)
        walks.append(walk)

    with asyncio.Runner(debug=True, loop_factory=VirtualLoop) as runner:
        runner.run(program())
    walks.clear()
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Walk)]  # and a complaint would be an error


def test_a_walk_dropped_after_its_loop_was_closed_without_cancelling(listing, pages):
    loop = VirtualLoop()

    async def program() -> Any:
        walk = pages.open()
        await anext(walk)
        return walk

    walk = loop.run_until_complete(program())
    left = asyncio.all_tasks(loop)
    for task in left:
        task._log_destroy_pending = False  # this test left them pending on purpose
    loop.close()
    del walk
    gc.collect()
    assert len(left) == len(listing.asked) - len(listing.answered)


def test_a_walk_collected_in_another_thread(listing, pages):
    async def program() -> None:
        walks = [pages.open()]
        await anext(walks[0])
        thread = threading.Thread(target=walks.clear)
        thread.start()
        thread.join()
        await settle()
        assert not others()

    run_virtually(program())
    assert not listing.flying


def test_a_walk_is_read_by_one_task(pages):
    async def program() -> None:
        async with pages.by_page() as walk:
            first, second = await asyncio.gather(anext(walk), anext(walk), return_exceptions=True)
            assert not isinstance(first, BaseException)
            assert isinstance(second, RuntimeError)
            assert (await anext(walk)).items

    run_virtually(program())


def test_a_walk_never_started_asks_for_nothing(listing, pages):
    async def program() -> None:
        pages.open()
        async with pages.by_page():
            pass
        await pages.collect(limit=0)

    run_virtually(program())
    assert not listing.asked
