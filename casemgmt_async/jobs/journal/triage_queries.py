"""What a triage asks its journal, by name; all queries see the operations of the selected run alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from casemgmt_async.jobs.journal.journal import Bounds, Journal
from casemgmt_async.jobs.journal.states import Operation, State
from casemgmt_async.jobs.journal.store import Statement

__all__ = [
    "OpenCase",
    "PlannedCase",
    "PlannedOperation",
    "PlannedSpan",
    "PlannedStep",
    "clear_plan",
    "count_cases_by_rule",
    "count_cases_of",
    "count_planned",
    "first_cases",
    "first_keys",
    "insert_cases",
    "insert_planned",
    "lost_creates",
    "open_cases",
    "open_operations",
    "open_subjects",
    "operations_numbered",
    "planned_changes",
    "planned_groups",
    "planned_in_span",
    "planned_of_case",
    "planned_operations",
    "proven_rules",
    "reopen",
    "results_of",
    "skip",
    "skip_after_failures",
    "skip_rule",
    "skip_unbegun",
    "subjects_begun",
    "tried_numbers",
    "unknown_creates",
    "watched_operations",
]

IN_RUN: Final = "number BETWEEN ? AND ? AND subject BETWEEN ? AND ?"
"""The operations that a journal's queries see; those of a shard have its subjects, and no numbers in a row."""
LISTED: Final = "IN (SELECT value FROM json_each(?))"
NUMBERED: Final = "IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"

CASE_COLUMNS: Final = ("number", "name", "label", "case_id", "project_id", "seen", "before", "created", "active")
PlannedCase: TypeAlias = tuple[int, str, str, str, str | None, float, int, float | None, *tuple[float, ...]]
"""Number, id of the case, label, the id again, project, when it was changed last (0: never), the number of its kind,
when it was created; where rules need it, when others were last active on it. Times are in Unix seconds."""
PlannedStep: TypeAlias = tuple[int, str, int, str, str, str]
"""Number of the subject, rule, stage, action, payload and the value before, both as JSON."""
PlannedOperation: TypeAlias = tuple[int, int, str, int, str, str, str]
"""The number of the operation, and the planned step."""


class PlannedSpan(NamedTuple):
    """Planned operations that make the same change to different cases, with numbers in a row."""

    rule: str
    action: str
    payload: str
    """What the action is given, as JSON."""
    first: int
    """The number of the first operation."""
    last: int
    """The number of the last one."""


class OpenCase(NamedTuple):
    """A case of which some operation is open."""

    case_id: str
    subject: int
    project_id: str | None
    seen: float
    """When the case had been changed last, as the plan saw it; 0 for never."""
    label: str
    """Its key and its title."""


def as_list(values: Iterable[Any]) -> str:
    """Write values as the JSON list that `IN` takes."""
    return json.dumps(list(values))


def insert_cases(rows: Sequence[PlannedCase]) -> Statement:
    """Make the statement that adds the cases of a plan, which all have a time of activity, or none has."""
    names = CASE_COLUMNS[: len(rows[0])]
    return f"INSERT INTO subjects ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows  # noqa: S608


def insert_planned(rows: Iterable[PlannedOperation]) -> Statement:
    """Make the statement that adds the operations of a plan."""
    names = "number, subject, rule, stage, action, payload, was, state"
    return f"INSERT INTO operations ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, 'planned')", rows  # noqa: S608


async def clear_plan(journal: Journal) -> None:
    """Delete the operations and cases of the selected run."""
    await journal.write(
        (f"DELETE FROM operations WHERE {IN_RUN}", [journal.bounds.operations]),  # noqa: S608
        ("DELETE FROM subjects WHERE number BETWEEN ? AND ?", [journal.bounds[:2]]),
    )


async def planned_groups(journal: Journal) -> list[tuple[str, str, str, int, int]]:
    """Count equal planned operations: rule, action, payload, stage, count."""
    return await journal.read(
        f"SELECT rule, action, payload, stage, count(*) FROM operations WHERE {IN_RUN} AND state = 'planned' "  # noqa: S608
        "GROUP BY rule, stage, payload, action ORDER BY rule, stage, payload",
        journal.bounds.operations,
    )


