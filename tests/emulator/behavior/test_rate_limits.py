"""Rate limits, as their headers and answers are seen on the wire."""

import asyncio

from raw_client import make_project, talk

from casemgmt_async.emulator import Emulator

NAMES = ["X-RateLimit-Limit", "X-RateLimit-Period", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Name"]
START = 1_700_000_000  # a multiple of ten
CASE = "/api/v2/cases/00000000-0000-4000-8000-000000000000"


def told(heard):
    """The five headers of an answer."""
    return [heard.headers.get(name) for name in NAMES]


async def test_five_headers_on_every_answer_and_429_past_the_limit():
    async with Emulator(clock=START + 3.5, limits="cases=2/10s:search_cases,get_case") as emulator:
        first, second, third = [await talk(emulator, path=path) for path in ("/api/v2/cases", CASE, "/api/v2/cases")]
        other = await talk(emulator, path="/api/v2/cases/count")
    assert [first.status, second.status, third.status] == [200, 404, 429]
    assert told(first) == ["2", "10", "1", "7", "cases"]
    assert told(second) == ["2", "10", "0", "7", "cases"]
    assert told(third) == ["2", "10", "0", "7", "cases"]
    assert third.json["errors"][0]["status"] == "429"
    assert (other.status, told(other)) == (200, [None] * 5)


async def test_windows_are_aligned_to_the_calendar():
    async with Emulator(clock=START + 9.9, limits="cases=1/10s:*") as emulator:
        before = [await talk(emulator) for _ in range(2)]
        emulator.clock.advance(0.2)  # a new window, though the first call was no second ago
        after = await talk(emulator)
    assert [heard.status for heard in before] == [200, 429]
    assert told(before[0])[3] == "1"
    assert (after.status, told(after)[2:4]) == (200, ["0", "10"])


async def test_reset_as_a_unix_time():
    async with Emulator(clock=START + 3.5, limits="cases=2/10s@unix:*") as emulator:
        assert told(await talk(emulator))[3] == str(START + 10)


async def test_the_first_bucket_that_has_an_operation_counts():
    async with Emulator(clock=START, limits="a=1/10s:search_cases; b=5/1m:*") as emulator:
        search, count = await talk(emulator), await talk(emulator, path="/api/v2/cases/count")
    assert told(search)[4] == "a"
    assert told(count) == ["5", "60", "4", str(60 - START % 60), "b"]


async def test_a_call_past_the_limit_changes_nothing():
    async with Emulator(clock=START, limits="writes=1/10s:create") as emulator:
        await make_project(emulator, "ONE")
        before = len(emulator.store.effects)
        body = {"data": {"type": "project", "attributes": {"key": "TWO", "name": "Two"}}}
        assert (await talk(emulator, "POST", "/api/v2/cases/projects", body)).status == 429
        assert len(emulator.store.effects) == before
        assert emulator.log[-1].body == body
        assert emulator.ledger.missing(["One", "Two"]) == ["Two"]


async def test_a_crowd_gets_through_as_often_as_the_limit_says():
    async with Emulator(clock=START, limits="cases=7/10s:search_cases") as emulator:
        heard = await asyncio.gather(*(talk(emulator) for _ in range(20)))
    assert sorted(each.status for each in heard) == [200] * 7 + [429] * 13
    assert sorted(told(each)[2] for each in heard if each.status == 200) == list("0123456")


async def test_a_fault_still_has_the_headers():
    async with Emulator(clock=START, limits="c=9/10s:*", faults="search_cases: status=503") as emulator:
        heard = await talk(emulator)
    assert (heard.status, told(heard)[4]) == (503, "c")
