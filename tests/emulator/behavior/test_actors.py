"""Actors, who change cases between two pages."""

import pytest
from raw_client import talk

from casemgmt_async.emulator import Actor, Emulator

OPEN = "/api/v2/cases?filter=status:OPEN&page[size]=100&sort[field]=created_at&sort[asc]=true"


async def found(emulator, path=OPEN):
    """The ids that a search finds, in its order."""
    return [case["id"] for case in (await talk(emulator, path=path)).json["data"]]


@pytest.fixture
async def emulator():
    async with Emulator(seed=3, clock=1_700_000_000) as emulator:
        emulator.seed_cases(20, status="OPEN")
        emulator.seed_cases(5, status="CLOSED")
        yield emulator


@pytest.mark.parametrize("action", ["close", "archive"])
async def test_cases_leave_the_search_after_it_was_answered(emulator, action):
    emulator.set_actors(f"search_cases#1: {action}=3")
    before, after, later = [await found(emulator) for _ in range(3)]
    assert len(before) == 20
    assert len(after) == 17
    assert after == later == [case for case in before if case in after]


async def test_inserts_at_the_tail(emulator):
    emulator.set_actors([Actor("search_cases#1", "insert", 2)])
    before, after = [await found(emulator) for _ in range(2)]
    assert after[:20] == before
    assert len(after) == 22


async def test_inserts_in_the_middle(emulator):
    emulator.set_actors("search_cases#1: insert-older=4")
    before, after = [await found(emulator) for _ in range(2)]
    new = [place for place, case in enumerate(after) if case not in before]
    assert len(new) == 4
    assert max(new) < len(after) - 1
    assert [case for case in after if case in before] == before


async def test_touch_changes_but_moves_nothing(emulator):
    emulator.set_actors("search_cases#1: touch=5")
    before, after = [await found(emulator) for _ in range(2)]
    assert before == after
    assert sum(case.modified_at is not None for case in emulator.store.cases.found("status:OPEN")) >= 5


async def test_only_the_calls_that_are_meant(emulator):
    emulator.set_actors("search_cases#2..6/2: close=1")
    assert [len(await found(emulator)) for _ in range(8)] == [20, 20, 19, 19, 18, 18, 17, 17]


async def test_more_than_there_are_and_none_at_all(emulator):
    emulator.set_actors("search_cases#1: close=100; search_cases#2: insert-older=1; search_cases#2: close=1")
    assert [len(await found(emulator)) for _ in range(3)] == [20, 0, 0]
    assert len(emulator.store.cases) == 26


async def test_a_search_that_failed_moves_no_one(emulator):
    emulator.set_actors("search_cases: close=1")
    assert (await talk(emulator, path="/api/v2/cases?page[size]=1000")).status == 400
    assert len(await found(emulator)) == 20


async def test_the_same_seed_does_the_same():
    async def run(seed):
        async with Emulator(cases=40, seed=5, clock=1_700_000_000) as emulator:
            emulator.seed = seed
            emulator.set_actors("search_cases@60%: close=2; search_cases: insert-older=1")
            return [await found(emulator) for _ in range(6)]

    assert await run(1) == await run(1) != await run(2)