async def proven_rules(journal: Journal) -> set[str]:
    """Read the rules of which something is done."""
    rows = await journal.read(
        f"SELECT DISTINCT rule FROM operations WHERE {IN_RUN} AND state = 'done'",  # noqa: S608
        journal.bounds.operations,
    )
    return {rule for (rule,) in rows}


async def count_cases_of(journal: Journal, actions: Iterable[str]) -> tuple[int, int]:
    """Count the cases that get one of these actions, and their projects."""
    which = f"SELECT subject FROM operations WHERE {IN_RUN} AND state = 'planned' AND action {LISTED}"  # noqa: S608
    ((cases, projects),) = await journal.read(
        f"SELECT count(*), count(DISTINCT project_id) FROM subjects WHERE number IN ({which})",  # noqa: S608
        (*journal.bounds.operations, as_list(actions)),
    )
    return int(cases), int(projects)


async def count_cases_by_rule(journal: Journal) -> dict[str, int]:
    """Count the cases that each rule changes."""
    rows = await journal.read(
        f"SELECT rule, count(DISTINCT subject) FROM operations WHERE {IN_RUN} GROUP BY rule",  # noqa: S608
        journal.bounds.operations,
    )
    return dict(rows)


async def planned_changes(
    journal: Journal, rules: Iterable[str] | None, after: tuple[int, int], limit: int
) -> list[tuple[int, int, str, str, float | None, str, str, str, str, str]]:
    """Read what a run does to each case, case by case, from after a case and an operation on.

    Gives the number of the case and of the operation, the case's id, its label, when it was created, rule, action,
    payload, the value before and the state.
    """
    which = "" if rules is None else f"AND o.rule {LISTED}"
    return await journal.read(
        "SELECT o.subject, o.number, s.case_id, s.label, s.created, o.rule, o.action, o.payload, o.was, o.state "  # noqa: S608
        f"FROM operations o JOIN subjects s ON s.number = o.subject WHERE o.number BETWEEN ? AND ? {which} "
        "AND (o.subject, o.number) > (?, ?) ORDER BY o.subject, o.number LIMIT ?",
        (*journal.bounds[2:], *(() if rules is None else (as_list(rules),)), *after, limit),
    )


async def reopen(
    journal: Journal, *, repeatable: Iterable[str], blocked: str, unknown: bool, rejected: bool, stopped: str
) -> None:
    """Plan again what may be tried again.

    Changes that can be repeated and whose outcome is unknown; what was skipped for the reason `blocked`; with
    `unknown`, what made a new thing and is to be looked for once more; with `rejected`, what the service refused
    and what was skipped because its rule was stopped.
    """
    inside = journal.bounds.operations
    again = (
        f"UPDATE operations SET state = 'planned' WHERE {IN_RUN} AND "  # noqa: S608
        f"(state = 'unknown' AND action {LISTED} OR state = 'skipped' AND error = ?)"
    )
    statements: list[Statement] = [(again, [(*inside, as_list(repeatable), blocked)])]
    if unknown:
        sql = f"UPDATE operations SET state = 'sending' WHERE {IN_RUN} AND state = 'unknown'"  # noqa: S608
        statements.append((sql, [inside]))
    if rejected:
        sql = (
            f"UPDATE operations SET state = 'planned' WHERE {IN_RUN} AND "  # noqa: S608
            "(state = 'rejected' OR state = 'skipped' AND error LIKE ? || '%')"
        )
        statements.append((sql, [(*inside, stopped)]))
    await journal.write(*statements)


async def open_cases(journal: Journal, *, all_open: bool) -> list[OpenCase]:
    """Read the cases of which an operation is planned or was cut off; with `all_open`, that holds for every case."""
    which = f"SELECT subject FROM operations WHERE {IN_RUN} AND state IN ('planned', 'sending')"  # noqa: S608
    inside = "" if all_open else f"AND number IN ({which})"
    rows = await journal.read(
        "SELECT name, number, project_id, seen, label FROM subjects "  # noqa: S608
        f"WHERE number BETWEEN ? AND ? {inside} ORDER BY number",
        (*journal.bounds[:2], *(() if all_open else journal.bounds.operations)),
    )
    return list(map(OpenCase._make, rows))


