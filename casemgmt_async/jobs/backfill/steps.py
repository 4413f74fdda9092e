"""What follows the create of a case: the steps that it could not carry, comments, and updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define

from casemgmt_async import Case, CaseManagementError, CaseSession, cases, timeline
from casemgmt_async.jobs.actions import ACTIONS, Action
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.markers import MARKER, without_marker
from casemgmt_async.jobs.backfill.plans import CARRIED
from casemgmt_async.jobs.calls import CallStatus, classify_error, one_line
from casemgmt_async.jobs.journal import Operation, State
from casemgmt_async.jobs.journal.backfill_queries import DIFFERS, done_comments
from casemgmt_async.jobs.sending import Sender

__all__ = ["ROW_ACTIONS", "Steps", "settled"]

ROUNDS: Final = 5
"""Rounds in which comments whose answers were lost are sent again at most."""


def set_title(session: CaseSession, case_id: str, title: str) -> Any:
    """Set the title."""
    return cases.update_case_title(session, case_id, title=title)


async def set_description(session: CaseSession, case_id: str, description: str) -> Case:
    """Set the description, and keep the line that says which row the case is."""
    case = await cases.get_case(session, case_id)
    marker = MARKER.search(case.description or "")
    text = f"{description}\n\n{marker[0]}".lstrip() if marker else description
    return await cases.update_case_description(session, case_id, description=text)


def one_text(where: str, value: Any) -> list[Any]:
    """Take a text as it is; rows are checked before."""
    del where
    return [value]


ROW_ACTIONS: Final[Mapping[str, Action]] = {
    **ACTIONS,
    "title": Action("title", one_text, set_title, holds=lambda case, title: case.title == title),
    "description": Action(
        "description", one_text, set_description,
        holds=lambda case, text: without_marker(case.description).lstrip() == text.strip(),
    ),
}  # fmt: skip
"""What can be done to the case of a row: everything that rules can do, and its two texts."""


def settled(sent_at: float | None, clock: ServiceClock, settle: float) -> float:
    """Return the seconds to wait until a request that was cut off cannot take effect any more."""
    return max(0.0, min((sent_at or 0.0) + settle - clock(), settle))


@define(eq=False)
class Steps:
    """Does the steps of rows; each step is in the journal before it is sent."""

    sender: Sender
    clock: ServiceClock
    settle: float
    update: bool

    async def row(self, operations: Sequence[Operation], case: Case, *, fresh: bool, found: bool) -> None:
        """Do what is open of one row, in order.

        `fresh`: this run made the case, so that nobody can have done any of it. `found`: another run of the job
        made it, so that the case may have been worked on since: then what is missing is added, and what differs
        is left alone, unless rows are to be updated.
        """
        self.sender.labels[case.id] = dict(case.attributes)
        comments = [operation for operation in operations if operation.action == "comment"]
        try:
            open_comments = await self.comments(comments, fresh=fresh) if comments else 0
            for operation in operations:
                if operation.action == "comment" or (operation.action == "archive" and open_comments):
                    continue
                await self.step(operation, case, found=found)
        finally:
            del self.sender.labels[case.id]

    async def step(self, operation: Operation, case: Case, *, found: bool) -> None:
        """Do one step that can be seen on the case, unless the case shows it already."""
        action = ROW_ACTIONS[operation.action]
        if action.holds is not None and action.holds(case, operation.value):
            await self.sender.end(operation, State.DONE)
        elif found and not self.update and differs(operation, case):
            await self.sender.end(operation, State.SKIPPED, error=DIFFERS)
        elif await self.sender.begin([operation.number]):
            await self.sender.send(operation)

    async def comments(self, operations: Sequence[Operation], *, fresh: bool) -> int:
        """Make comments that the case does not have yet; returns how many are still open.

        A comment is known by its text. Those that a case has already are counted against those of its row.
        """
        left = list(operations)
        if not fresh:
            left = await self.there(left)
        for _ in range(ROUNDS):
            lost = []
            for operation in left:
                if not await self.sender.begin([operation.number]):
                    return len(left)
                if await self.sender.send(operation) is State.SENDING:
                    lost.append(operation._replace(sent_at=self.clock()))
            if not lost:
                return 0
            left = await self.there(lost)
            if not left:
                return 0
        return len(left)

    async def there(self, operations: Sequence[Operation]) -> list[Operation]:
        """End the comments that the case has already; returns the others."""
        control, journal = self.sender.control, self.sender.journal
        sent = [each.sent_at for each in operations if each.state == State.SENDING or each.sent_at is not None]
        if sent:
            await control.sleep(max(settled(each, self.clock, self.settle) for each in sent))
        case_id = str(operations[0].case_id)
        try:
            made = await control.call(lambda: timeline.iter_timeline(self.sender.session, case_id).collect())
        except CaseManagementError as error:
            if classify_error(error) in (None, CallStatus.NOT_SENT):
                raise
            for operation in operations:
                if operation.state == State.SENDING:
                    await self.sender.end(operation, State.UNKNOWN, error=f"its answer was lost, and {one_line(error)}")
            return []
        control.step("looked")
        ours = await done_comments(journal, operations[0].subject)
        free: dict[str, list[str]] = {}
        for cell in made:
            if cell.id not in ours and cell.message is not None:
                free.setdefault(cell.message.strip(), []).append(cell.id)
        left = []
        for operation in operations:
            ids = free.get(operation.value.strip())
            if ids:
                await self.sender.end(operation, State.DONE, ids.pop())
            else:
                left.append(operation)
        return left


def differs(operation: Operation, case: Case) -> bool:
    """Whether a case has another value where a step would set one; no value does not count as another one."""
    value = operation.value
    match operation.action:
        case "due_date":
            return case.due_date is not None
        case "attributes":
            return any(case.attributes.get(name) for name in value)
        case "custom_attributes":
            return value["key"] in case.custom_attributes
    return operation.action in (*CARRIED, "title", "description", "project")
