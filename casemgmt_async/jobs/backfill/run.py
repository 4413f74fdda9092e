"""Making cases of rows: first the case, then what is done to it, and the links when all cases are there.

What a create can carry is in the create; a step that the new case shows already costs no request. A create
that was cut off is looked for before anything else is done, see `adopt`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from attrs import define, field

from casemgmt_async import (
    UNSET,
    AuthenticationError,
    Case,
    CaseSession,
    DecodeError,
    InvalidArgumentError,
    OutcomeUnknownError,
    Priority,
    ServerError,
    StatusError,
    TransportError,
    cases,
)
from casemgmt_async.jobs.actions import ACTIONS, UUID_RULE, as_uuid
from casemgmt_async.jobs.backfill.links import LINK, link_cases
from casemgmt_async.jobs.backfill.recover_creates import (
    Adoption,
    Baseline,
    Lost,
    marker,
    number_of,
    read_baseline,
    token,
)
from casemgmt_async.jobs.backfill.row_reader import CREATE, take_in, write_rejects
from casemgmt_async.jobs.backfill.rows import digest, read_rows
from casemgmt_async.jobs.calls import Interrupted, one_line
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal, Operation, Outcome, State
from casemgmt_async.jobs.recovery import SETTLE, Finding, Found
from casemgmt_async.jobs.results import JobResult
from casemgmt_async.jobs.sending import Sender, holds, resolve_comments

__all__ = ["backfill_cases"]

BATCH: Final = 1_000
ROUNDS: Final = 3
OPEN: Final = "o.state IN ('planned', 'sending')"
LOST: Final = (OutcomeUnknownError, ServerError, TransportError, DecodeError)


async def backfill_cases(
    session: CaseSession,
    source: str | Path,
    *,
    journal: str | Path,
    job: str,
    project_id: str | None = None,
    type_id: str | None = None,
    rejects: str | Path | None = None,
    control: JobControl | None = None,
    retry_unknown: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Make a case of every row of `source`, JSON Lines or CSV by its suffix, or go on with what the journal holds.

    `job` names the import: the same job and key are the same case, so keep the name when rows are added in
    another file. `project_id` and `type_id` are for rows without their own. Rows that cannot be read or that the
    service refuses go to `rejects` (by default beside the source), with their line and the reason.
    `retry_unknown` looks once more for the rows of which nobody knows whether they have a case.

    Raises `SourceError` for a file that cannot be used as a whole, `JobError` for a journal of other rows, and
    `InvalidArgumentError` for a `project_id` or `type_id` that is no UUID.
    """
    control, source = control or JobControl(), Path(source)
    refused = source.with_name(source.stem + ".rejects.jsonl") if rejects is None else Path(rejects)
    defaults = {"project_id": project_id, "type_id": type_id}
    for name, value in defaults.items():
        if value is not None and as_uuid(value) is None:
            raise InvalidArgumentError(name, f"{UUID_RULE}, not {value!r}")
    asked = {"job": job, "digest": digest(source), **defaults}
    next(read_rows(source, defaults), None)  # says what is wrong with the file before there is a journal
    async with Journal(
        journal, kind="backfill", base_url=session.base_url, on_step=control.step, clock=control.clock
    ) as book:
        other = [name for name, value in book.meta.get("asked", asked).items() if asked[name] != value]
        if other and book.meta.get("all_taken"):
            what = (
                "another project or type"
                if {"project_id", "type_id"}.issuperset(other)
                else "other rows or another job"
            )
            raise JobError(f"journal {book.path}: it belongs to {what}; give a new path")
        if other:  # so far it was only read, and nothing was sent
            await book.write(*((f"DELETE FROM {table}", [()]) for table in ("operations", "subjects", "items")))  # noqa: S608
            await book.put(taken=0)
        await book.put(asked=asked)
        sender = Sender(session, book, control)
        work = Backfill(sender, job, settle)
        await control.run(session, work.run(source, defaults, retry_unknown=retry_unknown))
        bad_rows = await write_rejects(book, refused, control)
        ((made,),) = await book.read("SELECT count(*) FROM subjects WHERE case_id IS NOT NULL")
        return control.result(
            "backfill",
            book.path,
            states=await book.counts(),
            items=made,
            unbatched_requests=sender.sent,
            bad_rows=bad_rows,
            output=refused if refused.exists() else None,
        )