async def first_keys(journal: Journal, limit: int) -> list[str]:
    """Read the keys of the first cases of a run, in order."""
    sql = "SELECT label FROM subjects WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?"
    rows = await journal.read(sql, (*journal.bounds[:2], limit))
    return [label.partition(" ")[0] for (label,) in rows]


async def open_subjects(journal: Journal, left_out: Iterable[str]) -> list[tuple[int, int]]:
    """Read the cases of which an operation is open, in order: subject, and how many are open.

    Operations of the actions `left_out` do not count.
    """
    rows = await journal.read(
        f"SELECT subject, count(*) FROM operations WHERE {IN_RUN} AND state IN ('planned', 'sending') "  # noqa: S608
        f"AND NOT action {LISTED} GROUP BY subject ORDER BY subject",
        (*journal.bounds.operations, as_list(left_out)),
    )
    return [(subject, count) for subject, count in rows]


async def subjects_begun(journal: Journal) -> set[int]:
    """Read the cases of which an operation was sent before."""
    rows = await journal.read(
        f"SELECT DISTINCT subject FROM operations WHERE {IN_RUN} AND sent_at > 0",  # noqa: S608
        journal.bounds.operations,
    )
    return {subject for (subject,) in rows}


async def watched_operations(journal: Journal, repeatable: Iterable[str], replacing: Iterable[str]) -> list[Operation]:
    """Read the operations for which a case has to be read.

    Those that were cut off and can be repeated, and the planned ones that replace more than the rule names.
    """
    return await journal.operations(
        f"o.state = 'sending' AND o.action {LISTED} OR o.state = 'planned' AND o.action {LISTED}",
        (as_list(repeatable), as_list(replacing)),
    )


async def lost_creates(journal: Journal, repeatable: Iterable[str]) -> list[Operation]:
    """Read the operations that make a new thing and whose answers were lost."""
    return await journal.operations(f"o.state = 'sending' AND NOT o.action {LISTED}", (as_list(repeatable),))


async def count_planned(journal: Journal) -> Mapping[str, int]:
    """Count the planned operations by action."""
    rows = await journal.read(
        f"SELECT action, count(*) FROM operations WHERE {IN_RUN} AND state = 'planned' GROUP BY 1",  # noqa: S608
        journal.bounds.operations,
    )
    return dict(rows)


async def planned_operations(journal: Journal, action: str) -> list[Operation]:
    """Read the planned operations of an action."""
    return await journal.operations("o.state = 'planned' AND o.action = ?", (action,))


async def planned_in_span(journal: Journal, span: PlannedSpan) -> list[tuple[int, int]]:
    """Read which operations of a span are planned still: subject, number."""
    inside = "number BETWEEN ? AND ? AND subject BETWEEN ? AND ? AND state = 'planned' ORDER BY number"
    ((subjects, numbers),) = await journal.read(  # two texts, since a row for each operation costs far more
        "SELECT CAST(json_group_array(subject) AS TEXT), CAST(json_group_array(number) AS TEXT) "  # noqa: S608
        f"FROM (SELECT subject, number FROM operations WHERE {inside}) AS o",
        (span.first, span.last, *journal.bounds[:2]),
    )
    return list(zip(json.loads(subjects or "[]"), json.loads(numbers or "[]"), strict=True))


async def planned_of_case(journal: Journal, subject: int) -> list[Operation]:
    """Read what is planned for a case."""
    return await journal.operations("o.state = 'planned' AND o.subject = ?", (subject,))


async def operations_numbered(journal: Journal, numbers: Iterable[int]) -> list[Operation]:
    """Read the operations with these numbers."""
    return await journal.operations(f"o.number {NUMBERED}", (as_list(numbers),))


