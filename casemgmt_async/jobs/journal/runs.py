"""The runs of a triage in its state file, and what the triage remembers from run to run."""

from __future__ import annotations

import enum
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from attrs import define, field

from casemgmt_async.jobs.journal.journal import LAST, Bounds, Journal, ranges
from casemgmt_async.jobs.journal.states import State
from casemgmt_async.jobs.journal.store import Statement

__all__ = [
    "LastActivity",
    "Remembered",
    "Run",
    "RunState",
    "begin_run",
    "drop_unfinished_plan",
    "keep_activity",
    "keep_unfinished",
    "list_runs",
    "note_activity",
    "prune_runs",
    "read_activity",
    "read_doubts",
    "read_memory",
    "read_remembered",
    "read_runs",
    "read_unfinished",
    "remember_done",
    "replace_plan",
    "select_run",
    "take_into_memory",
    "update_run",
]


class RunState(enum.StrEnum):
    """How far a run of a triage has come."""

    PLANNING = "planning"
    """It reads the cases and decides; nothing was changed."""
    PLANNED = "planned"
    """The plan is written down and not applied."""
    APPLYING = "applying"
    """It changes cases, or was broken off while it did."""
    ENDED = "ended"
    """It did all it could."""
    REPLACED = "replaced"
    """A later plan has taken its place."""


@define(kw_only=True)
class Run:
    """One run of a triage."""

    number: int
    """Its number in the state file, from 1."""
    state: RunState
    """How far it has come."""
    begun: float
    """When its plan was begun, in Unix seconds."""
    ended: float | None = None
    """When it ended."""
    digest: str | None = None
    """Identifies the rules that it was planned by; None for rules that are Python functions."""
    facts: dict[str, Any] = field(factory=dict)
    """What the plan has found: cases read, the estimate, warnings."""
    states: Mapping[State, int] = field(factory=dict)
    """Its operations by state, once they were counted and as long as nothing is changed."""
    first_subject: int = field(default=0, repr=False)
    first_operation: int = field(default=0, repr=False)


class Remembered(NamedTuple):
    """That a rule was done to a case."""

    done_at: float
    """When the run was begun that did it, in Unix seconds."""
    active_at: float | None = None
    """When others had last been active on the case, as the rule saw it."""
    unfinished: frozenset[str] = frozenset()
    """The actions of the rule that were not done."""


class LastActivity(NamedTuple):
    """When a case that this triage changed was last active."""

    active_at: float
    """When somebody else last changed the case, in Unix seconds."""
    changed_at: float
    """When this triage last changed it."""


COLUMNS: Final = "number, state, begun, ended, digest, facts, first_subject, first_operation"


def run_of(row: Sequence[Any]) -> Run:
    """Make a run of its row."""
    number, state, begun, ended, digest, facts, subject, operation = row
    return Run(
        number=number,
        state=RunState(state),
        begun=begun,
        ended=ended,
        digest=digest,
        facts=json.loads(facts),
        first_subject=subject,
        first_operation=operation,
    )


