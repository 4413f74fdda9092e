"""Each switch, seen over HTTP by a client that knows nothing of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from emulator_calls import NOBODY, NOON
from operation_scenes import JIRA

from casemgmt_async.emulator import Emulator, Switches

KEYS = {"DD-API-KEY": "key", "DD-APPLICATION-KEY": "key"}
Send = Callable[..., Any]


@asynccontextmanager
async def switched(cases: int = 0, **switches: Any) -> AsyncIterator[tuple[Emulator, Send]]:
    """An emulator so switched, and a way to send it requests that gives status and JSON."""
    async with (
        Emulator(clock=NOON, switches=Switches(**switches)) as emulator,
        aiohttp.ClientSession(emulator.base_url, headers=KEYS) as client,
    ):
        emulator.seed_cases(cases, status="OPEN", ties=cases or 1)

        async def send(method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
            asked = {f"{name[:4]}[{name[5:]}]" if "_" in name else name: value for name, value in query.items()}
            async with client.request(method, f"/api/v2/{path}", params=asked, json=body) as answer:
                return answer.status, await answer.json(content_type=None)

        yield emulator, send


def body(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "case", "attributes": attributes}}


async def found(send: Send, query: str = "", **asked: str) -> list[str]:
    status, answer = await send("GET", "cases", filter=query, page_size="100", **asked)
    assert status == 200
    return [case["id"] for case in answer["data"]]


async def test_index_lag() -> None:
    async with switched(index_lag=5.0) as (emulator, send):
        (case,) = emulator.seed_cases(1, status="OPEN")
        assert await found(send) == []
        emulator.clock.advance(5)
        assert await found(send, "status:open") == [case]
        assert (await send("POST", f"cases/{case}/status", body(status="CLOSED")))[0] == 200
        assert await found(send, "status:open") == [case]
        emulator.clock.advance(5)
        assert await found(send, "status:open") == []


async def test_dead_facets() -> None:
    async with switched(cases=3, dead_facets=["priority"]) as (_, send):
        assert len(await found(send, "status:open")) == 3
        assert await found(send, "priority:*") == []


async def test_shuffled_ties() -> None:
    async with switched(cases=30, shuffle_ties=True) as (emulator, send):
        walks = [await found(send) for _ in range(3)]
        assert len(set(map(tuple, walks))) == 3
        assert {frozenset(walk) for walk in walks} == {frozenset(case.id for case in emulator.store.tables.cases)}


async def test_depth_cap() -> None:
    async with switched(cases=30, depth_cap=20, depth_status=512) as (_, send):
        assert (await send("GET", "cases", page_size="10", page_number="2"))[0] == 200
        status, answer = await send("GET", "cases", page_size="10", page_number="3")
        assert status == 512
        assert answer["errors"]


async def test_archived_visible() -> None:
    for visible, number in ((True, 1), (False, 0)):
        async with switched(cases=1, archived_visible=visible) as (emulator, send):
            key = emulator.store.tables.cases[0].key
            assert (await send("POST", f"cases/{key}/archive", {"data": {"type": "case"}}))[0] == 200
            assert len(await found(send)) == number


async def test_error_shape() -> None:
    shapes = {"documented": "case not found", "recorded": {"code": "resource_not_found", "title": "case not found"}}
    for shape, error in shapes.items():
        async with switched(error_shape=shape) as (_, send):
            assert await send("GET", f"cases/{NOBODY}") == (404, {"errors": [error]})


async def test_integration_delay() -> None:
    async with switched(cases=1, integration_delay=2.0) as (emulator, send):
        case = f"cases/{emulator.store.tables.cases[0].id}"
        made = {"data": {"type": "issues", "attributes": JIRA}}
        assert (await send("POST", f"{case}/relationships/jira_issues", made))[0] == 202
        issues = []
        for _ in range(2):
            issues.append((await send("GET", case))[1]["data"]["attributes"]["jira_issue"]["status"])
            emulator.clock.advance(2)
        assert issues == ["IN_PROGRESS", "COMPLETED"]
