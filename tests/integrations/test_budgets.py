"""The stores of shared budgets grant what a window has left, to all that ask at the same time, and never more."""

from __future__ import annotations

import asyncio
import sys

import pytest

from casemgmt_async import CaseSession, ConfigurationError, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.budgets import open_budget


@pytest.fixture(params=["redis", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


def take(budget, want: int, used: int = 0, window: int = 7, bucket: str = "org cases"):
    return budget.take(bucket, window=window, period=10.0, limit=50, used=used, want=want)


async def test_a_window_is_granted_once(url: str) -> None:
    async with open_budget(url) as budget:
        assert [await take(budget, want) for want in (3, 40, 10, 1)] == [3, 40, 7, 0]
        assert await take(budget, 5, window=8) == 5
        assert await take(budget, 5, bucket="org others") == 5


async def test_many_that_ask_together_get_no_more_than_there_is(url: str) -> None:
    async with open_budget(url) as first, open_budget(url) as second:
        granted = await asyncio.gather(*(take(budget, 3) for _ in range(20) for budget in (first, second)))
    assert sum(granted) == 50


async def test_what_the_service_has_counted_is_not_granted(url: str) -> None:
    async with open_budget(url) as budget:
        assert await take(budget, 5, used=48) == 2
        assert await take(budget, 1) == 0
        assert await take(budget, 5, used=60, window=8) == 0


async def test_values_are_kept(url: str) -> None:
    async with open_budget(url) as budget:
        assert await budget.get("a") is None
        await budget.put("a", "é 1")
        await budget.put("a", "2")
        assert await budget.get("a") == "2"


async def test_a_budget_is_open_until_its_last_user_leaves_and_can_be_used_again(url: str) -> None:
    budget = open_budget(url)
    async with budget:
        async with budget:
            assert await take(budget, 1) == 1
        assert await take(budget, 1) == 1
    async with budget:
        assert await take(budget, 50) == 48


async def test_sessions_share_a_budget(url: str) -> None:
    async with Emulator(cases=1, limits="budget=20/60s: get_case") as emulator:
        case_id = emulator.seed_cases(1)[0]
        keys = {"base_url": emulator.base_url, "api_key": "key", "app_key": "key"}

        async def use(number: int) -> None:
            async with CaseSession(**keys, budget=open_budget(url), timeout=300) as session:
                await asyncio.gather(*(cases.get_case(session, case_id) for _ in range(4)))

        await asyncio.gather(*map(use, range(5)))
        statuses = [entry.status for entry in emulator.log if entry.route == "get_case"]
        asked = [entry for entry in emulator.log if entry.route == "get_current_user"]
    assert statuses == [200] * 20
    assert 1 <= len(asked) <= 5


@pytest.mark.parametrize("wrong", ["", "localhost:6379", "mysql://localhost/x", None])
def test_a_url_of_another_kind_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"use redis://, rediss://, unix:// or postgresql://"):
        open_budget(wrong)


@pytest.mark.parametrize("wrong", ["redis://:se%cret@host:port/0", "postgresql://u:se%zzcret@host/db?bad"])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        open_budget(wrong)
    assert "se%" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "module", "extra"), [("redis://h", "redis", "redis"), ("postgres://h", "psycopg", "postgres")]
)
def test_a_missing_extra_is_named(url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"casemgmt_async.integrations.budgets.{extra}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=rf"pip install 'casemgmt-async\[{extra}\]'"):
        open_budget(f"{extra}://host")