async def begin_run(journal: Journal, digest: str | None, begun: float) -> Run:
    """Begin a run, and let the journal's queries see it alone; a plan that was begun and not finished goes."""
    await drop_unfinished_plan(journal)
    (counted,) = await journal.read(
        "SELECT (SELECT coalesce(max(number), 0) FROM runs), (SELECT coalesce(max(number), 0) + 1 FROM subjects), "
        "(SELECT coalesce(max(first_subject), 1) FROM runs), (SELECT coalesce(max(number), 0) + 1 FROM operations), "
        "(SELECT coalesce(max(first_operation), 1) FROM runs)"
    )
    number, subject, operation = counted[0] + 1, max(counted[1:3]), max(counted[3:5])
    run = Run(
        number=number,
        state=RunState.PLANNING,
        begun=begun,
        digest=digest,
        first_subject=subject,
        first_operation=operation,
    )
    row = (number, run.state, run.begun, None, digest, "{}", subject, operation)
    await journal.write(
        (f"INSERT INTO runs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [row])  # noqa: S608
    )
    journal.bounds = Bounds(subject, LAST, operation, LAST)
    return run


async def drop_unfinished_plan(journal: Journal) -> None:
    """Delete a plan that was begun and not finished."""
    first = "coalesce((SELECT min({}) FROM runs WHERE state = 'planning'), {})"
    await journal.write(
        (f"DELETE FROM operations WHERE number >= {first.format('first_operation', LAST)}", [()]),  # noqa: S608
        (f"DELETE FROM subjects WHERE number >= {first.format('first_subject', LAST)}", [()]),  # noqa: S608
        ("DELETE FROM runs WHERE state = 'planning'", [()]),
    )


async def select_run(journal: Journal, number: int | None = None) -> Run | None:
    """Let the journal's queries see one run alone: the last, or the one with the number; None if there is none.

    The last run is the last one with a whole plan, if there is one: a plan that is being made, or whose making was
    killed, cannot be shown or applied.
    """
    last_whole = "coalesce((SELECT max(number) FROM runs WHERE state <> 'planning'), (SELECT max(number) FROM runs))"
    rows = await journal.read(
        f"SELECT {COLUMNS} FROM runs WHERE number >= {last_whole if number is None else '?'} "  # noqa: S608
        "ORDER BY number LIMIT 2",
        () if number is None else (number,),
    )
    if not rows or number not in (None, rows[0][0]):
        return None
    run = run_of(rows[0])
    last_subject, last = (rows[1][6] - 1, rows[1][7] - 1) if len(rows) > 1 else (LAST, LAST)
    journal.bounds = Bounds(run.first_subject, last_subject, run.first_operation, last)
    return run


async def read_runs(journal: Journal) -> list[Run]:
    """Read all runs, the oldest first."""
    return [run_of(row) for row in await journal.read(f"SELECT {COLUMNS} FROM runs ORDER BY number")]  # noqa: S608


async def read_unfinished(journal: Journal) -> list[Run]:
    """Read the runs that are being applied, or were broken off while they were, the oldest first."""
    sql = f"SELECT {COLUMNS} FROM runs WHERE state = 'applying' ORDER BY number"  # noqa: S608
    return [run_of(row) for row in await journal.read(sql)]


async def list_runs(journal: Journal) -> list[Run]:
    """Read all runs, the oldest first, with their operations by state."""
    runs = await read_runs(journal)
    counted: dict[int, Counter[State]] = defaultdict(Counter)
    for number, state, count in await journal.read(
        "SELECT (SELECT max(number) FROM runs WHERE first_operation <= o.number) AS run, state, count(*) "
        "FROM operations o GROUP BY run, state"
    ):
        counted[number][State(state)] = count
    for run in runs:
        run.states = counted[run.number]
    return runs


async def update_run(journal: Journal, run: Run, state: RunState | None = None, *more: Statement, **facts: Any) -> None:
    """Store the state of a run and facts about it, in one transaction with `more`."""
    run.state = state or run.state
    if run.state in (RunState.ENDED, RunState.REPLACED):
        run.ended = journal.clock()
    run.facts |= facts
    sql = "UPDATE runs SET state = ?, ended = ?, facts = ? WHERE number = ?"
    await journal.write((sql, [(run.state, run.ended, json.dumps(run.facts), run.number)]), *more)


def replace_plan(journal: Journal, number: int) -> Statement:
    """Make the statement that replaces a plan that was never applied, for the transaction that keeps the next one."""
    sql = "UPDATE runs SET state = ?, ended = ? WHERE number = ?"
    return sql, [(RunState.REPLACED, journal.clock(), number)]


async def prune_runs(journal: Journal, keep: int) -> int:
    """Delete all but the last `keep` runs with their operations; returns how many runs were deleted.

    Memory stays, and so does every operation whose outcome is unknown. A run that is not finished stays as well, with
    all later ones: its changes in flight have to be looked for.
    """
    runs = await read_runs(journal)
    gone = list(itertools.takewhile(lambda run: run.state is not RunState.APPLYING, runs[:-keep]))
    if not gone:
        return 0
    following = runs[len(gone)]
    unknown = "SELECT subject FROM operations WHERE state = 'unknown'"
    await journal.write(
        ("DELETE FROM operations WHERE number < ? AND state <> 'unknown'", [(following.first_operation,)]),
        (
            f"DELETE FROM subjects WHERE number < ? AND number NOT IN ({unknown})",  # noqa: S608
            [(following.first_subject,)],
        ),
        ("DELETE FROM items WHERE kind = 'wait' AND place < ?", [(f"{following.begun:.3f}",)]),
        ("DELETE FROM runs WHERE number < ?", [(following.number,)]),
    )
    return len(gone)


REMEMBER: Final = (
    "INSERT INTO memory (case_id, rule, done_at, active_at) SELECT DISTINCT s.case_id, o.rule, ?, s.active "
    "FROM operations o JOIN subjects s ON s.number = o.subject WHERE o.number BETWEEN ? AND ? "
    "AND o.rule IN (SELECT value FROM json_each(?)) {} ON CONFLICT (case_id, rule) DO UPDATE "
    "SET done_at = excluded.done_at, active_at = excluded.active_at, unfinished = NULL {}"
)


def remember_done(rules: Iterable[str], done_at: float, numbers: Collection[int]) -> Statement:
    """Make the statement that remembers which rules were done to which cases.

    `rules` are those that are remembered, `numbers` the operations that are done, `done_at` is in Unix seconds.
    """
    names = json.dumps(list(rules))
    return REMEMBER.format("", ""), [(done_at, first, last, names) for first, last in ranges(numbers)]


async def take_into_memory(journal: Journal, rules: Collection[str]) -> None:
    """Remember what earlier runs have done by rules that were not remembered when those runs were planned.

    So a rule that gets `once` or `every` counts what it has done before, as far as the runs are still kept.
    """
    for run in await read_runs(journal):
        new = set(rules) & set(run.facts.get("rules", ())) - set(run.facts.get("remembered", ()))
        if not new or await select_run(journal, run.number) is None:
            continue
        names, bounds = json.dumps(sorted(new)), journal.bounds
        done_at = run.facts.get("applied", run.begun)
        sql = REMEMBER.format("AND o.state = 'done'", "WHERE excluded.done_at >= memory.done_at")
        done = sql, [(done_at, bounds.first, bounds.last, names)]
        remembered = sorted({*run.facts.get("remembered", ()), *new})
        await update_run(journal, run, None, done, remembered=remembered)
        await keep_unfinished(journal, new, done_at=done_at)


def note_activity(now: float, numbers: Collection[int]) -> Statement:
    """Make the statement that keeps when cases were last active before our change, and when we changed them."""
    sql = (
        "INSERT INTO activity (case_id, active_at, changed_at) SELECT case_id, active, ? FROM subjects "
        "WHERE number IN (SELECT subject FROM operations WHERE number BETWEEN ? AND ?) AND active IS NOT NULL "
        "ON CONFLICT (case_id) DO UPDATE SET active_at = excluded.active_at, changed_at = excluded.changed_at"
    )
    return sql, [(now, first, last) for first, last in ranges(numbers)]


async def read_memory(journal: Journal) -> dict[tuple[str, str], Remembered]:
    """Read which rules were done to which cases, by case and rule."""
    rows = await journal.read("SELECT case_id, rule, done_at, active_at, unfinished FROM memory")
    return {
        (case_id, rule): Remembered(done_at, active_at, frozenset(json.loads(unfinished or "[]")))
        for case_id, rule, done_at, active_at, unfinished in rows
    }


async def read_remembered(journal: Journal) -> list[str]:
    """Read the names of the rules that were remembered when changes were last made."""
    sql = "SELECT facts FROM runs WHERE state IN ('applying', 'ended') ORDER BY number DESC LIMIT 1"
    return [name for (facts,) in await journal.read(sql) for name in json.loads(facts).get("remembered", ())]


async def read_activity(journal: Journal) -> dict[str, LastActivity]:
    """Read when the cases that this triage changed were last active, by id."""
    rows = await journal.read("SELECT case_id, active_at, changed_at FROM activity")
    return {case_id: LastActivity(active_at, changed_at) for case_id, active_at, changed_at in rows}


def keep_activity(rows: Iterable[tuple[str, float, float]]) -> Statement:
    """Make the statement that stores what timelines showed: case, last activity, last change."""
    sql = (
        "INSERT INTO activity VALUES (?, ?, ?) ON CONFLICT (case_id) DO UPDATE SET active_at = excluded.active_at, "
        "changed_at = excluded.changed_at"
    )
    return sql, list(rows)


async def read_doubts(journal: Journal, creates: Iterable[str]) -> set[tuple[str, str]]:
    """Read the cases and rules of which nobody knows whether a comment or link was made, over all runs."""
    rows = await journal.read(
        "SELECT DISTINCT s.case_id, o.rule FROM operations o JOIN subjects s ON s.number = o.subject "
        "WHERE o.state = 'unknown' AND o.action IN (SELECT value FROM json_each(?))",
        (json.dumps(list(creates)),),
    )
    return {(case_id, rule) for case_id, rule in rows}


async def keep_unfinished(
    journal: Journal, rules: Iterable[str], *, subject: int | None = None, done_at: float | None = None
) -> None:
    """Note for each of these rules of the selected run which of its actions are not done, case by case.

    With `subject` only for that case of any run, with `done_at` only where the rule is remembered as done at that time.
    """
    first, last = journal.bounds[2:] if subject is None else Bounds()[2:]
    given = {"o.subject = ?": subject, "m.done_at = ?": done_at}
    only = {condition: value for condition, value in given.items() if value is not None}
    which = "".join(f" AND {condition}" for condition in only)
    rows = await journal.read(
        "SELECT s.case_id, o.rule, CAST(json_group_array(DISTINCT o.action) AS TEXT) FROM operations o "  # noqa: S608
        "JOIN subjects s ON s.number = o.subject JOIN memory m ON m.case_id = s.case_id AND m.rule = o.rule "
        "WHERE o.number BETWEEN ? AND ? AND o.state NOT IN ('done', 'unknown') "
        f"AND o.rule IN (SELECT value FROM json_each(?)){which} GROUP BY 1, 2",
        (first, last, json.dumps(list(rules)), *only.values()),
    )
    sql = "UPDATE memory SET unfinished = ? WHERE case_id = ? AND rule = ?"
    await journal.write((sql, [(actions, case_id, rule) for case_id, rule, actions in rows]))
