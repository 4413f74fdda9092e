"""How a session uses the store of a shared budget: what it waits for, when it comes back, and what it writes there."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest
from attrs import define, field
from virtual_loop import run_virtually

from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.leases import Leases
from casemgmt_async.transport.rate_limit import KnownLimit

KEY = "an-api-key-of-production"


@define
class Store:
    """A store in memory that can fail, or take its time."""

    failures: int = 0
    seconds: float = 0.0
    values: dict[str, str] = field(factory=dict)
    windows: list[str] = field(factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def take(self, bucket: str, **counts: Any) -> int:
        self.windows.append(bucket)
        return int(counts["want"])

    async def get(self, key: str) -> str | None:
        await asyncio.sleep(self.seconds)
        self.failures -= 1
        if self.failures >= 0:
            raise ConnectionError("no store")
        return self.values.get(key)

    async def put(self, key: str, value: str) -> None:
        self.values[key] = value


def leases_on(store: Store, waits: list[float]) -> Leases:
    async def identify() -> str:
        return "org-1"

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    clock = Clock(lambda: 0.0, lambda: 1_768_000_000.0, sleep, lambda: 1.0)
    leases = Leases(store, "https://x", lambda: KEY, identify, clock)
    leases.changed = lambda: None
    return leases


def test_a_store_that_is_away_is_tried_after_longer_and_longer_pauses() -> None:
    """From 1 to 30 seconds, and less by up to a half, so that processes do not come back at the same moment."""
    waits: list[float] = []

    async def program() -> None:
        leases = leases_on(Store(failures=8), waits)
        assert await leases.look_up("get_case") is None
        while not leases.is_active:
            await asyncio.sleep(0)
        await leases.close()

    run_virtually(program())
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(("seconds", "is_active"), [(1.9, True), (2.1, False)])
def test_an_operation_of_the_store_has_two_seconds(seconds: float, is_active: bool) -> None:
    async def program() -> None:
        store = Store(seconds=seconds)
        store.values["https://x org-1 route get_case"] = '{"bucket": "b", "limit": 5, "period": 60.0}'
        leases = leases_on(store, [])
        found = await leases.look_up("get_case")
        assert leases.is_active is is_active
        assert found == (KnownLimit("b", 5, 60.0) if is_active else None)
        await leases.close()

    run_virtually(program())


def test_the_store_never_sees_the_key() -> None:
    async def program() -> None:
        store = Store()
        leases = leases_on(store, [])
        await leases.look_up("get_case")
        leases.remember("get_case", KnownLimit("b", 5, 60.0))
        await leases.take("b", want=1)
        assert "org-1" in store.values.values()  # under a digest of the key
        await leases.close()
        assert store.values["https://x org-1 route get_case"]
        assert KEY not in f"{store.values} {store.windows}"

    run_virtually(program())
