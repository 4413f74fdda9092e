"""Read the rows of a source into the journal: new rows are planned, changed rows compared, bad rows rejected.

Every run reads its source from the beginning, so that a file may be edited, sorted or renamed between two runs: a
row is identified by its key and not by its position.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from casemgmt_async.jobs.backfill.names import Names
from casemgmt_async.jobs.backfill.plans import PlannedStep, RowPlan, changes, plan_of
from casemgmt_async.jobs.backfill.rows import Row, check
from casemgmt_async.jobs.backfill.sources import Source
from casemgmt_async.jobs.backfill.sources.records import Record, RowError
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.journal import Journal, OperationRow, State, SubjectRow, insert_operations, insert_subjects
from casemgmt_async.jobs.journal.backfill_queries import (
    KnownRow,
    change_row,
    forget_row,
    insert_rows,
    known_rows,
    last_subject,
    see_rows,
    store_rejects,
)

__all__ = ["Intake"]

BATCH: Final = 500
MOST_REASONS: Final = 100
"""Different reasons that are counted one by one."""
FIRST: Final = 3
"""Rows that are kept as examples."""
NO_CASE: Final = (State.PLANNED, State.REJECTED, State.SKIPPED)
"""States of a create in which its row has no case, so that the row may be planned anew."""


@define(eq=False)
class Intake:
    """The reading of one source in one run."""

    journal: Journal
    control: JobControl
    names: Names
    source: Source
    defaults: Mapping[str, str | None]
    update: bool
    """Whether the cases of changed rows are to be brought up to date."""
    counts: Counter[str] = field(init=False, factory=Counter)
    """Rows that are `new`, `unchanged`, `changed`, `updated` or `rejected`."""
    reasons: Counter[str] = field(init=False, factory=Counter)
    """Why rows were rejected."""
    first_new: list[tuple[str, RowPlan]] = field(init=False, factory=list)
    """Keys and plans of the first rows that are to become cases."""
    first_changes: list[tuple[str, tuple[str, ...]]] = field(init=False, factory=list)
    """Keys of the first changed rows, and what is changed."""
    run: int = field(init=False, default=0)
    """The number of the run."""
    subject: int = field(init=False, default=0)
    rejected: int = field(init=False, default=0)

    async def take(self, run: int) -> bool:
        """Read the source to its end, in the run of this number; returns False where the job was stopped before."""
        self.run = run
        self.control.progress.phase("reading")
        self.subject = await last_subject(self.journal)
        batch: list[Record] = []
        async for record in self.source.records():
            batch.append(record)
            if len(batch) >= BATCH:
                await self.flush(batch)
                batch = []
                if self.control.should_stop:
                    return False
        await self.flush(batch)
        return True

    async def flush(self, records: Sequence[Record]) -> None:
        """Record some rows, in one transaction."""
        batch = RowBatch()
        rows: dict[str, Row] = {}
        for record in records:
            try:
                row = check(record, self.defaults)
            except RowError as error:
                self.reject(batch, record, str(error))
                continue
            if row.key in rows:
                self.reject(batch, record, f"the key {row.key!r} is that of line {rows[row.key].line} as well")
            else:
                rows[row.key] = row
        known = await known_rows(self.journal, list(rows))
        for row, plan, before in await self.looked_up(batch, rows, known):
            self.place(batch, row, plan, before)
        self.control.step("taking in")
        await self.journal.write(*batch.statements())
        self.control.step("taken in")
        self.control.progress.advance(len(records))

    async def looked_up(
        self, batch: RowBatch, rows: Mapping[str, Row], known: Mapping[str, KnownRow]
    ) -> list[tuple[Row, RowPlan, KnownRow | None]]:
        """Look up the names of rows, and make plans of the rows."""
        wanted = {}
        for key, row in rows.items():
            before = known.get(key)
            if before is not None and before.run == self.run:
                self.reject(batch, row, f"the key {key!r} is that of line {before.line} as well")
            else:
                wanted[key] = row
        places = await self.names.look_up(list(wanted.values()))
        ready = []
        for row, place in zip(wanted.values(), places, strict=True):
            if isinstance(place, RowError):
                self.reject(batch, row, str(place))
            else:
                ready.append((row, plan_of(row, place), known.get(row.key)))
        return ready

    def place(self, batch: RowBatch, row: Row, plan: RowPlan, known: KnownRow | None) -> None:
        """Compare a row with the journal, and decide what to do for it."""
        if known is None:
            self.subject += 1
            batch.add(self.subject, row, plan)
            batch.rows.append((self.subject, row.key, row.line, self.source.name, self.run, plan.text, row.text))
            self.count_new(row, plan)
            return
        batch.seen.append((row.line, self.run, self.source.name, known.subject))
        if known.state == State.PLANNED and known.plan == plan.text:
            self.count_new(row, plan)
        elif known.case_id is None and known.state in NO_CASE:
            batch.forgotten.append((label_of(row), plan.project, known.subject))
            batch.changed.append((plan.text, row.text, known.subject))
            batch.operations += plan.operations(known.subject)
            self.count_new(row, plan)
        elif known.plan == plan.text:
            self.counts["unchanged"] += 1
        else:
            self.change(batch, row, plan, known)

    def change(self, batch: RowBatch, row: Row, plan: RowPlan, known: KnownRow) -> None:
        """Compare a row with the version that its case was made from."""
        try:
            steps = changes(RowPlan.parse(known.plan), plan)
        except RowError as error:
            self.reject(batch, row, str(error))
            return
        if len(self.first_changes) < FIRST:
            self.first_changes.append((row.key, tuple(describe(step) for step in steps)))
        if self.update and known.case_id is not None:
            self.counts["updated"] += 1
            batch.operations += [(known.subject, "update", stage, action, text) for stage, action, text in steps]
            batch.changed.append((plan.text, row.text, known.subject))
        else:
            self.counts["changed"] += 1

    def count_new(self, row: Row, plan: RowPlan) -> None:
        """Count a row that has no case yet."""
        self.counts["new"] += 1
        if len(self.first_new) < FIRST:
            self.first_new.append((row.key, plan))

    def reject(self, batch: RowBatch, row: Row | Record, reason: str) -> None:
        """Reject a row."""
        self.rejected += 1
        self.counts["rejected"] += 1
        if len(self.reasons) < MOST_REASONS or reason in self.reasons:
            self.reasons[reason] += 1
        body = json.dumps({"line": row.line, "reason": reason, "text": row.text})
        batch.rejects.append((self.rejected, body.encode("utf-8", "backslashreplace")))


def label_of(row: Row) -> str:
    """Return the label of a row: its key and its title."""
    return f"{row.key} {row.title}"


def describe(step: PlannedStep) -> str:
    """Say in a few words what a step changes."""
    _, action, text = step
    return f"{action} {text if len(text) <= 60 else text[:57] + '...'}"


@define
class RowBatch:
    """What one transaction writes."""

    subjects: list[SubjectRow] = field(factory=list)
    operations: list[OperationRow] = field(factory=list)
    rows: list[tuple[int, str, int, str, int, str, str]] = field(factory=list)
    seen: list[tuple[int, int, str, int]] = field(factory=list)
    forgotten: list[tuple[str, str | None, int]] = field(factory=list)
    changed: list[tuple[str, str, int]] = field(factory=list)
    rejects: list[tuple[int, bytes]] = field(factory=list)

    def add(self, subject: int, row: Row, plan: RowPlan) -> None:
        """Add a row that the journal does not hold."""
        self.subjects.append((subject, row.key, label_of(row), None, plan.project, None, None))
        self.operations += plan.operations(subject)

    def statements(self) -> list[Any]:
        """Make the statements; deletions come first."""
        return [
            *forget_row(self.forgotten),
            insert_subjects(self.subjects),
            insert_rows(self.rows),
            insert_operations(self.operations),
            see_rows(self.seen),
            change_row(self.changed),
            store_rejects(self.rejects),
        ]
