"""Reading back what was changed in bulk: a bulk update answers nothing, so the cases have to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import define, field

from casemgmt_async import Case, NotFoundError
from casemgmt_async.jobs.actions import ACTIONS
from casemgmt_async.jobs.journal import Operation, Outcome, State, move_subject
from casemgmt_async.jobs.reading import read_by_pages, read_singly
from casemgmt_async.jobs.sending import Sender, holds, one_line

__all__ = ["Confirmation", "group", "unreadable"]

FLUSH_EVERY: Final = 1_000


@define(eq=False)
class Confirmation:
    """One reading back: by pages first, then case by case; what a case does not show is done singly."""

    sender: Sender
    waiting: Mapping[str, Sequence[Operation]]
    """What each case is to show, by its id."""
    on_pages: dict[str, str | None]
    """Cases that were seen on the pages of their project in this run."""
    visible: set[str] = field(init=False, factory=set)
    """Cases that are on the pages now."""
    shown: list[Operation] = field(init=False, factory=list)
    """What the cases show and is not written down yet."""

    async def run(self) -> None:
        """Read, and write down what is done."""
        session, control = self.sender.session, self.sender.control
        control.phase("confirming", len(self.waiting))
        wanted = {case_id: project_now(operations) for case_id, operations in self.waiting.items()}
        unread = await read_by_pages(session, control, wanted, self.see_pages)
        hidden = {
            case_id
            for case_id, project in unread.ids.items()
            if project in unread.whole and self.has_left(case_id, project)
        }
        self.shown += [operation for case_id in hidden for operation in self.waiting[case_id]]
        await self.flush()
        errors = await read_singly(session, control, unread.ids.keys() - hidden, self.see_one)
        await self.flush()
        for case_id, error in errors.items():
            await self.sender.write(unreadable((each.began() for each in self.waiting[case_id]), error))

    async def see_pages(self, found: Sequence[Case]) -> Collection[str]:
        """Take what cases on a page show; one that does not show all is read by itself."""
        settled = []
        for case in found:
            self.on_pages[case.id] = case.project_id
            self.visible.add(case.id)
            operations = self.waiting[case.id]
            if all(self.shows(case, operation) for operation in operations):
                settled.append(case.id)
                self.shown += operations
        self.sender.control.advance(len(settled))
        if len(self.shown) >= FLUSH_EVERY:
            await self.flush()
        return settled

    async def see_one(self, found: Sequence[Case]) -> Collection[str]:
        """Take what one case shows, and do the rest."""
        (case,) = found
        for operation in self.waiting[case.id]:
            if self.shows(case, operation):
                self.shown.append(operation)
            else:
                await self.sender.send(operation)
        self.sender.control.advance()
        return [case.id]

    def shows(self, case: Case, operation: Operation) -> bool:
        """Whether a case shows what an operation was for."""
        if not holds(operation, case):
            return False
        self.sender.learn(operation, case)
        return True

    def has_left(self, case_id: str, project: str | None) -> bool:
        """Whether a case was on the pages of its project before, and is on none now that it was archived."""
        was_here = self.on_pages.get(case_id, "") == project and case_id not in self.visible
        return was_here and all(ACTIONS[operation.action].hides for operation in self.waiting[case_id])

    async def flush(self) -> None:
        """Write down what the cases have shown."""
        ended, self.shown = self.shown, []
        moves = [move_subject(operation) for operation in ended if operation.action == "project"]
        await self.sender.write((Outcome(operation.number, State.DONE) for operation in ended), *moves)


def group(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The operations of each case, in order."""
    by_case: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_case[operation.name].append(operation)
    return by_case


def project_now(operations: Sequence[Operation]) -> str | None:
    """The project that a case is in once the operations are done."""
    return next((each.value for each in operations if each.action == "project"), operations[0].project_id)


def unreadable(operations: Iterable[Operation], error: Exception) -> Iterator[Outcome]:
    """What becomes of operations whose case cannot be read: never sent, or sent and not to be confirmed."""
    said = f"the case could not be read: {one_line(error)}"
    for operation in operations:
        sure = isinstance(error, NotFoundError) or operation.state == State.PLANNED
        yield Outcome(operation.number, State.REJECTED if sure else State.UNKNOWN, error=said)
