"""Make a case of every row: find what is there, create what is not, then the steps and the links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from casemgmt_async import UNSET, Case, CustomAttribute, CustomAttributeType, Priority, cases
from casemgmt_async.jobs.backfill.census import Census
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.intake import Intake
from casemgmt_async.jobs.backfill.links import Links
from casemgmt_async.jobs.backfill.markers import Marker, job_word, number_of, text_digest, token
from casemgmt_async.jobs.backfill.names import Names
from casemgmt_async.jobs.backfill.options import RowOptions
from casemgmt_async.jobs.backfill.plans import CREATE, text_steps
from casemgmt_async.jobs.backfill.sources import Source
from casemgmt_async.jobs.backfill.steps import Steps, settled
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal, Operation, OperationRow, Outcome, State, insert_operations
from casemgmt_async.jobs.journal.backfill_queries import (
    RowCase,
    begin_run,
    cases_of_tokens,
    count_open,
    count_removed,
    found_rows,
    keep_cases,
    lost_creates,
    makes_archived,
    operations_of_rows,
    projects_to_read,
    reject_rest,
    reopen_differing,
    reopen_unknown,
)
from casemgmt_async.jobs.organizations import bind_organization
from casemgmt_async.jobs.sending import Sender

__all__ = ["Backfill"]

BATCH: Final = 500
"""Rows whose operations are in memory at a time."""
ROUNDS: Final = 8
"""Rounds in which creates whose answers were lost are sent again at most."""


@define(eq=False)
class Backfill:
    """One run of a backfill."""

    sender: Sender
    clock: ServiceClock
    source: Source
    names: Names
    options: RowOptions
    job: str = field(init=False)
    journal: Journal = field(init=False)
    control: JobControl = field(init=False)
    census: Census = field(init=False)
    steps: Steps = field(init=False)
    intake: Intake = field(init=False)
    number: int = field(init=False, default=0)
    """The number of this run."""
    created: int = field(init=False, default=0)
    found: int = field(init=False, default=0)
    removed: int = field(init=False, default=0)
    looked: set[str] = field(init=False, factory=set)
    """Projects that this run has read."""

    def __attrs_post_init__(self) -> None:
        options = self.options
        self.job, self.journal, self.control = options.job, self.sender.journal, self.sender.control
        self.census = Census(self.sender.session, self.control, self.journal, self.clock, self.job, self.names.keys)
        self.steps = Steps(self.sender, self.clock, options.settle, options.update)
        defaults = {"project": options.project, "type": options.type}
        self.intake = Intake(self.journal, self.control, self.names, self.source, defaults, options.update)

    async def run(self) -> None:
        """Read the rows, find the cases that are there, make the others, then the links."""
        await self.prepare()
        if self.control.should_stop:
            return
        await self.make()
        await Links(self.sender, self.job, self.number).make_all()

    async def resume(self) -> None:
        """Make the cases of rows that were taken in before, after what was cut off is settled."""
        await reopen_unknown(self.journal)
        await self.settle_creates()
        await self.make()

    async def make(self) -> None:
        """Make the cases that are not there, and do their steps."""
        self.control.progress.phase("creating", await count_open(self.journal, self.number))
        for _ in range(ROUNDS):
            await self.rows()
            if self.control.should_stop or not await lost_creates(self.journal):
                break
            await self.settle_creates()
            self.control.progress.phase("creating", await count_open(self.journal, self.number))
        else:
            self.control.run_out(f"the service lost the answers of some creates {ROUNDS} times")

    async def prepare(self) -> None:
        """Settle what was cut off, take the rows in, and find the cases that are there.

        Raises `ForeignJournalError` where the journal belongs to another organisation, and `NameLookupError` where
        the project or the type of rows without their own is unknown or ambiguous.
        """
        await bind_organization(self.sender.session, self.control, self.journal, "journal")
        await self.names.check_defaults(self.options.project, self.options.type)
        self.number = await begin_run(self.journal)
        await reopen_unknown(self.journal)
        if self.options.update:
            await reopen_differing(self.journal)
        await self.settle_creates()
        if not await self.intake.take(self.number):
            return
        self.census.thorough = await makes_archived(self.journal, self.number)
        self.removed = await count_removed(self.journal, self.number, self.source.name)
        await self.take_census()

    async def take_census(self) -> None:
        """Read the projects in which cases are to be made, unless this run has."""
        for project in await projects_to_read(self.journal, self.number):
            if project not in self.looked and not self.control.should_stop:
                self.control.progress.phase("finding")
                if await self.census.take(project, assume_new=self.options.assume_new):
                    self.looked.add(project)

    async def settle_creates(self) -> None:
        """Find out about all creates whose answers were lost: one pass over each project settles them."""
        lost = await lost_creates(self.journal)
        if not lost:
            return
        self.control.progress.phase("looking up", len(lost))
        await self.census.learn_time()
        await self.control.sleep(max(settled(each.sent_at, self.clock, self.options.settle) for each in lost))
        by_project: dict[str, list[Operation]] = defaultdict(list)
        for operation in lost:
            by_project[str(operation.project_id)].append(operation)
        for project, operations in by_project.items():
            why = await self.look(project)
            left = await self.adopt(operations)
            if left and project in self.census.missing and not why:
                await self.census.ask_word()
                left = await self.adopt(left)
            if why:
                for operation in left:
                    await self.sender.end(operation, State.UNKNOWN, error=f"its answer was lost, and {why}")
            else:
                await self.journal.unsend([operation.number for operation in left])

    async def look(self, project: str) -> str | None:
        """Read a project; returns why that failed."""
        try:
            if await self.census.take(project):
                self.looked.add(project)
        except JobError as error:
            return str(error)
        return None

    async def adopt(self, operations: Sequence[Operation]) -> list[Operation]:
        """Assign the cases that carry the tokens of rows to these rows; returns the creates without a case.

        If a run with another journal made the case, its title and description are compared with the row.
        """
        tokens = {token(self.job, operation.name): operation for operation in operations}
        found = await cases_of_tokens(self.journal, list(tokens))
        made: list[RowCase] = []
        differing: list[OperationRow] = []
        for word, case in found.items():
            operation = tokens[word]
            given, is_found = operation.value, operation.state != State.SENDING
            label = f"{case.prefix}-{case.number} {given['title']}"
            made.append(RowCase(operation.subject, case.case_id, label, (case.prefix, case.number), is_found=is_found))
            self.found += is_found
            self.created += not is_found
            if is_found and text_digest(given["title"], given["description"]) != case.digest:
                differing += [(operation.subject, "update", *step) for step in text_steps(given)]
        await self.keep([tokens[word] for word in found], made, differing)
        return [operation for word, operation in tokens.items() if word not in found]

    async def rows(self) -> None:
        """Do what is open of every row of this run, some at a time."""
        last = 0
        while not self.control.should_stop:
            operations = await operations_of_rows(self.journal, self.number, last, BATCH)
            if not operations:
                return
            by_row: dict[int, list[Operation]] = defaultdict(list)
            for operation in operations:
                by_row[operation.subject].append(operation)
            last = max(by_row)
            creates = [operation for operation in operations if operation.action == CREATE]
            left = {operation.number for operation in await self.adopt(creates)}
            if len(left) < len(creates):  # read the rows again that have a case now
                last = min(by_row) - 1
                continue
            found = await found_rows(self.journal, list(by_row))
            await self.control.each(
                [(each, subject in found) for subject, each in by_row.items()], lambda given: self.row(*given)
            )

    async def row(self, operations: Sequence[Operation], found: bool) -> None:
        """Do what is open of one row."""
        first, fresh = operations[0], False
        if first.action == CREATE:
            case = await self.create(first) if await self.sender.begin([first.number]) else None
            operations, fresh = operations[1:], True
        elif first.case_id is None:
            return
        else:
            case = await self.read(operations)
        if case is not None:
            known = [operation._replace(case_id=case.id) for operation in operations]
            await self.steps.row(known, case, fresh=fresh, found=found)

    async def read(self, operations: Sequence[Operation]) -> Case | None:
        """Read the case of a row; if that is refused, the steps of the row are rejected too."""
        case_id = str(operations[0].case_id)
        read = await self.control.attempt(lambda: cases.get_case(self.sender.session, case_id))
        if read.status is CallStatus.REFUSED:
            for operation in operations:
                await self.sender.end(operation, State.REJECTED, error=read.reason)
        return read.answer

    async def create(self, operation: Operation) -> Case | None:
        """Send a create that the journal has as `sending`; returns the case, or None if there is none."""
        given: dict[str, Any] = dict(operation.value)
        before = self.census.origin(str(operation.project_id))
        marker = Marker(job_word(self.job), before, token(self.job, operation.name))
        given["description"] = f"{given['description']}\n\n{marker}".lstrip()
        given["priority"] = Priority(given["priority"]) if "priority" in given else UNSET
        if custom := given.get("custom_attributes"):
            given["custom_attributes"] = {key: attribute_of(value) for key, value in custom.items()}
        sent = await self.control.attempt(
            lambda: cases.create_case(self.sender.session, **given),
            not_sent=lambda: self.journal.unsend([operation.number]),
        )
        if sent.answer is not None:
            self.control.step("sent")
            case = sent.answer
            label = f"{case.key or case.id} {case.title or ''}".strip()
            made = RowCase(operation.subject, case.id, label, number_of(case.key), made_in=self.number)
            await self.keep([operation], [made])
            self.created += 1
            return case
        if sent.status is CallStatus.REFUSED:
            await self.journal.end(
                [Outcome([operation.number], State.REJECTED, error=sent.reason)],
                reject_rest(operation.subject, operation.number),
            )
            self.control.progress.advance()
        return None  # a lost one stays in `sending` until it is looked for

    async def keep(
        self, creates: Sequence[Operation], made: Sequence[RowCase], more: Sequence[OperationRow] = ()
    ) -> None:
        """Record the cases of rows and their further operations, in one transaction."""
        outcomes = [
            Outcome([create.number], State.DONE, row.case_id) for create, row in zip(creates, made, strict=True)
        ]
        await self.sender.write(outcomes, *keep_cases(made), insert_operations(more))
        self.control.progress.advance(len(made))


def attribute_of(value: Any) -> Any:
    """Make the custom attribute of a value that is planned with its type; a plain value stays as it is."""
    if not isinstance(value, Mapping):
        return value
    return CustomAttribute(CustomAttributeType(value["type"]), value["value"], isinstance(value["value"], list))
