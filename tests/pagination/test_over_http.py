"""The same walks over real HTTP: what the emulator's log saw of them, and what is left when they are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemgmt_async import CaseManagementError, CaseSession, RetryPolicy, cases, timeline
from casemgmt_async.emulator import Emulator, Switches

T = TypeVar("T")
FAULTS = (
    None,
    "search_cases@20%: status=503",
    "search_cases@15%: drop-before-effect",
    "search_cases#2..3: cut",
    "search_cases#1: status=502\nsearch_cases@10%: drop-after-effect",
)


def session_for(emulator: Emulator, **options: Any) -> CaseSession:
    retry = RetryPolicy(attempts=8, initial_backoff=1e-6, max_backoff=1e-6)
    return CaseSession(base_url=emulator.base_url, api_key="any", app_key="any", retry=retry, **options)


@pytest.fixture(scope="module")
def play() -> Iterator[Callable[[Callable[[Emulator], Awaitable[T]]], T]]:
    """Run a program against one emulator that starts empty each time; warnings of asyncio's debug mode are errors."""
    with asyncio.Runner(debug=True) as runner:
        runner.get_loop().slow_callback_duration = 60
        emulator = Emulator(seed=5)
        runner.run(emulator.__aenter__())

        def run(program: Callable[[Emulator], Awaitable[T]]) -> T:
            emulator.set_faults(None)
            emulator.set_actors(None)
            emulator.latency = 0.0
            emulator.switches = Switches()
            emulator.reset()

            async def alone() -> T:
                reported: list[Any] = []
                loop = asyncio.get_running_loop()
                before = asyncio.all_tasks()
                loop.set_exception_handler(lambda _, context: reported.append(context))
                result = await program(emulator)
                for _ in range(3):
                    await asyncio.sleep(0)
                clients = [task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)]
                assert not clients
                assert not reported
                return result

            return runner.run(alone())

        yield run
        runner.run(emulator.__aexit__(None, None, None))


