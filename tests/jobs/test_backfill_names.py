"""Rows name projects, types, statuses and people; each name is looked up once, and what is ambiguous is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import (
    AmbiguousNameError,
    CaseSession,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnknownNameError,
    case_types,
)
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import BackfillResult, JobControl, backfill_cases, preview_backfill

ADA = "ada.marsh@example.com"


@pytest.fixture
def run(session: CaseSession, tmp_path: Path, control: Callable[..., JobControl]) -> Callable[..., Any]:
    """Run a backfill of some rows."""

    async def go(*rows: dict[str, Any], **options: Any) -> BackfillResult:
        given = [{"key": f"K-{number}", "title": f"row {number}", **row} for number, row in enumerate(rows)]
        where = {"job": "names", "journal": tmp_path / "names.db", "rejects": tmp_path / "bad.jsonl"} | options
        where = {"project": "SEC", "type": "Standard", "control": control()} | where
        return await backfill_cases(session, given, **where)

    return go


def cases(emulator: Emulator) -> list[Any]:
    """The cases that rows became, by title."""
    return sorted(
        (case for case in emulator.store.tables.cases if case.title.startswith("row ")), key=lambda c: c.title
    )


def asked(emulator: Emulator) -> Counter[str | None]:
    """How often each operation was called."""
    return Counter(entry.route for entry in emulator.log)


async def test_names_become_ids_and_each_is_asked_for_once(emulator: Emulator, run: Callable[..., Any]) -> None:
    """Keys and names of projects, names of types, statuses and people, whatever the case of their letters."""
    row = {"assignee": ADA.upper(), "status": "in progress"}
    result = await run(*[row] * 5, {"project": "operations", "type": "change request", "status": "Pending approval"})
    assert result.succeeded
    *same, other = cases(emulator)
    assert {case.status for case in same} == {"IN_PROGRESS"}
    assert {emulator.store.users[case.assignee].email for case in same} == {ADA}
    assert {case.key.partition("-")[0] for case in same} == {"SEC"}
    assert other.key.startswith("OPS-")
    assert other.type_id == "00000000-0000-0000-0000-000000000004"
    calls = asked(emulator)
    assert (calls["list_users"], calls["get_projects"], calls["get_all_case_types"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"project": "NOPE"}, "no project has the key, name or id 'NOPE'"),
        ({"type": "Standart"}, "no case type has the name or id 'Standart'; did you mean Standard (id 00000000-"),
        (
            {"status": "Done"},
            "status 'Done' is none that the case type Standard has; allowed: Open, In Progress, ",
        ),
        ({"assignee": "nobody@example.com"}, "no user has the e-mail address, handle or id 'nobody@example.com'"),
    ],
)
async def test_an_unknown_name_rejects_its_row(run: Callable[..., Any], row: dict[str, str], reason: str) -> None:
    """The reason lists what there is; other rows go on."""
    result = await run(row, {})
    assert (result.created, result.bad_rows) == (1, 1)
    (said,) = result.reasons
    assert said.startswith(reason)


@pytest.mark.parametrize("choice", ["leave", "me"])
async def test_an_unknown_assignee_is_left_out_or_replaced_on_request(
    emulator: Emulator, run: Callable[..., Any], choice: str
) -> None:
    """`leave` counts who is not known, `me` assigns whoever runs the import."""
    result = await run({"assignee": "gone@example.com"}, {"assignee": "me"}, on_unknown_user=choice)
    gone, mine = cases(emulator)
    assert mine.assignee == emulator.store.me
    assert gone.assignee == (None if choice == "leave" else emulator.store.me)
    assert result.unassigned == ({"gone@example.com": 1} if choice == "leave" else {})


@pytest.mark.parametrize("status", [403, 404])
async def test_a_type_given_by_its_id_needs_no_list_of_types(
    emulator: Emulator, run: Callable[..., Any], tmp_path: Path, status: int
) -> None:
    """Where the list is refused, the service itself says whether it allows the status; a name needs the list."""
    emulator.set_faults(f"get_all_case_types: status={status}")
    result = await run({"status": "Closed", "type": "00000000-0000-0000-0000-000000000001"})
    assert result.succeeded
    assert [case.status for case in cases(emulator)] == ["CLOSED"]
    with pytest.raises((PermissionDeniedError, NotFoundError)):
        await run({"type": "Standard"}, journal=tmp_path / "other.db", job="other")


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        (
            {"project": "SECX"},
            UnknownNameError,
            "no project has the key, name or id 'SECX'; did you mean SEC: Security",
        ),
        ({"type": "Standart"}, UnknownNameError, "no case type has the name or id 'Standart'; did you mean Standard"),
        ({"type": "Twin"}, AmbiguousNameError, "2 case types have the name 'Twin'"),
        ({"project": " "}, InvalidArgumentError, "project: must not be empty"),
        ({"type": ""}, InvalidArgumentError, "type: must not be empty"),
    ],
)
async def test_a_mistake_in_what_stands_for_all_rows_is_one_error(
    emulator: Emulator,
    session: CaseSession,
    run: Callable[..., Any],
    tmp_path: Path,
    given: dict[str, str],
    error: type[Exception],
    reason: str,
) -> None:
    """It does not reject every row of a large file one by one, in the preview neither."""
    for _ in range(2):
        await case_types.create_case_type(session, name="Twin")
    with pytest.raises(error, match=re.escape(reason)):
        await run({}, {}, **given)
    assert not (tmp_path / "bad.jsonl").exists()
    where = {"project": "SEC", "type": "Standard", "job": "names"} | given
    with pytest.raises(error):
        await preview_backfill(session, [{"key": "A", "title": "row a"}], **where)
    assert not cases(emulator)


async def test_a_row_without_a_project_says_where_to_name_one(run: Callable[..., Any]) -> None:
    """The reason names the option of the command and the argument of the function."""
    result = await run({}, project=None)
    assert list(result.reasons) == ["project is missing: neither the row nor --project (project=) names one"]
