"""Every fault x what the operation allows: how many sends, and what comes of it, as the ledger saw it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from session_tools import open_session
from virtual_loop import VirtualClock

from casemgmt_async import (
    CaseSession,
    ConnectionFailedError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    ServerError,
    TransportError,
    cases,
    routes,
    timeline,
)
from casemgmt_async.emulator import Emulator
from casemgmt_async.transport.events import RequestStarted
from casemgmt_async.transport.retry import RetryPolicy

FOUR_ATTEMPTS = RetryPolicy(attempts=4)
SHORT_TIMEOUT = RetryPolicy(attempts=4, attempt_timeout=0.8)  # for answers that never come
TYPE_ID = "00000000-0000-0000-0000-000000000001"


async def read(session: CaseSession, ids: dict[str, str]) -> object:
    return await cases.get_case(session, ids["case"])


async def change(session: CaseSession, ids: dict[str, str]) -> object:
    return await cases.update_case_title(session, ids["case"], title="changed")


async def create(session: CaseSession, ids: dict[str, str]) -> object:
    return await cases.create_case(session, title="made", type_id=TYPE_ID, project_id=ids["project"])


async def known(emulator: Emulator) -> dict[str, str]:
    """The first case of an emulator, which stays the first, and its project."""
    async with open_session(emulator.base_url) as session:
        page = await cases.search_cases(session, page_size=1)
    emulator.reset()
    return {"case": page.items[0].id, "project": page.items[0].project_id or ""}


CLASSES = {"read": (read, "get_case"), "set": (change, "update_case_title"), "create": (create, "create_case")}
AGAIN, UNKNOWN = 2, OutcomeUnknownError

# fault: (read, set, create), each the number of sends where it ends well, or the error after a single send
TABLE: dict[str, tuple[Any, Any, Any]] = {
    "reset": (AGAIN, AGAIN, UNKNOWN),
    "hang-up": (AGAIN, AGAIN, UNKNOWN),
    "drop-before-effect": (AGAIN, AGAIN, UNKNOWN),
    "drop-after-effect": (AGAIN, AGAIN, UNKNOWN),
    "stall": (AGAIN, AGAIN, UNKNOWN),
    "stall-after-effect": (AGAIN, AGAIN, UNKNOWN),
    "stall-in-body": (AGAIN, AGAIN, UNKNOWN),
    "cut": (AGAIN, AGAIN, UNKNOWN),
    "cut=0": (AGAIN, AGAIN, UNKNOWN),
    "cut-chunked": (AGAIN, AGAIN, UNKNOWN),
    "cut-chunked=0": (AGAIN, AGAIN, UNKNOWN),
    "cut-gzip": (AGAIN, AGAIN, UNKNOWN),
    "cut-gzip=0": (AGAIN, AGAIN, UNKNOWN),
    "early-eof": (AGAIN, AGAIN, UNKNOWN),
    "early-eof=0": (AGAIN, AGAIN, UNKNOWN),
    "empty-before-effect": (AGAIN, AGAIN, UNKNOWN),
    "empty-after-effect": (AGAIN, AGAIN, UNKNOWN),
    "html=200": (AGAIN, AGAIN, UNKNOWN),
    "html-after-effect=200": (AGAIN, AGAIN, UNKNOWN),
    **{f"html={status}": (AGAIN, AGAIN, UNKNOWN) for status in (500, 502)},
    **{f"status={status}": (AGAIN, AGAIN, UNKNOWN) for status in (408, 500, 502, 503, 504, 512)},
    "status-after-effect=503": (AGAIN, AGAIN, UNKNOWN),
    "status=429": (AGAIN, AGAIN, AGAIN),
    "html=429": (AGAIN, AGAIN, AGAIN),
    "content-type=text/plain": (1, 1, 1),
    **{f"redirect={status}": (RedirectError, RedirectError, RedirectError) for status in (301, 302, 303, 307, 308)},
    "giant=200kB": (ResponseTooLargeError, ResponseTooLargeError, UNKNOWN),
    "giant-gzip=1MB": (ResponseTooLargeError, ResponseTooLargeError, UNKNOWN),
}


@contextlib.asynccontextmanager
async def handed_in(own: bool) -> AsyncIterator[aiohttp.ClientSession | None]:
    if own:
        yield None
        return
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.mark.parametrize("own", [True, False], ids=["own", "handed-in"])
@pytest.mark.parametrize("fault", TABLE)
async def test_the_table(fault: str, own: bool) -> None:
    started: list[str] = []
    async with Emulator(cases=2) as emulator, handed_in(own) as client:
        ids = await known(emulator)
        for column, (replay, (operation, route)) in enumerate(CLASSES.items()):
            emulator.reset()
            emulator.set_faults(f"{route}#1: {fault}")
            expected = TABLE[fault][column]
            retry = SHORT_TIMEOUT if fault.startswith("stall") else FOUR_ATTEMPTS
            async with open_session(emulator.base_url, retry=retry, max_body=100_000, client_session=client) as session:
                session.add_listener(lambda e: started.append(e.route.name) if isinstance(e, RequestStarted) else None)
                if isinstance(expected, int):
                    assert await operation(session, ids)
                else:
                    with pytest.raises(expected):
                        await operation(session, ids)
            sends = expected if isinstance(expected, int) else 1
            assert emulator.requests == sends, replay
            assert started == [route] * sends, replay
            assert emulator.ledger.doubled() == {}
            if expected is not OutcomeUnknownError and replay == "create":
                assert emulator.ledger.times("made") == isinstance(expected, int)
            started.clear()


@pytest.mark.parametrize("operation", ["get_case", "add_case_insights"])
async def test_every_send_is_counted_though_aiohttp_would_send_again_by_itself(operation: str) -> None:
    route = {route.name: route for route in routes.ROUTES}[operation]
    async with Emulator(cases=1, faults=f"{operation}: drop") as emulator:
        async with open_session(emulator.base_url, retry=RetryPolicy(attempts=3)) as session:
            with pytest.raises(ConnectionFailedError):
                await session.raw(route, emulator.seed_cases(1)[0], body={})
        assert emulator.requests == 3


@pytest.mark.parametrize("replay", CLASSES)
async def test_what_was_not_sent_is_always_sent_again(replay: str) -> None:
    operation, route = CLASSES[replay]
    time = VirtualClock()
    async with Emulator(cases=1) as emulator:
        ids = await known(emulator)
        async with open_session(emulator.base_url, clock=time.as_clock()) as session:
            emulator.listener.shut()
            time.at_sleep[3] = emulator.listener.open
            assert await operation(session, ids)
        assert time.slept == pytest.approx([0.2, 0.4, 0.8])
        assert emulator.requests == 1
        assert [entry.route for entry in emulator.log] == [route]


@pytest.mark.parametrize("replay", CLASSES)
async def test_an_outage_ends_in_an_error(replay: str) -> None:
    async with Emulator(cases=1) as emulator:
        base_url = emulator.base_url
    async with open_session(base_url) as session:
        with pytest.raises(ConnectionFailedError) as caught:
            await CLASSES[replay][0](session, {"case": "a", "project": "b"})
    assert isinstance(caught.value.__cause__, aiohttp.ClientConnectorError)


async def test_the_last_error_is_raised_when_attempts_run_out() -> None:
    time = VirtualClock()
    async with (
        Emulator(cases=1, faults="get_case: status=503") as emulator,
        open_session(emulator.base_url, clock=time.as_clock()) as session,
    ):
        with pytest.raises(ServerError):
            await cases.get_case(session, emulator.seed_cases(1)[0])
        assert emulator.requests == 5
    assert time.slept == pytest.approx([0.2, 0.4, 0.8, 1.6])


async def test_without_retries_everything_is_sent_once() -> None:
    async with (
        Emulator(cases=1, faults="get_case: status=429") as emulator,
        open_session(emulator.base_url, retry=None) as session,
    ):
        with pytest.raises(RateLimitError):
            await cases.get_case(session, emulator.seed_cases(1)[0])
        assert emulator.requests == 1


async def test_an_unknown_outcome_carries_what_was_sent_and_why() -> None:
    async with (
        Emulator(cases=1, faults="comment_case: drop-after-effect") as emulator,
        open_session(emulator.base_url) as session,
    ):
        with pytest.raises(OutcomeUnknownError) as caught:
            await timeline.comment_case(session, emulator.seed_cases(1)[0], comment="once")
        assert emulator.ledger.times("once") == 1
    assert caught.value.route == "comment_case"
    assert b'"once"' in (caught.value.sent or b"")
    assert isinstance(caught.value.__cause__, TransportError)


async def test_a_call_can_say_that_it_creates() -> None:
    async with (
        Emulator(cases=1, faults="bulk_update_cases: status=503") as emulator,
        open_session(emulator.base_url) as session,
    ):
        with pytest.raises(OutcomeUnknownError):
            await session.call(routes.BULK_UPDATE_CASES, None, body={}, replay=routes.Replay.CREATE)
        assert emulator.requests == 1


async def commented(session: CaseSession, case_id: str) -> str:
    cells = await timeline.comment_case(session, case_id, comment="to go")
    return cells[0].id


async def test_a_removal_whose_answer_was_lost_is_a_success() -> None:
    async with (
        Emulator(cases=1, faults="delete_case_comment#1: drop-after-effect") as emulator,
        open_session(emulator.base_url) as session,
    ):
        case_id = emulator.seed_cases(1)[0]
        cell_id = await commented(session, case_id)
        await timeline.delete_case_comment(session, case_id, cell_id)
        assert [entry.status for entry in emulator.log][-2:] == [None, 404]
        with pytest.raises(NotFoundError):
            await timeline.delete_case_comment(session, case_id, cell_id)


@pytest.mark.parametrize("fault", ["status=429", None])
async def test_a_removal_of_what_was_never_there_is_not_found(fault: str | None) -> None:
    async with (
        Emulator(cases=1, faults=fault and f"delete_case_comment#1: {fault}") as emulator,
        open_session(emulator.base_url) as session,
    ):
        case_id = emulator.seed_cases(1)[0]
        with pytest.raises(NotFoundError):
            await timeline.delete_case_comment(session, case_id, "3f2504e0-4f89-11d3-9a0c-0305e82c3301")


async def test_a_whole_call_has_one_deadline() -> None:
    async with (
        Emulator(cases=1, faults="get_case, create_case: stall") as emulator,
        open_session(emulator.base_url, timeout=0.5) as session,
    ):
        with pytest.raises(TimeoutError) as caught:
            await cases.get_case(session, "a")
        assert isinstance(caught.value, TransportError)
        with pytest.raises(OutcomeUnknownError):
            await cases.create_case(session, title="made", type_id=TYPE_ID, project_id=TYPE_ID)
        await asyncio.sleep(0)
        assert session._caller.limiter.in_flight == 0


async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    time = VirtualClock()
    async with (
        Emulator(cases=1, faults="get_case: status=503") as emulator,
        open_session(emulator.base_url, clock=time.as_clock(), timeout=1.0) as session,
    ):
        with pytest.raises(ServerError):
            await cases.get_case(session, "a")
        assert emulator.requests == 3
    assert time.slept == pytest.approx([0.2, 0.4])


async def test_retries_of_all_calls_share_one_budget() -> None:
    async with (
        Emulator(cases=1, faults="get_case: status=503") as emulator,
        open_session(emulator.base_url) as session,
    ):
        for _ in range(100):
            with pytest.raises(ServerError):
                await cases.get_case(session, "a")
        assert emulator.requests == 200
