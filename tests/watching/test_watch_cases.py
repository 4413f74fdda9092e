"""A watch yields each case that comes, changes or leaves, once, and keeps to its share of the rate limit."""

from __future__ import annotations

import contextlib
import logging

import pytest

from casemgmt_async import (
    BadRequestError,
    CaseSession,
    ChangeKind,
    InvalidArgumentError,
    Priority,
    ServerError,
    cases,
    watch_cases,
)
from casemgmt_async.emulator import Emulator
from casemgmt_async.watching import affordable, compare

SOON = 0.001


@pytest.fixture
async def emulator():
    async with Emulator(cases=30, seed=3) as running:
        yield running


@pytest.fixture
async def session(emulator):
    async with CaseSession(base_url=emulator.base_url, api_key="any", app_key="any", retry=None) as open_:
        yield open_


async def open_case(session):
    return (await cases.search_cases(session, filter="status:open", page_size=1)).items[0]


async def test_it_yields_what_changes_between_polls(session):
    case = await open_case(session)
    async with contextlib.aclosing(watch_cases(session, filter="status:open", interval=SOON, existing=True)) as watch:
        assert (await anext(watch)).kind is ChangeKind.FOUND
        found = 1
        wanted = Priority.P1 if case.priority != Priority.P1 else Priority.P2
        await cases.update_priority(session, case.id, priority=wanted)
        while (change := await anext(watch)).kind is ChangeKind.FOUND:
            found += 1
        assert (change.kind, change.case.id) == (ChangeKind.CHANGED, case.id)
        assert change.fields["priority"] == (case.priority, wanted)
        assert found > 1

        await cases.update_status(session, case.id, status="CLOSED")
        change = await anext(watch)
        assert (change.kind, change.case.id, change.case.status) == (ChangeKind.REMOVED, case.id, "CLOSED")

        await cases.update_status(session, case.id, status="OPEN")
        change = await anext(watch)
        assert (change.kind, change.case.id, change.fields) == (ChangeKind.ADDED, case.id, {})


async def test_a_case_that_slipped_between_two_pages_is_kept(session):
    known = {case.id: case async for case in cases.iter_cases(session, filter="status:open")}
    found = dict(list(known.items())[1:])
    assert await compare(session, known, found) == []
    assert found.keys() == known.keys()


async def test_a_case_that_cannot_be_read_any_more_is_removed(session, emulator):
    known = {case.id: case async for case in cases.iter_cases(session, filter="status:open", limit=1)}
    emulator.set_faults("get_case: status=404")
    (change,) = await compare(session, known, {})
    assert (change.kind, change.case) == (ChangeKind.REMOVED, next(iter(known.values())))


async def test_a_poll_that_fails_is_repeated_and_the_fifth_in_a_row_raised(session, emulator, caplog):
    emulator.set_faults("search_cases: status=500")
    with pytest.raises(ServerError), caplog.at_level(logging.WARNING, "casemgmt_async"):
        await anext(watch_cases(session, interval=SOON))
    assert len(emulator.log) == 5
    assert caplog.text.count("a poll of watch_cases failed") == 4


async def test_an_error_that_would_come_again_is_raised_at_once(session, emulator):
    with pytest.raises(BadRequestError):
        await anext(watch_cases(session, filter="status:(", interval=SOON))
    assert len(emulator.log) == 1


@pytest.mark.parametrize("given", [{"interval": 0}, {"interval": -1}, {"share": 0}, {"share": 1.5}])
async def test_bad_arguments_are_refused(session, emulator, given):
    with pytest.raises(InvalidArgumentError, match=next(iter(given))):
        await anext(watch_cases(session, **given))
    assert len(emulator.log) == 0


async def test_the_interval_respects_the_rate_limit(session, emulator):
    assert await affordable(session, 250, 0.1) == 0, "no limit is known"
    emulator.set_limits("cases=50/10s:search_cases")
    # 250 cases take 3 requests and one to confirm the end; a tenth of 50 per 10 s is one request in 2 s
    assert await affordable(session, 250, 0.1) == pytest.approx(8)
