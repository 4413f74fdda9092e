"""A 429 is never answered by a hot loop: what counts as an attempt, and how long the next one waits."""

from __future__ import annotations

import asyncio
import email.utils
from typing import Any

import pytest
from session_tools import http, served
from virtual_loop import VirtualClock, run_virtually

from casemgmt_async import (
    CaseSession,
    Clock,
    OutcomeUnknownError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    routes,
)

CASE = b'{"data": {"id": "a", "type": "case", "attributes": {}}}'
DATE = {"Date": email.utils.formatdate(1_768_000_000, usegmt=True)}


def date_in(seconds: float) -> str:
    return email.utils.formatdate(1_768_000_000 + seconds, usegmt=True)


@pytest.mark.parametrize(
    "headers",
    [{"Retry_After": "1"}, {"Retry_After": date_in(1), **DATE}, {"X_RateLimit_Reset": "1", "X_RateLimit_Name": "c"}],
    ids=["seconds", "date", "reset"],
)
async def test_a_429_with_a_time_is_no_attempt_and_waits_at_least_so_long(headers: dict[str, str]) -> None:
    time = VirtualClock()
    limited = [http(b"{}", 429, **headers)] * 8
    async with served(*limited, http(CASE), clock=time.as_clock(), retry=RetryPolicy(attempts=2)) as (wire, session):
        assert (await session.raw(routes.CREATE_CASE, body={})).status == 200
    assert len(wire.requests) == 9
    assert len(time.slept) == 8
    assert all(slept >= 1 for slept in time.slept)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "0.001"},
        {"Retry_After": "0"},
        {"Retry_After": date_in(-5), **DATE},
        {"Retry_After": "soon"},
        {"X_RateLimit_Reset": "0", "X_RateLimit_Name": "c"},
        {"X_RateLimit_Reset": "0", "X_RateLimit_Name": "c", "X_RateLimit_Limit": "5", "X_RateLimit_Remaining": "0"},
        {},
    ],
)
async def test_a_service_that_refuses_for_ever_gets_few_requests(headers: dict[str, str]) -> None:
    time = VirtualClock(random=0.0)
    async with served(http(b"{}", 429, **headers), clock=time.as_clock(), timeout=60) as (wire, session):
        with pytest.raises((RateLimitError, RequestTimeoutError)):
            await session.raw(routes.GET_CASE, "a")
    assert len(wire.requests) <= 12
    assert all(wait > 0 for wait in time.slept if wait)
    assert sum(time.slept) >= 3


async def test_a_429_without_a_time_counts_as_an_attempt() -> None:
    time = VirtualClock()
    policy = RetryPolicy(attempts=3)
    async with served(http(b"{}", 429), clock=time.as_clock(), retry=policy) as (wire, session):
        with pytest.raises(RateLimitError):
            await session.raw(routes.GET_CASE, "a")
    assert len(wire.requests) == 3


async def test_the_wait_of_one_call_holds_all_calls_of_its_route() -> None:
    time = VirtualClock()
    async with served(http(b"{}", 429, Retry_After="7"), http(CASE), clock=time.as_clock()) as (wire, session):
        with pytest.raises(RateLimitError):
            await session.with_options(retry=None).raw(routes.GET_CASE, "a")
        before = time.now
        await session.raw(routes.GET_CASE, "b")
        assert time.now - before >= 7
        assert len(wire.requests) == 2


async def test_a_removal_answered_503_and_then_404_has_done_its_work() -> None:
    async with served(http(b"{}", 503), http(b"{}", 404)) as (wire, session):
        assert await session.call(routes.DELETE_PROJECT, None, "a") is None
    assert len(wire.requests) == 2


async def test_after_a_renewed_token_a_lost_answer_is_still_unknown() -> None:
    """The 401 was no send of the create that may have taken effect; the one after it was."""
    tokens = iter(["token-one-1", "token-two-2"])

    async def supply() -> str:
        return next(tokens)

    options = {"api_key": None, "app_key": None, "access_token": supply}
    async with served(http(b"{}", 401), b"", **options) as (wire, session):
        with pytest.raises(OutcomeUnknownError):
            await session.raw(routes.CREATE_CASE, body={})
    assert len(wire.requests) == 2


async def test_while_a_token_is_renewed_the_create_counts_as_not_sent() -> None:
    asked = 0

    async def supply() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise TimeoutError("the vault is slow")
        return "token-one-1"

    options = {"api_key": None, "app_key": None, "access_token": supply}
    async with served(http(b"{}", 401), **options) as (_, session):
        with pytest.raises(TimeoutError, match="vault") as caught:
            await session.raw(routes.CREATE_CASE, body={})
    assert "has not taken effect" in caught.value.__notes__[0]


@pytest.mark.parametrize("refused", [0, 1])
def test_the_wait_for_a_token_ends_with_the_deadline_of_the_call(refused: int, wire: Any) -> None:
    """The wait for the first token, and for the one in place of a token that is refused."""
    asked = 0

    async def supply() -> str:
        nonlocal asked
        asked += 1
        if asked > refused:
            await asyncio.sleep(60)
        return f"token-{asked}"

    async def program() -> None:
        loop = asyncio.get_running_loop()
        options = {"base_url": "https://x.example", "access_token": supply, "clock": Clock(clock=loop.time)}
        async with CaseSession(timeout=5, **options) as session:
            with pytest.raises(RequestTimeoutError, match="get_case had no result within 5 s"):
                await session.raw(routes.GET_CASE, "a")
            assert loop.time() == pytest.approx(5)

    wire.answer(401, payload={"errors": ["the token has expired"]})
    run_virtually(program())


async def test_successes_refill_the_retry_budget() -> None:
    async with served(http(b"{}", 503), clock=VirtualClock().as_clock()) as (_, session):
        budget = session._caller.retry_budget
        for _ in range(25):
            with pytest.raises(Exception, match="503"):
                await session.raw(routes.GET_CASE, "a")
        assert budget.tokens == 0
    async with served(http(CASE)) as (_, session):
        session._caller.retry_budget.tokens = 0
        for _ in range(4):
            await session.raw(routes.GET_CASE, "a")
        assert session._caller.retry_budget.tokens == 2
