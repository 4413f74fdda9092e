"""Small promises of the jobs that nothing else would notice if they were broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from casemgmt_async import (
    AuthenticationError,
    CaseSession,
    DecodeError,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ServerError,
)
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import JournalLockedError, ServiceDownError, State, run_triage
from casemgmt_async.jobs.calls import CallStatus, Interrupted, classify_error, one_line
from casemgmt_async.jobs.journal import lock as locks
from casemgmt_async.jobs.pool import CircuitBreaker

from scenes import all_cases, comments  # isort: skip


def test_only_failures_in_a_row_take_the_service_for_down() -> None:
    """Nine, an answer, and nine again are not ten; a refusal is an answer."""
    for answer in (None, NotFoundError(404)):
        breaker = CircuitBreaker()
        for _ in range(9):
            breaker.record(ServerError(503))
        breaker.record(answer)
        for _ in range(9):
            breaker.record(RequestTimeoutError("slow"))
        with pytest.raises(ServiceDownError, match="10 calls in a row"):
            breaker.record(ServerError(503))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuthenticationError(401), CallStatus.NOT_SENT),
        (Interrupted(), CallStatus.NOT_SENT),
        (ServerError(500), CallStatus.LOST),
        (RequestTimeoutError("slow"), CallStatus.LOST),
        (DecodeError("odd", "$", "get_case"), CallStatus.LOST),
        (NotFoundError(404), CallStatus.REFUSED),
        (InvalidArgumentError("x", "y"), CallStatus.REFUSED),
        (ValueError("a bug"), None),
    ],
)
def test_every_error_of_a_call_has_one_meaning(error: BaseException, status: CallStatus | None) -> None:
    assert classify_error(error) is status


def test_a_create_without_an_answer_is_lost_and_not_refused() -> None:
    error = OutcomeUnknownError.__new__(OutcomeUnknownError)
    assert classify_error(error) is CallStatus.LOST


def test_the_text_of_an_error_is_the_same_for_all_cases() -> None:
    """Or a report would have a reason for each case."""
    texts = {one_line(ValueError(f"f(case_id='{n}') answered 403: no [request {n}]")) for n in range(3)}
    assert texts == {"f answered 403: no"}


def test_a_lock_on_a_file_that_was_deleted_meanwhile_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our opening the lock's file and locking it, the job before us ends and deletes it."""
    path = tmp_path / "j.db"
    real, deleted = locks.try_lock, []

    def delete_first(file: object) -> bool:
        if not deleted:
            deleted.append(True)
            path.with_name("j.db.lock").unlink()
        return real(file)  # type: ignore[arg-type]

    monkeypatch.setattr(locks, "try_lock", delete_first)
    ours = locks.Lock(path)
    with pytest.raises(JournalLockedError):
        locks.Lock(path)
    ours.release()


async def test_a_second_change_while_the_index_lags_is_seen_on_the_case_itself(tmp_path: Path) -> None:
    """Pages that show an older state settle nothing: the cases are read one by one, and nothing is done twice."""
    async with (
        Emulator(cases=12, seed=3) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        emulator.store.switches = Switches(index_lag=3_600)
        for priority in ("P1", "P5"):
            rules = all_cases(priority=priority, comment=f"now {priority}")
            result = await run_triage(session, rules, state=tmp_path / f"{priority}.db", settle=0)
            assert result.states.keys() == {State.DONE}
            assert all(case.priority == priority for case in emulator.store.tables.cases)
            assert comments(emulator, f"now {priority}") == 12