async def open_operations(journal: Journal, subjects: Iterable[int], state: State) -> list[tuple[int, int]]:
    """Read number and subject of what is in a state for these cases."""
    return await journal.read(
        f"SELECT number, subject FROM operations WHERE {IN_RUN} AND state = ? AND subject {NUMBERED}",  # noqa: S608
        (*journal.bounds.operations, state.value, as_list(subjects)),
    )


async def tried_numbers(journal: Journal, action: str) -> list[int]:
    """Read the planned operations of an action that were sent before."""
    rows = await journal.read(
        f"SELECT number FROM operations WHERE {IN_RUN} "  # noqa: S608
        "AND state = 'planned' AND action = ? AND sent_at > 0",
        (*journal.bounds.operations, action),
    )
    return [number for (number,) in rows]


async def results_of(journal: Journal, subject: int, action: str) -> set[str]:
    """Read the ids of what an action has made for a case."""
    rows = await journal.read(
        "SELECT result FROM operations WHERE subject = ? AND action = ? AND state = 'done'", (subject, action)
    )
    return {str(result) for (result,) in rows}


async def first_cases(journal: Journal, rules: Iterable[str]) -> dict[str, list[int]]:
    """Read, for each of these rules, its cases in order, three at most, by subject."""
    rows = await journal.read(
        "SELECT rule, subject FROM (SELECT rule, subject, row_number() OVER (PARTITION BY rule ORDER BY subject) AS n "  # noqa: S608
        f"FROM (SELECT DISTINCT rule, subject FROM operations WHERE {IN_RUN} AND state = 'planned' AND rule {LISTED}) "
        "AS p) AS q WHERE n <= 3 ORDER BY rule, subject",
        (*journal.bounds.operations, as_list(rules)),
    )
    found: dict[str, list[int]] = {}
    for rule, subject in rows:
        found.setdefault(rule, []).append(subject)
    return found


async def skip(journal: Journal, subjects: Sequence[int], reason: str) -> None:
    """Skip what is planned for these cases."""
    which = f"{IN_RUN} AND state = 'planned' AND subject {NUMBERED}"
    sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {which}"  # noqa: S608
    await journal.write((sql, [(reason, *journal.bounds.operations, as_list(subjects))]))


async def skip_rule(journal: Journal, rule: str, reason: str) -> None:
    """Skip what is planned by a rule."""
    sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {IN_RUN} AND state = 'planned' AND rule = ?"  # noqa: S608
    await journal.write((sql, [(reason, *journal.bounds.operations, rule)]))


async def skip_unbegun(journal: Journal, reason: str) -> None:
    """Skip what is planned for the cases of which nothing was sent yet."""
    begun = f"SELECT subject FROM operations WHERE {IN_RUN} AND sent_at > 0"  # noqa: S608
    sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {IN_RUN} AND state = 'planned' AND subject NOT IN ({begun})"  # noqa: S608, E501
    await journal.write((sql, [(reason, *journal.bounds.operations, *journal.bounds.operations)]))


async def skip_after_failures(journal: Journal, action: str, reason: str) -> None:
    """Skip what is planned of an action for cases of which an earlier operation failed."""
    failed = f"SELECT subject FROM operations WHERE {IN_RUN} AND state IN ('rejected', 'unknown')"  # noqa: S608
    sql = (
        f"UPDATE operations SET state = 'skipped', error = ? WHERE {IN_RUN} AND state = 'planned' "  # noqa: S608
        f"AND action = ? AND subject IN ({failed})"
    )
    await journal.write((sql, [(reason, *journal.bounds.operations, action, *journal.bounds.operations)]))


async def unknown_creates(journal: Journal, repeatable: Iterable[str]) -> list[Operation]:
    """Read the creating operations of all runs whose outcome is unknown."""
    bounds, journal.bounds = journal.bounds, Bounds()
    try:
        return await journal.operations(f"o.state = 'unknown' AND NOT o.action {LISTED}", (as_list(repeatable),))
    finally:
        journal.bounds = bounds
