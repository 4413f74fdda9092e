"""The formulas of one bucket, one pace and one lease, each by a value that can be computed by hand."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any, cast

import pytest
from virtual_time import START

from casemgmt_async.transport.bucket import Bucket
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.leases import Lease, Leases
from casemgmt_async.transport.pacing import Pacer
from casemgmt_async.transport.quota import ReportedQuota
from casemgmt_async.transport.rate_limit import RateLimit
from casemgmt_async.transport.shared_budget import SharedBudget
from casemgmt_async.transport.window import Window

SILENT = RateLimit()
"""An answer without any rate-limit header."""


def holds(bucket: Bucket, count: int, begin: float, wait: float | None = None) -> list[float]:
    """Refuse a bucket, each time when the hold before has ended; return the lengths of the holds."""
    found, now = [], begin
    for _ in range(count):
        bucket.refused(RateLimit(retry_after=wait), now)
        found.append(bucket.delay(now))
        now += found[-1]
    return found


def test_refusals_in_a_row_without_a_time_hold_twice_as_long_each() -> None:
    """From 0.2 s to a minute; the first pause is not known yet."""
    found = holds(Bucket(random.Random(0).random), 11, 0.0)
    assert found == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])


def test_the_next_holds_are_tried_by_the_length_of_the_last_pause() -> None:
    """After 0.6 of it, then in steps of 0.2 of it, and longer only after six refusals."""
    bucket = Bucket(random.Random(0).random)
    assert sum(holds(bucket, 2, 0.0)) == pytest.approx(0.6)
    bucket.observe(SILENT, 1.0)
    assert holds(bucket, 8, 10.0) == pytest.approx([0.6, *[0.2] * 5, 12.8, 25.6])


def test_a_pause_is_never_tried_again_at_once() -> None:
    """A tenth of a second is the shortest hold."""
    bucket = Bucket(random.Random(0).random)
    holds(bucket, 1, 0.0)
    bucket.observe(SILENT, 0.21)
    assert holds(bucket, 3, 1.0) == pytest.approx([0.126, 0.1, 0.1])


def test_a_hold_that_the_service_asks_for_is_kept_and_grows_after_further_refusals() -> None:
    """The first one is as long as asked; later ones are not shorter than without the request."""
    assert holds(Bucket(random.Random(0).random), 5, 0.0, wait=1.0) == pytest.approx([1.0, 1.0, 1.0, 1.6, 3.2])


@pytest.mark.parametrize("step", [0.26, 1.0])
def test_a_measured_load_counts_by_the_part_of_the_window_that_it_covers(step: float) -> None:
    """By `step / (step + 0.7)`, but at most 0.3."""
    pacer = Pacer(100, 0.0)
    pacer.start_window(100, 10.0, 10.0)
    before, load = pacer.load, 2.0
    pacer.observe(100 * math.exp(-load * step), 100, 10 * math.exp(-step), 10.0)
    assert pacer.load == pytest.approx(before + min(0.3, step / (step + 0.7)) * (load - before))


@pytest.mark.parametrize(
    ("load", "limit", "share"), [(1.0, 1000, 0.25), (2.0, 10, 0.24), (2.0, 1000, 0.03125), (0.5, 50, 1)]
)
def test_a_share_falls_with_the_load_but_leaves_some_requests(load: float, limit: float, share: float) -> None:
    """A quarter by the third power of the load; 1.2 requests for each unit of load at least; all of it at most."""
    assert Pacer(limit, 0.0, load).share == pytest.approx(share)


def test_a_bucket_is_shared_as_long_as_others_use_it_and_some_windows_longer() -> None:
    """Windows in which this process sends nothing say nothing about others."""
    quota = ReportedQuota(random.Random(0).random, 100.0)
    seen = []
    for window in range(40):
        now, is_idle = 10.0 * window + 5, 10 <= window < 20
        quota.delay(now, 0)
        if not is_idle:
            quota.admit()
            left = 50.0 if window < 10 else 99.0
            quota.observe(RateLimit(limit=100.0, period=10.0, remaining=left, reset=5.0), now, 1)
        seen.append(quota.is_shared)
    assert all(seen[1:20])
    assert not seen[-1]


@pytest.mark.parametrize(("left", "is_shared"), [(99.0, False), (98.0, True), (97.5, True)])
def test_one_request_more_than_our_own_shows_another_process(left: float, is_shared: bool) -> None:
    quota = ReportedQuota(random.Random(0).random, 100.0)
    quota.observe(RateLimit(limit=100.0, period=10.0, remaining=100.0, reset=9.0), 1.0, 1)
    quota.admit()
    quota.own = 1
    quota.observe(RateLimit(limit=100.0, period=10.0, remaining=left, reset=8.0), 2.0, 1)
    assert quota.is_shared is is_shared


@pytest.mark.parametrize(("limit", "burst"), [(100, 0.25 * 100 / 8), (16, 1.0)])
def test_a_pause_saves_an_eighth_of_the_share_of_a_window_and_one_request_at_least(limit: int, burst: float) -> None:
    pacer = Pacer(limit, 0.0, load=1.0)
    pacer.join(limit, 10.0)
    pacer.advance(1.0)
    assert pacer.credit == pytest.approx(burst)


@pytest.mark.parametrize(("limit", "reserve"), [(1000, 8), (100, 4), (51, 3), (4, 1), (3, 0)])
def test_a_process_that_is_alone_keeps_a_reserve_until_the_last_quarter_of_a_window(limit: int, reserve: int) -> None:
    """4 %, at most 8 requests, so that it sees a process that starts meanwhile."""

    def delay(remaining: int, reset: float) -> float:
        quota = ReportedQuota(random.Random(0).random, limit)
        quota.own = limit - remaining
        quota.observe(RateLimit(limit=limit, period=10.0, remaining=limit, reset=reset + 0.5), 0.5, 1)
        quota.own = limit - remaining
        quota.observe(RateLimit(limit=limit, period=10.0, remaining=remaining, reset=reset), 1.0, 1)
        return quota.delay(1.0, 0)

    assert delay(reserve + 1, 6.0) == 0
    assert reserve == 0 or delay(reserve, 6.0) == pytest.approx(6.0 - 2.5)
    assert delay(1, 2.4) == 0


@pytest.mark.parametrize(("in_flight", "delay"), [(0, 0.0), (1, 0.75), (5, 0.75)])
def test_the_first_request_of_a_window_is_sent_alone_for_a_second_at_most(in_flight: int, delay: float) -> None:
    """Its answer shows whether the window before has ended; both for a shared budget and without one."""
    for ask in (ReportedQuota.guard, ReportedQuota.delay):
        quota = ReportedQuota(random.Random(0).random, 100.0)
        quota.observe(RateLimit(limit=100.0, period=10.0, remaining=100.0, reset=4.5), 0.0, 1)
        assert ask(quota, 4.75, in_flight) == pytest.approx(delay)
        quota.observe(RateLimit(limit=100.0, period=10.0, remaining=100.0, reset=9.5), 5.0, in_flight)
        assert ask(quota, 5.0, 0) == 0.0


def test_the_last_fraction_of_a_window_counts_in_the_next() -> None:
    """What the end of a window adds to the credit is kept, up to one request."""
    pacer = Pacer(100, 0.0)
    pacer.join(1.0, 10.0)
    gained = pacer.share * 1.0 / pacer.load
    pacer.start_window(100, 10.0, 10.0)
    assert pacer.credit == pytest.approx(gained)
    pacer.start_window(100, 10.0, 10.0)
    assert pacer.credit == 1.0


def make_lease(**given: Any) -> Lease:
    """Make a lease whose store is never asked."""

    async def identify() -> str | None:
        raise AssertionError("nobody asks")

    clock = Clock(lambda: 0.0, lambda: START, asyncio.sleep, random.Random(0).random)
    leases = Leases(cast("SharedBudget", None), "https://x", lambda: "k", identify, clock, is_active=True)
    return Lease(leases, "cases", **given)


def test_requests_that_a_bucket_adopts_count_in_its_lease() -> None:
    """Those in flight and those that were answered."""
    bucket = Bucket(random.Random(0).random, "cases", make_lease(credit=10))
    bucket.adopt(2, 3)
    assert bucket.lease is not None
    assert (bucket.in_flight, bucket.lease.credit) == (2, 5)


@pytest.mark.parametrize(
    ("given", "seconds_left", "delay"),
    [
        ({}, 9.5, 0.5),
        ({"taken": 199}, 5.3, 0.301),
        ({"taken": 10}, 9.5, math.inf),
        ({"taken": 0}, 9.9, math.inf),
        ({"shared_until": 1}, 9.5, math.inf),
        ({}, 4.9, math.inf),
        ({"credit": 1}, 9.5, 0.0),
        ({"is_used_up": True}, 9.5, 9.5),
    ],
    ids=["spread", "to the end of the ramp", "due", "first", "alone", "after the ramp", "credit", "used up"],
)
def test_a_lease_grows_in_steps_that_are_spread_over_half_the_window(
    given: dict[str, Any], seconds_left: float, delay: float
) -> None:
    """A session with a crowd of 2 spreads what it leases over the time in which it would have leased a half."""
    shared = {"limit": 200, "period": 10.0, "taken": 20, "window": 1, "shared_until": 5, "crowd": 2.0}
    assert make_lease(**(shared | given)).delay(seconds_left) == pytest.approx(delay)


@pytest.mark.parametrize(("credit", "remaining", "used", "want"), [(0, 80, 20, 5), (-5, 98, 0, 10), (-5, 80, 15, 10)])
async def test_what_is_known_to_be_used_leaves_out_what_the_lease_still_has_to_count(
    credit: int, remaining: int, used: int, want: int
) -> None:
    """And it is never negative: answers may be older than the requests that were sent since."""
    asked: dict[str, Any] = {}

    class Store:
        async def take(self, _: str, **counts: Any) -> int:
            asked.update(counts)
            return 0

    lease = make_lease(credit=credit, limit=100, period=10.0, window=1)
    lease.leases.budget = cast("SharedBudget", Store())
    await lease.take(10, remaining)
    assert (asked["used"], asked["want"]) == (used, want)


@pytest.mark.parametrize(("later", "ahead"), [(5.4, 0), (5.6, 1), (-4.4, 0), (-4.6, -1), (15.6, 2)])
def test_an_end_between_two_windows_belongs_to_the_nearer_one(later: float, ahead: int) -> None:
    """Resets are rounded by up to a second, so the expected end is half a second later than the earliest one seen."""
    window = Window()
    window.observe(10, None, 0.0)
    assert window.observe(10, None, later) == ahead
