"""The log of requests and the ledger of what they came to."""

import asyncio

import pytest
from raw_client import KEYS, case_body, create, make_project, talk

from casemgmt_async.emulator import Emulator

START = 1_700_000_000


async def script(emulator):
    """A series of calls under faults, limits and actors; gives every byte that came back."""
    project = await make_project(emulator)
    heard = [await create(emulator, f"case {number}", project) for number in range(12)]
    for number in range(1, 9):
        heard.append(await talk(emulator, path=f"/api/v2/cases?page[number]={number}&page[size]=5"))
        emulator.clock.advance(1.5)
    heard.append(await talk(emulator, "PUT", "/nowhere"))
    return [each.data for each in heard]


async def test_two_runs_of_one_script_give_identical_logs():
    async def run(seed):
        async with Emulator(
            cases=25,
            seed=seed,
            clock=START,
            faults="create_case@30%: drop-after-effect; search_cases@20%: status=503; *@10%: cut",
            limits="cases=6/10s:search_cases",
            actors="search_cases@50%: close=1; search_cases: insert-older=1",
        ) as emulator:
            heard = await script(emulator)
            return heard, list(emulator.log), emulator.ledger.summary(), list(emulator.store.effects)

    first, again, other = await run(1), await run(1), await run(2)
    assert first == again
    assert first[1] != other[1]
    assert {entry.fault is None for entry in first[1]} == {True, False}


async def test_an_entry_tells_the_request_and_its_answer():
    async with Emulator(clock=START) as emulator:
        emulator.clock.advance(5)
        headers = {"Authorization": "Bearer secret-token", "Cookie": "secret", "X-Other": "shown"}
        await talk(emulator, path="/api/v2/cases/A%2FB-1?x=a%20b&x=last", headers=headers)
        (entry,) = emulator.log
    assert (entry.seq, entry.route, entry.method, entry.path) == (1, "get_case", "GET", "/api/v2/cases/A%2FB-1")
    assert entry.query == {"x": "last"}
    assert (entry.started, entry.finished, entry.status, entry.in_flight) == (START + 5, START + 5, 404, 1)
    assert entry.headers["x-other"] == "shown"
    assert {entry.headers[name.lower()] for name in [*KEYS, "authorization", "cookie"]} == {"***"}
    assert "secret" not in repr(entry)
    assert "host" not in entry.headers


@pytest.mark.parametrize(("size", "kept"), [(None, [1, 2, 3, 4, 5, 6, 7]), (3, [5, 6, 7]), (1, [7]), (0, [])])
async def test_the_log_is_as_long_as_it_is_told(size, kept):
    async with Emulator(log_size=size) as emulator:
        for number in range(7):
            await talk(emulator, "PUT" if number else "GET", "/api/v2/cases/count")
        assert [entry.seq for entry in emulator.log] == kept
        assert emulator.requests == 7


async def test_the_ledger_needs_no_log():
    async with Emulator(log_size=0, faults="create_case#2: drop-after-effect; create_case#3: drop") as emulator:
        project = await make_project(emulator)
        for title in ("told", "silent", "never", "told"):
            await create(emulator, title, project)
        ledger = emulator.ledger
    assert ledger.created("create_case") == {"told": 2, "silent": 1}
    assert ledger.doubled() == {"told": 2}
    assert ledger.missing(["told", "silent", "never", "unasked"]) == ["never", "unasked"]
    assert [fate.mark for fate in ledger.unacknowledged()] == ["silent"]
    assert ledger.lost() == []


async def test_comments_and_what_has_no_text_are_told_apart():
    async with Emulator() as emulator:
        project = await make_project(emulator)
        case = (await create(emulator, "one", project)).json["data"]["id"]
        comment = {"data": {"type": "case", "attributes": {"comment": "hello"}}}
        for _ in range(2):
            assert (await talk(emulator, "POST", f"/api/v2/cases/{case}/comment", comment)).status == 200
        assert (await talk(emulator, "POST", f"/api/v2/cases/{case}/relationships/notebook", {})).status < 500
        assert emulator.ledger.times("hello", "comment_case") == 2
        assert emulator.ledger.times("hello", "create_case") == 0


async def test_updates_by_requests_and_not_by_actors():
    async with Emulator(actors="search_cases: touch=1") as emulator:
        project = await make_project(emulator)
        case = (await create(emulator, "one", project)).json["data"]["id"]
        body = {"data": {"type": "case", "attributes": {"priority": "P2"}}}
        assert (await talk(emulator, "POST", f"/api/v2/cases/{case}/priority", body)).status == 200
        await talk(emulator)
        (update,) = emulator.ledger.updates(case)
        assert (update.route, update.seq, update.detail["priority"]) == ("update_priority", 3, "P2")
        assert emulator.ledger.updates("another") == []
        assert [effect.seq for effect in emulator.store.effects if effect.kind == "update"] == [3, -1]


async def test_a_refused_create_has_not_happened():
    async with Emulator() as emulator:
        project = await make_project(emulator)
        bad = case_body("bad", project)
        bad["data"]["attributes"]["priority"] = "P1234"
        assert (await talk(emulator, "POST", "/api/v2/cases", bad)).status == 400
        assert emulator.ledger.times("bad") == 0
        assert emulator.ledger.lost() == emulator.ledger.unacknowledged() == []


async def test_snapshot_restore_and_reset():
    async with Emulator(cases=3, faults="create_case#3: status=500") as emulator:
        project = await make_project(emulator)
        await create(emulator, "before", project)
        kept = emulator.snapshot()
        for _ in range(2):  # restored as often as one likes
            await create(emulator, "after", project)
            emulator.restore(kept)
            assert emulator.ledger.missing(["before", "after"]) == ["after"]
            assert len(emulator.store.cases) == 4
        assert len(emulator.log) == 4
        emulator.reset()
        assert (len(emulator.store.cases), list(emulator.log), emulator.requests) == (3, [], 0)
        project = await make_project(emulator)
        assert [(await create(emulator, "again", project)).status for _ in range(3)] == [201, 201, 500]


async def test_concurrency_is_seen():
    async with Emulator(faults="search_cases: stall") as emulator:
        crowd = [asyncio.ensure_future(talk(emulator)) for _ in range(8)]
        while emulator.requests < 8:
            await asyncio.sleep(0)
        assert [entry.in_flight for entry in emulator.log] == list(range(1, 9))
        for each in crowd:
            each.cancel()
        await asyncio.wait(crowd)
        while any(entry.finished is None for entry in emulator.log):
            await asyncio.sleep(0)
        await talk(emulator, path="/api/v2/cases/count")
        assert emulator.log[-1].in_flight == 1
