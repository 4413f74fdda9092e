"""Send one operation: journal first, then the request, then its outcome into the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from casemgmt_async import Case, CaseSession, cases
from casemgmt_async.jobs.actions import ACTIONS, Action, filled
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.journal import Journal, Operation, Outcome, State, Statement, move_subjects, store_waits
from casemgmt_async.jobs.statuses import group_of

__all__ = ["FAILURES", "Sender", "holds"]

FAILURES: Final = frozenset({State.REJECTED, State.UNKNOWN})
"""States of an operation after which the later ones of its case are not sent."""
Heard = Callable[[Operation, State, str | None], Awaitable[object]]


def remember_nothing(numbers: Collection[int]) -> Sequence[Statement]:
    """Add nothing to the transaction that ends operations."""
    del numbers
    return ()


async def ignore(operation: Operation, state: State, error: str | None) -> None:
    """Take no notice of how an operation ended."""


@define(eq=False)
class Sender:
    """Sends operations on cases one by one, and records the outcome of each."""

    session: CaseSession
    journal: Journal
    control: JobControl
    actions: Mapping[str, Action] = field(kw_only=True, default=ACTIONS)
    """What it can do, by name."""
    on_done: Callable[[Collection[int]], Sequence[Statement]] = field(kw_only=True, default=remember_nothing)
    """Called with the numbers of operations that are done; returns statements for the same transaction."""
    on_ended: Heard = field(kw_only=True, default=ignore)
    """Called with the outcome of each operation that was sent by itself."""
    sent: int = 0
    """How many were sent in this run."""
    failed: bool = False
    """Whether an operation was rejected or has an unknown outcome."""
    labels: dict[str, dict[str, Sequence[str]]] = field(factory=dict)
    """The attributes that cases have, by id: the service replaces all of them at once."""
    projects: dict[str, str | None] = field(factory=dict)
    """The projects that cases are in, or will be once what was sent for them has taken effect, by id."""
    groups: dict[str, str | None] = field(factory=dict)
    """The groups of the statuses that were set, by payload."""

    def learn(self, action: str, payload: str, case: Case) -> None:
        """Remember which group a status belongs to, for the report."""
        if action == "status" and payload not in self.groups:
            self.groups[payload] = group_of(case)

    async def begin(self, numbers: Sequence[int]) -> int:
        """Take operations out of the budget and record that they are about to be sent; returns how many."""
        taken = self.control.take(len(numbers))
        if taken:
            self.control.step("before sending")
            await self.journal.sending(numbers[:taken])
            self.sent += taken
            self.control.step("sending")
        return taken

    async def send(self, operation: Operation) -> State:
        """Send an operation that `begin` has recorded.

        An operation that makes a new thing and got no answer stays in `sending`, and has to be looked for.
        """
        action, payload, case_id = self.actions[operation.action], operation.value, operation.case_id
        assert case_id is not None
        result = await self.control.attempt(
            lambda: self._apply(action, case_id, payload),
            not_sent=lambda: self.journal.unsend([operation.number]),
        )
        if result.status is CallStatus.LOST and not action.repeatable:
            return State.SENDING
        if result.status is not CallStatus.ANSWERED:
            state = State.UNKNOWN if result.status is CallStatus.LOST else State.REJECTED
            return await self.end(operation, state, error=result.reason)
        self.control.step("sent")
        if isinstance(result.answer, Case):
            self.learn(operation.action, operation.payload, result.answer)
        return await self.end(operation, State.DONE, result.answer)

    async def _apply(self, action: Action, case_id: str, payload: Any) -> Any:
        """Do an action; attributes that the payload does not name are sent along, since the service replaces all."""
        if action.name != "attributes":
            return await action.apply(self.session, case_id, payload)
        if case_id not in self.labels:
            self.labels[case_id] = dict((await cases.get_case(self.session, case_id)).attributes)
        whole = filled({**self.labels[case_id], **payload})
        answer = await action.apply(self.session, case_id, whole)
        self.labels[case_id] = whole
        return answer

    async def end(self, operation: Operation, state: State, answer: Any = None, error: str | None = None) -> State:
        """Record the outcome of an operation; `answer` is the answer of the service, or the id of what was made."""
        moved = []
        if state is State.DONE and operation.action == "project" and operation.case_id is not None:
            self.projects[operation.case_id] = operation.value
            moved = [(operation.value, operation.number)]
        made = answer if isinstance(answer, str) else answer[0].id if isinstance(answer, list) and answer else None
        await self.write([Outcome([operation.number], state, made, error)], move_subjects(moved))
        self.control.progress.advance()
        await self.on_ended(operation, state, error)
        return state

    async def write(self, outcomes: Iterable[Outcome], *more: Statement) -> None:
        """Record outcomes, and count them."""
        ended = [outcome for outcome in outcomes if outcome.numbers]
        if ended:
            self.control.step("ending")
            done = [number for outcome in ended if outcome.state is State.DONE for number in outcome.numbers]
            waits = self.control.take_waits()
            kept = [store_waits(waits)] if waits else []
            await self.journal.end(ended, *more, *(self.on_done(done) if done else ()), *kept)
            self.failed = self.failed or any(outcome.state in FAILURES for outcome in ended)
            self.control.progress.ended(ended)
            self.control.step("ended")


def holds(operation: Operation, case: Case) -> bool:
    """Whether a case shows what an operation was for."""
    check = ACTIONS[operation.action].holds
    return check is not None and check(case, operation.value)
