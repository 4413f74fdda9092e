"""The rules files in `examples/rules/` do what they say, and have nothing left to do right afterwards."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import JobControl, load_rules, plan_triage, run_triage

FOLDER = Path(__file__).parents[2] / "examples" / "rules"
NOW = 1_780_000_000.0
DAY = 86_400.0


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(cases=60, seed=11, clock=NOW) as running:
        for case in running.store.tables.cases:
            case.modified_by = list(running.store.users)[3] if case.modified_at else None
        yield running


def age(nanoseconds: int) -> float:
    """How many days ago something was."""
    return (NOW - nanoseconds / 1e9) / DAY


def is_open(case: Any) -> bool:
    return bool(case.closed_at is None)


def said(emulator: Emulator, case: Any) -> list[str]:
    """What the triage has said on a case; the clock stands still, so its comments are the ones of now."""
    cells = (emulator.store.tables.cells[each] for each in case.comments)
    return [cell.message for cell in cells if cell.author == emulator.store.me and age(cell.created_at) < 0.01]


def user(emulator: Emulator, name: str) -> str:
    return str(emulator.store.user_named(name).id)


def on_call(emulator: Emulator, team: str) -> str:
    return next(each.on_call[0] for each in emulator.store.tables.teams.values() if each.handle == team)


def nothing(emulator: Emulator) -> None:
    """Leave the cases as they are."""


def check_stale(emulator: Emulator, before: dict[str, Any]) -> int:
    count = 0
    for case in emulator.store.tables.cases:
        old = before[case.id]
        idle = age(old.modified_at or old.created_at) > 30
        warned = is_open(old) and idle and old.priority not in ("P1", "P2")
        assert bool(case.attributes.get("stale")) is warned, case.key
        assert len(said(emulator, case)) == warned
        count += warned
    return count


def check_escalation(emulator: Emulator, before: dict[str, Any]) -> int:
    raised = {"P2": (45, "P1"), "P3": (30, "P2")}
    count = 0
    for case in emulator.store.tables.cases:
        old = before[case.id]
        days, after = raised.get(old.priority, (0, old.priority))
        due = old.status == "OPEN" and days > 0 and age(old.created_at) > days
        assert case.priority == (after if due else old.priority), case.key
        asked = old.status == "OPEN" and old.priority == "P4" and age(old.created_at) > 60 and old.assignee is not None
        assert len(said(emulator, case)) == due + asked
        count += due + asked
    return count


def check_routing(emulator: Emulator, before: dict[str, Any]) -> int:
    security = emulator.store.project_named("SEC")["id"]
    teams = {"checkout": "payments", "billing": "payments", "web-store": "frontend", "auth": "security"}
    count = 0
    for case in emulator.store.tables.cases:
        old = before[case.id]
        team = teams.get(old.attributes["service"][0]) if old.status == "OPEN" else None
        assert case.attributes["team"] == ([team] if team else old.attributes["team"]), case.key
        moved = old.status == "OPEN" and old.attributes["service"] == ["auth"]
        assert case.project_id == (security if moved else old.project_id)
        count += team is not None
    return count


def check_on_call(emulator: Emulator, before: dict[str, Any]) -> int:
    count = 0
    for case in emulator.store.tables.cases:
        old = before[case.id]
        due = old.status == "OPEN" and old.priority == "P1" and old.assignee is None
        assert case.assignee == (on_call(emulator, "platform") if due else old.assignee)
        assert len(said(emulator, case)) == due
        assert (case.due_date == "2026-05-29") is due
        count += due
    return count


def stage_urgent(emulator: Emulator) -> None:
    for case in emulator.store.tables.cases[:4]:
        emulator.store.cases.touch(case.id, priority="P1", assignee=None, status="OPEN")


def stage_duplicates(emulator: Emulator) -> None:
    first, *others = emulator.store.tables.cases[:5]
    for case in others:
        emulator.store.cases.touch(case.id, status="OPEN", attributes={**case.attributes, "duplicate_of": [first.key]})


def check_duplicates(emulator: Emulator, before: dict[str, Any]) -> int:
    first, *others = emulator.store.tables.cases[:5]
    links = [each["attributes"] for each in emulator.store.tables.links.values()]
    ours = {each["parent_entity_id"] for each in links if each["child_entity_id"] == first.id}
    assert {case.id for case in others} <= ours
    assert all(case.status == "CLOSED" for case in others)
    assert all(said(emulator, case) == [f"Closed as a duplicate of {first.key}."] for case in others)
    return len(others)


def stage_due_dates(emulator: Emulator) -> None:
    for case, day in zip(emulator.store.tables.cases, ("2026-05-20", "2026-05-29", "2026-07-01"), strict=False):
        emulator.store.cases.touch(case.id, status="OPEN", due_date=day)


def check_due_dates(emulator: Emulator, before: dict[str, Any]) -> int:
    overdue, soon, later, *others = emulator.store.tables.cases
    assert said(emulator, overdue)[0].endswith("this was due on 2026-05-20.")
    assert said(emulator, soon)[0].endswith("this is due on 2026-05-29.")
    assert not said(emulator, later)
    assert not any(said(emulator, case) for case in others)
    return 2


def stage_housekeeping(emulator: Emulator) -> None:
    case = next(case for case in emulator.store.tables.cases if case.status == "CLOSED" and age(case.closed_at) < 50)
    emulator.store.cases.touch(case.id, attributes={**case.attributes, "stale": ["x"]})


def check_housekeeping(emulator: Emulator, before: dict[str, Any]) -> int:
    count = 0
    for case in emulator.store.tables.cases:
        old = before[case.id]
        default = old.priority == "NOT_DEFINED" and old.status == "OPEN" and age(old.created_at) > 1
        old_enough = old.closed_at is not None and age(old.closed_at) > 60
        assert (case.archived_at is not None) is (old_enough or old.archived_at is not None), case.key
        assert case.priority == ("P4" if default else old.priority)
        assert old_enough or "stale" not in case.attributes
        count += default + old_enough
    return count


def check_hand_over(emulator: Emulator, before: dict[str, Any]) -> int:
    operations, web = (emulator.store.project_named(key)["id"] for key in ("OPS", "WEB"))
    count = 0
    for case in emulator.store.tables.cases:
        old = before[case.id]
        moved = old.project_id == operations and is_open(old) and old.attributes["service"] == ["search"]
        assert case.project_id == (web if moved else old.project_id)
        assert len(said(emulator, case)) == moved
        count += moved
    return count


def stage_hand_over(emulator: Emulator) -> None:
    project = emulator.store.project_named("OPS")["id"]
    chosen = [case for case in emulator.store.tables.cases if case.project_id == project][:3]
    for case in chosen:
        emulator.store.cases.touch(case.id, status="OPEN", attributes={**case.attributes, "service": ["search"]})


def stage_security(emulator: Emulator) -> None:
    for case in emulator.store.tables.cases[:3]:
        attributes = {**case.attributes, "env": ["prod"]}
        title = "Suspicious Login from afar"
        emulator.store.cases.touch(
            case.id, status="OPEN", title=title, priority="P4", assignee=None, attributes=attributes
        )


def check_security(emulator: Emulator, before: dict[str, Any]) -> int:
    for case in emulator.store.tables.cases[:3]:
        assert (case.priority, case.assignee) == ("P2", on_call(emulator, "security"))
        assert case.due_date == "2026-05-30"
    watched = [entry for entry in emulator.log if entry.route == "watch_case"]
    assert {entry.path.rpartition("/")[2] for entry in watched} == {user(emulator, "jun.tanaka@example.com")}
    return 3


def check_round_robin(emulator: Emulator, before: dict[str, Any]) -> int:
    people = {user(emulator, f"{name}@example.com") for name in ("ada.marsh", "ben.okafor", "chiara.lind")}
    given = [
        case.assignee
        for case in emulator.store.tables.cases
        if before[case.id].assignee is None and before[case.id].status == "OPEN"
    ]
    assert set(given) == people, "all three get some"
    return len(given)


def stage_waiting(emulator: Emulator) -> None:
    """Two cases that wait: one for eight days, one for fifty, by somebody else's last change."""
    for case, days in zip(emulator.store.tables.cases[:2], (8, 50), strict=True):
        emulator.store.cases.touch(case.id, status="IN_PROGRESS", attributes={**case.attributes, "waiting_for": ["X"]})
        case.modified_at, case.modified_by = int((NOW - days * DAY) * 1e9), list(emulator.store.users)[3]