@settings(max_examples=40)
@given(
    total=st.integers(0, 60),
    size=st.integers(3, 12),
    window=st.integers(1, 6),
    ordered=st.booleans(),
    limit=st.none() | st.integers(0, 70),
    first_page=st.integers(1, 4),
    faults=st.sampled_from(FAULTS),
)
def test_every_case_comes_once_and_the_log_shows_no_more_than_the_window(
    play, total, size, window, ordered, limit, first_page, faults
):
    async def program(emulator: Emulator) -> None:
        ids = emulator.seed_cases(total)
        emulator.set_faults(faults)
        emulator.latency = 0.001
        options = {"page_size": size, "window": window, "ordered": ordered, "limit": limit, "first_page": first_page}
        got: list[str] = []
        async with session_for(emulator) as session:
            read = 0
            async with cases.iter_cases(session, sort="created_at", ascending=True, **options).by_page() as walk:
                async for page in walk:
                    read += 1
                    got += [case.id for case in page]
                    asked = {int(entry.query["page[number]"]) for entry in emulator.log}
                    assert len(asked) - read <= (window if window > 1 else 0)
        wanted = ids[(first_page - 1) * size :]
        count = len(wanted) if limit is None else min(limit, len(wanted))
        if ordered:
            assert got == wanted[:count]
        else:
            assert len(got) == len(set(got)) == count
            assert set(got) <= set(wanted)
        assert all(entry.in_flight <= window for entry in emulator.log)
        asked = {int(entry.query["page[number]"]) for entry in emulator.log}
        if limit is not None and limit <= len(wanted):
            assert len(asked) == -(-limit // size), "no page that the limit does not need"

    play(program)


def test_a_timeline_counts_from_zero(play):
    async def program(emulator: Emulator) -> None:
        (case_id,) = emulator.seed_cases(1)
        async with session_for(emulator) as session:
            for number in range(23):
                await timeline.comment_case(session, case_id, comment=f"comment {number}")
            options = {"page_size": 5, "ascending": True}
            cells = await timeline.iter_timeline(session, case_id, **options).collect()
            said = [cell.message for cell in cells if cell.message]
            assert said == [f"comment {number}" for number in range(23)]
            for window in (2, 4):
                assert await timeline.iter_timeline(session, case_id, window=window, **options).collect() == cells
            assert await timeline.iter_timeline(session, case_id, first_page=2, **options).collect() == cells[10:]
        asked = [entry.query["page[number]"] for entry in emulator.log if entry.route == "list_case_timeline"]
        assert asked[0] == "0"

    play(program)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def left_early(session: CaseSession) -> None:
    async for _ in cases.iter_cases(session, page_size=2, window=5):
        break


async def failed_inside(session: CaseSession) -> None:
    with pytest.raises(ZeroDivisionError):
        await stumble(session)


async def stumble(session: CaseSession) -> None:
    async for _ in cases.iter_cases(session, page_size=2, window=5):
        raise ZeroDivisionError


async def cancelled(session: CaseSession) -> None:
    task = asyncio.create_task(cases.iter_cases(session, page_size=2, window=5).collect())
    async with cases.iter_cases(session, page_size=2).by_page() as walk:
        await anext(walk)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def closed_under_it(session: CaseSession) -> None:
    walk = cases.iter_cases(session, page_size=2, window=5).by_page()
    await anext(walk)
    await session.close()
    with pytest.raises(CaseManagementError):
        async for _ in walk:
            pass


async def swept_in_part(session: CaseSession) -> None:
    async for _ in cases.sweep_cases(session, page_size=4):
        break


@pytest.mark.parametrize("leave", [left_early, failed_inside, cancelled, closed_under_it, swept_in_part])
def test_no_socket_and_no_unread_answer_is_left(play, leave):
    async def program(emulator: Emulator) -> None:
        emulator.seed_cases(40)
        emulator.latency = 0.002
        connector = aiohttp.TCPConnector()
        async with session_for(emulator, connector=connector) as session:
            await leave(session)
            for _ in range(3):
                await asyncio.sleep(0)
            assert not connector._acquired, "every connection is back, or closed"
        await connector.close()
        while emulator.listener._transports():
            await asyncio.sleep(0)

    before = open_files()
    play(program)
    assert open_files() == before


@pytest.mark.parametrize("action", ["close=2\nsearch_cases: insert=2", "insert-older=2"])
def test_a_sweep_misses_nothing_while_others_work(play, action):
    async def program(emulator: Emulator) -> tuple[int, int]:
        query = "status:open"
        world = emulator.store
        missed = {"walk": 0, "sweep": 0}
        emulator.seed_cases(150, status="OPEN")
        at_first = world.snapshot()
        async with session_for(emulator) as session:
            for round_ in range(6):
                for name in missed:
                    world.restore(at_first)
                    emulator.seed = round_
                    emulator.set_actors(f"search_cases: {action}")
                    before = {case.id for case in world.cases.found(query)}
                    pages = cases.iter_cases(session, filter=query, sort="created_at", ascending=True, page_size=20)
                    finder = pages if name == "walk" else cases.sweep_cases(session, filter=query, page_size=20)
                    got = await finder.collect_ids()
                    after = {case.id for case in world.cases.found(query)}
                    missed[name] += len((before & after) - set(got))
                    assert len(set(got)) == len(got)
        return missed["walk"], missed["sweep"]

    walk, sweep = play(program)
    assert sweep == 0
    assert walk > 0 if "close" in action else walk == 0


@pytest.mark.parametrize("status", [500, 512])
def test_a_sweep_of_more_than_can_be_paged_goes_project_by_project(play, status):
    async def program(emulator: Emulator) -> None:
        ids = emulator.seed_cases(150)
        emulator.switches = Switches(depth_cap=60, depth_status=status)
        async with session_for(emulator) as session:
            sweep = cases.sweep_cases(session, page_size=10)
            found = await sweep.collect_ids()
        assert sorted(found) == sorted(ids)
        assert sweep.result.depth == 60
        assert sweep.result.partitions
        assert sweep.result.unreached == 0

    play(program)