@define(eq=False)
class Backfill:
    """One run of a backfill."""

    sender: Sender
    job: str
    settle: float
    journal: Journal = field(init=False)
    control: JobControl = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.journal, self.control = self.sender.journal, self.sender.control

    async def run(self, source: Path, defaults: Mapping[str, str | None], *, retry_unknown: bool) -> None:
        """Take the rows in, make the cases, then the links."""
        await take_in(self.journal, self.control, source, defaults)
        if self.control.should_stop:
            return
        again = f"state = 'unknown' AND (action NOT IN ('comment', '{CREATE}') OR ?)"
        await self.journal.write((f"UPDATE operations SET state = 'sending' WHERE {again}", [(retry_unknown,)]))  # noqa: S608
        await self.note_baselines()
        ((total,),) = await self.journal.read(f"SELECT count(*) FROM operations o WHERE {OPEN}")  # noqa: S608
        for turn in range(ROUNDS):
            await self.adopt(final=turn == ROUNDS - 1)
            self.control.progress.phase("creating", total)
            await self.rows()
            if self.control.should_stop or not await self.journal.operations(f"o.action = '{CREATE}' AND {OPEN}"):
                break
        await link_cases(self.sender)

    async def note_baselines(self) -> None:
        """Keep the newest key of every project from before the first create."""
        known: dict[str, Baseline | None] = self.journal.meta.get("baselines", {})
        rows = await self.journal.read("SELECT DISTINCT project_id FROM subjects WHERE case_id IS NULL")
        new = {str(project) for (project,) in rows} - known.keys()
        for project in sorted(new):
            try:
                known[project] = await self.control.call(partial(read_baseline, self.sender.session, project))
            except AuthenticationError:
                raise
            except StatusError:
                known[project] = None  # the creates will say what is wrong with it
        if new:
            await self.journal.put(baselines=known)

    async def adopt(self, *, final: bool = False) -> None:
        """Look for the cases of creates that were cut off: adopt them, or plan the creates again."""
        lost: dict[str, list[Lost]] = defaultdict(list)
        operations = {
            each.number: each
            for each in await self.journal.operations(f"o.action = '{CREATE}' AND o.state = 'sending'")
        }
        for each in operations.values():
            lost[str(each.project_id)].append(Lost(each.number, token(self.job, each.name), each.sent_at or 0.0))
        if not lost:
            return
        self.control.progress.phase("looking", len(operations))
        youngest = max(each.sent_at for group in lost.values() for each in group)
        await self.control.sleep(max(0.0, min(youngest + self.settle - self.control.clock(), self.settle)))
        for project, group in lost.items():
            baseline = await self.newest_before(project, min(each.sent_at for each in group))
            adoption = Adoption(self.sender.session, self.control, project, baseline, self.settle)
            try:
                findings = await adoption.find(group)
            except AuthenticationError:
                raise
            except (StatusError, TransportError, DecodeError) as error:
                findings = {each.number: (Finding(Found.UNCERTAIN, why=one_line(error)), None) for each in group}
            for number, (finding, case) in findings.items():
                await self.settle_create(operations[number], finding, case, final=final)

    async def settle_create(self, operation: Operation, finding: Finding, case: Case | None, *, final: bool) -> None:
        """Write down what the search for one row came to."""
        if finding.found is Found.THERE and case is not None:
            await self.made(operation, case)
        elif finding.found is Found.ABSENT and not final:
            await self.journal.unsend([operation.number])
        else:
            why = finding.why or "its answer was lost every time"
            await self.sender.end(operation, State.UNKNOWN, error=f"its answer was lost, and {why}")

    async def newest_before(self, project: str, moment: float) -> Baseline | None:
        """The newest case of a project that is certain to be older than a moment."""
        rows = await self.journal.read(
            "SELECT s.label FROM operations o JOIN subjects s ON s.number = o.subject WHERE o.action = ? "
            "AND o.state = 'done' AND o.ended_at < ? AND s.project_id = ? ORDER BY o.ended_at DESC LIMIT 50",
            (CREATE, moment, project),
        )
        noted = self.journal.meta["baselines"].get(project)
        known = [tuple(noted)] if noted else []
        known += [last for (label,) in rows if (last := number_of(label.partition(" ")[0])) is not None]
        return max((each for each in known if each[0] == known[0][0]), key=lambda each: each[1], default=None)

    async def rows(self) -> None:
        """Do what is open of every row, some at a time."""
        last = 0
        not_adopted = f"NOT (o.action = '{CREATE}' AND o.state <> 'planned')"
        while not self.control.should_stop:
            some = (
                "SELECT DISTINCT subject FROM operations o "  # noqa: S608 - our own words
                f"WHERE o.subject > ? AND {OPEN} AND o.action <> '{LINK}' ORDER BY subject LIMIT {BATCH}"
            )
            where = f"{OPEN} AND {not_adopted} AND o.action <> '{LINK}' AND o.subject IN ({some})"
            operations = await self.journal.operations(where, (last,))
            if not operations:
                return
            by_row: dict[int, list[Operation]] = defaultdict(list)
            for operation in operations:
                by_row[operation.subject].append(operation)
            last = max(by_row)
            await self.control.each(by_row.values(), self.row)

    async def row(self, operations: Sequence[Operation]) -> None:
        """Do what is open of one row."""
        first, case = operations[0], None
        if first.action == CREATE:
            taken = await self.sender.begin([first.number])
            case = await self.create(first) if taken else None
            operations = operations[1:]
        elif first.case_id is not None:
            case = await self.control.call(lambda: cases.get_case(self.sender.session, str(first.case_id)))
        if case is None:
            return
        self.sender.labels[case.id] = dict(case.attributes)
        for operation in operations:
            await self.step(operation._replace(case_id=case.id), case)
        del self.sender.labels[case.id]

    async def step(self, operation: Operation, case: Case) -> None:
        """Do one step, if the case does not show it already."""
        if holds(operation, case):
            await self.sender.end(operation, State.DONE)
            return
        lost = operation.state == State.SENDING and ACTIONS[operation.action].holds is None
        for _ in range(ROUNDS):
            if not lost:
                if not await self.sender.begin([operation.number]):
                    return
                if await self.sender.send(operation) is not State.SENDING:
                    return
                operation = operation._replace(sent_at=self.control.clock())
            found = await resolve_comments(self.sender, [operation], settle=self.settle)
            if found.get(operation.number) is not Found.ABSENT:
                return
            lost = False
        await self.sender.end(operation, State.UNKNOWN, error="its answer was lost every time")

    async def create(self, operation: Operation) -> Case | None:
        """Send a create that is written down as being sent; gives the case, or None where there is none."""
        given = dict(operation.value)
        given["description"] = f"{given['description']}\n\n{marker(token(self.job, operation.name))}".lstrip()
        given["priority"] = Priority(given["priority"]) if "priority" in given else UNSET
        try:
            case = await self.control.call(lambda: cases.create_case(self.sender.session, **given))
        except (AuthenticationError, Interrupted):
            await self.journal.unsend([operation.number])
            raise
        except LOST:
            return None  # it stays in `sending` until it was looked for
        except (StatusError, InvalidArgumentError) as error:
            await self.reject(operation, one_line(error))
            return None
        self.control.step("sent")
        await self.made(operation, case)
        return case

    async def made(self, operation: Operation, case: Case) -> None:
        """Write down which case a row has become."""
        label = f"{case.key or case.id} {case.title or ''}".strip()
        await self.sender.write(
            [Outcome([operation.number], State.DONE, case.id)],
            ("UPDATE subjects SET case_id = ?, label = ? WHERE number = ?", [(case.id, label, operation.subject)]),
        )
        self.control.progress.advance()

    async def reject(self, operation: Operation, reason: str) -> None:
        """Write down that a row has become no case, and that so nothing is done to it."""
        rest = "UPDATE operations SET state = 'skipped', error = ? WHERE subject = ? AND number <> ?"
        outcome = Outcome([operation.number], State.REJECTED, error=reason)
        await self.journal.end(
            [outcome], (rest, [("there is no case for the row", operation.subject, operation.number)])
        )
        self.control.progress.advance()
