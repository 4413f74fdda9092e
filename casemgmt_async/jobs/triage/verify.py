"""Verify bulk updates: they answer nothing, so the cases are read back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import define, field

from casemgmt_async import Case, NotFoundError
from casemgmt_async.jobs.actions import ACTIONS
from casemgmt_async.jobs.calls import one_line
from casemgmt_async.jobs.journal import Outcome, State, move_subjects
from casemgmt_async.jobs.journal.triage_queries import operations_numbered
from casemgmt_async.jobs.sending import Sender
from casemgmt_async.jobs.triage.batches import BulkChange
from casemgmt_async.jobs.triage.estimate import BY_PAGES
from casemgmt_async.jobs.triage.known_cases import KeySearches, read_known, read_singly

__all__ = ["Verification", "unreadable"]

FLUSH_EVERY: Final = 5_000


@define(eq=False)
class Verification:
    """Reads cases back, by searches first and then one by one; a change that a case does not show is made singly."""

    sender: Sender
    waiting: Mapping[str, tuple[BulkChange, ...]]
    """The bulk changes that each case has to show, by its id."""
    keys: Mapping[str, str]
    """The keys that the cases had before."""
    found: dict[str, str | None]
    """The cases that searches have found in this run, with their projects."""
    searches: KeySearches
    """How cases are found by their keys."""
    visible: set[str] = field(init=False, factory=set)
    """The cases that searches find now."""
    shown: list[int] = field(init=False, factory=list)
    """The numbers of the operations that the cases show and the journal does not have yet."""
    moved: list[tuple[str, int]] = field(init=False, factory=list)
    """The projects and numbers of those that moved a case."""

    async def run(self) -> None:
        """Read, and write down what is done."""
        session, control = self.sender.session, self.sender.control
        control.progress.phase("verifying", len(self.waiting))
        projects = {case_id: self.sender.projects[case_id] for case_id in self.waiting}
        unread = await read_known(self.searches, projects, self.lasting_keys(), self.see_found)
        hidden = {
            case_id
            for case_id, project in unread.ids.items()
            if project in unread.whole and self.has_left(case_id, project)
        }
        self.shown += [batch.numbers[case_id] for case_id in hidden for batch in self.waiting[case_id]]
        control.progress.advance(len(hidden))
        await self.flush()
        errors = await read_singly(session, control, unread.ids.keys() - hidden, self.see_one)
        await self.flush()
        for case_id, error in errors.items():
            numbers = [batch.numbers[case_id] for batch in self.waiting[case_id]]
            await self.sender.write([unreadable(numbers, error, sent=True)])
        control.progress.advance(len(errors))

    def lasting_keys(self) -> dict[str, str]:
        """Return the keys by which searches find cases: none finds an archived case, and a moved one has another."""
        changes = {batch for batches in set(self.waiting.values()) for batch in batches}
        lost = {case_id for batch in changes if batch.action in BY_PAGES for case_id in batch.numbers}
        keys = self.keys
        return {case_id: keys[case_id] for case_id in self.waiting if case_id in keys and case_id not in lost}

    async def see_found(self, found: Sequence[Case]) -> Collection[str]:
        """Settle the cases that a search found; a case that does not show all its changes is read by itself later."""
        settled = []
        for case in found:
            self.found[case.id] = case.project_id
            self.visible.add(case.id)
            batches = self.waiting[case.id]
            for batch in batches:
                if not batch.check(case, batch.value):
                    break
            else:
                settled.append(case.id)
                self.is_done(case, batches)
        self.sender.control.progress.advance(len(settled))
        if len(self.shown) >= FLUSH_EVERY:
            await self.flush()
        return settled

    async def see_one(self, found: Sequence[Case]) -> Collection[str]:
        """Settle the changes that one case shows, and make the others singly."""
        (case,) = found
        again = [batch for batch in self.waiting[case.id] if not batch.check(case, batch.value)]
        self.is_done(case, [batch for batch in self.waiting[case.id] if batch not in again])
        for batch in again:
            (operation,) = await operations_numbered(self.sender.journal, [batch.numbers[case.id]])
            await self.sender.send(operation)
        self.sender.control.progress.advance(1 - len(again))  # each of those has counted itself
        return [case.id]

    def is_done(self, case: Case, batches: Sequence[BulkChange]) -> None:
        """Note changes that a case shows as done."""
        for batch in batches:
            number = batch.numbers[case.id]
            self.shown.append(number)
            if batch.action == "status":
                self.sender.learn(batch.action, batch.payload, case)
            elif batch.action == "project":
                self.moved.append((batch.value, number))

    def has_left(self, case_id: str, project: str | None) -> bool:
        """Whether a search found a case before, and the pages of its project do not show it now that it was archived.

        That proves the archiving alone, so everything that was sent for the case has to be one that hides it.
        """
        was_here = self.found.get(case_id, "") == project and case_id not in self.visible
        return was_here and all(ACTIONS[batch.action].hides for batch in self.waiting[case_id])

    async def flush(self) -> None:
        """Write the operations that the cases show into the journal."""
        ended, moved = self.shown, self.moved
        self.shown, self.moved = [], []
        await self.sender.write([Outcome(ended, State.DONE)], move_subjects(moved))


def unreadable(numbers: Collection[int], error: Exception, *, sent: bool) -> Outcome:
    """Return the outcome of operations whose case cannot be read, which were sent or not."""
    sure = isinstance(error, NotFoundError) or not sent
    state = State.REJECTED if sure else State.UNKNOWN
    return Outcome(numbers, state, error=f"the case could not be read: {one_line(error)}")
