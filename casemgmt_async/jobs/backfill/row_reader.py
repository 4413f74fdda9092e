"""Taking the rows of a backfill into its journal, and giving back those that have become no case."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from casemgmt_async.jobs.actions import Step
from casemgmt_async.jobs.backfill.links import LINK
from casemgmt_async.jobs.backfill.rows import BadRow, Row, read_rows
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.files import JSON_LINES, write_whole
from casemgmt_async.jobs.journal import Journal, OperationRow, SubjectRow, insert_operations, insert_subjects

__all__ = ["CREATE", "take_in", "write_rejects"]

CREATE: Final = "create"
LINK_STAGE: Final = 100
FLUSH_EVERY: Final = 500
CARRIED: Final = {"priority": "priority", "status": "status_name", "assign": "assignee_id"}
"""The steps that a create can carry, and the names of its arguments."""


@define
class Intake:
    """Rows on their way into the journal."""

    journal: Journal
    control: JobControl
    keys: dict[str, int]
    """The line of each key."""
    subjects: list[SubjectRow] = field(factory=list)
    operations: list[OperationRow] = field(factory=list)
    rejects: list[tuple[str, str, bytes]] = field(factory=list)

    def take(self, row: Row | BadRow) -> None:
        """Plan the operations of a row, or put it aside."""
        if isinstance(row, Row) and row.key in self.keys:
            row = BadRow(row.line, f"the key {row.key!r} is that of line {self.keys[row.key]} as well", row.text)
        if isinstance(row, BadRow):
            self.rejects.append(("reject", f"{row.line:012d}", reject(row.line, row.reason, row.text)))
            return
        self.keys[row.key] = row.line
        self.subjects.append((row.line, row.key, f"{row.key} {row.title}", None, row.project_id, None, None))
        self.operations.append((row.line, "rows", 0, CREATE, json.dumps(creation(row), sort_keys=True)))
        self.operations += [(row.line, "rows", 1 + step.stage, step.action, step.text) for step in row.steps]
        for link in row.links:
            payload = json.dumps({"relationship": link.relationship, "to": link.to}, sort_keys=True)
            self.operations.append((row.line, "rows", LINK_STAGE, LINK, payload))

    async def flush(self, line: int) -> None:
        """Write down all rows up to a line."""
        self.control.step("taking in")
        await self.journal.write(
            insert_subjects(self.subjects),
            insert_operations(self.operations),
            ("INSERT INTO items VALUES (?, ?, ?)", self.rejects),
            self.journal.remember(taken=line),
        )
        self.subjects, self.operations, self.rejects = [], [], []
        self.control.step("taken in")


def reject(line: int, reason: str, text: str) -> bytes:
    """One line of the rejects file."""
    return json.dumps({"line": line, "reason": reason, "row": text}, ensure_ascii=False).encode()


def creation(row: Row) -> dict[str, Any]:
    """The arguments of the create."""
    given: dict[str, Any] = {
        "title": row.title,
        "description": row.description,
        "type_id": row.type_id,
        "project_id": row.project_id,
    }
    given |= {CARRIED[step.action]: step.payload for step in row.steps if step.action in CARRIED}
    plain = [step for step in row.steps if is_plain(step)]
    if plain:
        given["custom_attributes"] = {step.payload["key"]: step.payload["value"] for step in plain}
    return given


def is_plain(step: Step) -> bool:
    """Whether a step sets a custom attribute whose type follows from its value."""
    return step.action == "custom_attributes" and "type" not in step.payload


async def take_in(journal: Journal, control: JobControl, source: Path, defaults: Mapping[str, str | None]) -> None:
    """Read the source to its end, from where an earlier run has come to."""
    taken = journal.meta.get("taken", 0)
    if journal.meta.get("all_taken"):
        return
    control.progress.phase("reading")
    intake = Intake(
        journal, control, {key: line for line, key in await journal.read("SELECT number, name FROM subjects")}
    )
    for row in read_rows(source, defaults):
        if row.line <= taken:
            continue
        intake.take(row)
        control.progress.advance()
        if len(intake.subjects) + len(intake.rejects) >= FLUSH_EVERY:
            await intake.flush(row.line)
            if control.should_stop:
                return
        taken = row.line
    await intake.flush(taken)
    await journal.put(all_taken=True)


async def write_rejects(journal: Journal, target: Path, control: JobControl) -> int:
    """Write the file of the rows that have become no case; gives how many could not even be read."""
    bad = await journal.read("SELECT place, body FROM items WHERE kind = 'reject'")
    refused = await journal.read(
        "SELECT o.subject, o.error, o.payload, s.name FROM operations o JOIN subjects s ON s.number = o.subject "
        "WHERE o.action = ? AND o.state = 'rejected'",
        (CREATE,),
    )
    lines = {int(place): body for place, body in bad}
    lines |= {
        line: reject(line, error, json.dumps({"key": key} | json.loads(sent))) for line, error, sent, key in refused
    }

    async def batches() -> AsyncIterator[Sequence[bytes]]:
        yield [lines[line] for line in sorted(lines)]

    if lines:
        await write_whole(target, JSON_LINES, batches(), control.step)
    return len(bad)
