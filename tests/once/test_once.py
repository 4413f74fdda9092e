"""A token makes one case, however often it is asked for, whatever the service does to the answers."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from casemgmt_async import (
    BadRequestError,
    CaseManagementError,
    CaseSession,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknownError,
    RetryPolicy,
    ServerError,
    cases,
    create_case_once,
    once,
    projects,
    relationships,
)
from casemgmt_async.emulator import Emulator, Switches

TYPE = "00000000-0000-0000-0000-000000000001"
FAULTS = """
create_case@10%: drop-after-effect
create_case@4%: drop-before-effect
create_case@3%: status=503
create_case@3%: empty
*@4%: status=502
*@3%: drop-before-effect
*@2%: cut
*@1%: html=200
*@2%: reset
"""


@pytest.fixture(autouse=True)
def another_process():
    """Forget what this process knows, as if it had been started again."""

    def forget() -> None:
        once.REMEMBER.clear()
        once.UNSETTLED.clear()

    forget()
    yield forget
    assert once.TURNS == {}
    forget()


@pytest.fixture
async def emulator():
    async with Emulator(cases=30, seed=6) as emulator:
        yield emulator


@pytest.fixture
async def session(emulator):
    retry = RetryPolicy(attempts=4, initial_backoff=1e-6, max_backoff=1e-6)
    async with CaseSession(api_key="any", app_key="any", base_url=emulator.base_url, retry=retry) as session:
        yield session


@pytest.fixture
async def ask(session):
    """Ask for the case of a token."""
    project = (await projects.get_projects(session))[0]

    async def ask(token: str, **more):
        given = {"title": f"Alert {token}", "type_id": TYPE, "project_id": project.id, "settle": 0.02} | more
        return await create_case_once(session, token=token, **given)

    return ask


async def test_the_first_call_creates_and_later_ones_find(ask, emulator, another_process):
    first = await ask("a", description="Disk full.")
    assert first.created
    assert first.case.description.startswith("Disk full.\n\n[casemgmt once ct")
    again = await ask("a", title="Another title")
    assert (again.created, again.case.id, again.case.title) == (False, first.case.id, "Alert a")
    another_process()
    assert (await ask("a")).case.id == first.case.id
    other = await ask("b")
    assert other.created
    assert other.case.id != first.case.id
    assert emulator.ledger.created() == {"Alert a": 1, "Alert b": 1}


async def test_a_known_token_costs_one_request_and_a_new_one_a_few(ask, emulator):
    before = len(emulator.log)
    await ask("a")
    assert len(emulator.log) - before <= 8
    before = len(emulator.log)
    await ask("a")
    assert len(emulator.log) - before == 1


async def test_tasks_that_ask_at_once_share_one_case(ask, emulator):
    results = await asyncio.gather(*(ask("a") for _ in range(64)))
    assert len({result.case.id for result in results}) == 1
    assert sum(result.created for result in results) == 1
    assert emulator.ledger.created() == {"Alert a": 1}


async def test_a_restart_within_the_lag_of_the_index_finds_the_case_by_its_key(ask, emulator, another_process):
    emulator.switches = Switches(index_lag=3600)
    ids = [(await ask(token)).case.id for token in "abcde"]
    another_process()
    found = [await ask(token) for token in "abcde"]
    assert [result.case.id for result in found] == ids
    assert not any(result.created for result in found)


async def test_a_case_that_was_moved_is_found(ask, session, another_process):
    case = (await ask("a")).case
    elsewhere = (await projects.get_projects(session))[1]
    await relationships.move_case_to_project(session, case.id, project_id=elsewhere.id)
    another_process()
    assert (await ask("a")).case.id == case.id


async def test_the_words_alone_do_not_make_a_case_ours(ask, session, another_process):
    word = (await ask("a")).case.description.split()[-1].rstrip("]")
    case = (await ask("a")).case
    await cases.update_case_description(session, case.id, description=f"I saw {word} somewhere")
    another_process()
    assert (await ask("a")).created


async def test_a_lost_answer_is_looked_for_and_the_case_found(ask, emulator):
    emulator.set_faults("create_case#1: drop-after-effect")
    result = await ask("a", settle=30)
    assert result.created
    assert emulator.ledger.created() == {"Alert a": 1}


async def test_a_create_that_never_arrived_is_sent_again_once_it_cannot_take_effect_any_more(ask, emulator):
    emulator.set_faults("create_case#1: drop-before-effect")
    started = asyncio.get_running_loop().time()
    assert (await ask("a", settle=0.2)).created
    assert asyncio.get_running_loop().time() - started >= 0.2
    assert emulator.ledger.created() == {"Alert a": 1}


async def test_a_call_that_was_cancelled_in_the_middle_is_looked_for_before_another_create(ask, emulator):
    emulator.set_faults("create_case#1: stall-after-effect=100ms")
    task = asyncio.create_task(ask("a"))
    while not any(entry.route == "create_case" for entry in emulator.log):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ask("a", settle=0.3)
    assert emulator.ledger.created() == {"Alert a": 1}


async def test_an_outcome_that_stays_unknown_is_an_error_and_calling_again_is_safe(ask, emulator):
    emulator.set_faults("create_case: drop-before-effect")
    with pytest.raises(OutcomeUnknownError):
        await ask("a", settle=0)
    assert sum(entry.route == "create_case" for entry in emulator.log) == once.ATTEMPTS
    emulator.set_faults(None)
    assert (await ask("a")).created
    assert emulator.ledger.created() == {"Alert a": 1}


async def test_a_search_that_fails_after_a_lost_answer_keeps_the_outcome_unknown(ask, emulator):
    emulator.set_faults("create_case#1: drop-after-effect; search_cases#3..: status=503")
    with pytest.raises(OutcomeUnknownError) as caught:
        await ask("a")
    assert "search for the case failed too" in caught.value.__notes__[0]
    emulator.set_faults(None)
    assert not (await ask("a")).created
    assert emulator.ledger.created() == {"Alert a": 1}


async def test_a_search_that_fails_before_creates_nothing(ask, emulator):
    emulator.set_faults("search_cases: status=503")
    with pytest.raises(ServerError):
        await ask("a")
    assert emulator.ledger.created() == {}


async def test_a_refused_create_is_raised_and_can_be_corrected(ask, emulator):
    with pytest.raises((BadRequestError, NotFoundError)):
        await ask("a", type_id="00000000-0000-0000-0000-0000000000ff")
    assert once.UNSETTLED == {}
    assert (await ask("a")).created


@pytest.mark.parametrize(
    ("argument", "value"), [("token", ""), ("token", " "), ("token", 5), ("settle", -1.0), ("title", "")]
)
async def test_bad_arguments_are_refused(ask, emulator, argument, value):
    with pytest.raises(InvalidArgumentError) as caught:
        await ask(**{"token": "a"} | {argument: value})
    assert caught.value.argument == argument
    assert emulator.ledger.created() == {}


async def test_what_a_process_remembers_is_bounded(ask, monkeypatch):
    monkeypatch.setattr(once, "REMEMBERED", 3)
    for token in "abcde":
        await ask(token)
    assert len(once.REMEMBER) == 3


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_hundred_calls_for_twenty_tokens_under_faults_make_twenty_cases(seed):
    async with Emulator(cases=30, seed=seed) as emulator:
        retry = RetryPolicy(attempts=4, initial_backoff=1e-6, max_backoff=1e-6)
        async with CaseSession(api_key="any", app_key="any", base_url=emulator.base_url, retry=retry) as session:
            project = (await projects.get_projects(session))[0]
            emulator.set_faults(FAULTS)
            emulator.switches = Switches(index_lag=0.5)
            turns, found = asyncio.Semaphore(32), Counter()

            async def call(number: int) -> None:
                if number % 50 == 0:
                    once.REMEMBER.clear()
                async with turns:
                    while True:  # as a caller does who is told that the outcome is unknown, or that a search failed
                        try:
                            result = await create_case_once(
                                session,
                                token=f"alert {number % 20}",
                                title=f"Alert {number % 20}",
                                type_id=TYPE,
                                project_id=project.id,
                                settle=0.05,
                            )
                        except CaseManagementError:
                            continue
                        found[number % 20, result.case.id] += 1
                        return

            await asyncio.gather(*map(call, range(200)))
            assert len(found) == 20
            assert emulator.ledger.created() == {f"Alert {number}": 1 for number in range(20)}