def check_waiting(emulator: Emulator, before: dict[str, Any]) -> int:
    asked, closed = emulator.store.tables.cases[:2]
    assert said(emulator, asked)[0].endswith("is there news from X?")
    assert (asked.status, closed.status) == ("IN_PROGRESS", "CLOSED")
    assert said(emulator, closed) == ["Closed: no answer from X for 50d."]
    return 2


def stage_costs(emulator: Emulator) -> None:
    for case, cost in zip(emulator.store.tables.cases[:3], (4_999.0, 5_000.0, 9_000.0), strict=True):
        value = {"type": "NUMBER", "is_multi": False, "value": cost}
        emulator.store.cases.touch(case.id, status="OPEN", custom_attributes={"cost": value})


def check_costs(emulator: Emulator, before: dict[str, Any]) -> int:
    cheap, *dear = emulator.store.tables.cases[:3]
    assert not said(emulator, cheap)
    assert [said(emulator, case) for case in dear] == [["This costs 5000.0 a month."], ["This costs 9000.0 a month."]]
    assert all(case.attributes["triage"][0].startswith("expensive@2026-05-28T") for case in dear)
    return len(dear)


Stage = Callable[[Emulator], None]
Check = Callable[[Emulator, dict[str, Any]], int]
EXAMPLES: dict[str, tuple[Stage, Check]] = {
    "costs": (stage_costs, check_costs),
    "due-dates": (stage_due_dates, check_due_dates),
    "duplicates": (stage_duplicates, check_duplicates),
    "escalation": (nothing, check_escalation),
    "hand-over": (stage_hand_over, check_hand_over),
    "housekeeping": (stage_housekeeping, check_housekeeping),
    "on-call": (stage_urgent, check_on_call),
    "round-robin": (nothing, check_round_robin),
    "routing": (nothing, check_routing),
    "security": (stage_security, check_security),
    "stale": (nothing, check_stale),
    "waiting": (stage_waiting, check_waiting),
}


def test_every_example_is_tested() -> None:
    assert {file.stem for file in FOLDER.glob("*.toml")} == EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_does_what_it_says(name: str, emulator: Emulator, tmp_path: Path) -> None:
    """Exactly the cases that it is about are changed, and soon there is nothing left to do."""
    stage, check = EXAMPLES[name]
    stage(emulator)
    before = {case.id: copy.copy(case) for case in emulator.store.tables.cases}
    state, rules = tmp_path / "state.db", load_rules(FOLDER / f"{name}.toml")
    async with CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session:
        result = await run_triage(session, rules, state=state, control=JobControl(clock=emulator.clock))
        assert result.succeeded, result.states
        assert check(emulator, before) > 0
        await run_triage(
            session, rules, state=state, control=JobControl(clock=emulator.clock)
        )  # the ladder's next step
        again = await plan_triage(session, rules, state=state, control=JobControl(clock=emulator.clock))
    assert again.operations == 0, again.rows
