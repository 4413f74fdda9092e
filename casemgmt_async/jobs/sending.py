"""Sending one operation: the journal first, then the socket, then what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from attrs import Factory, define, evolve, field, frozen

from casemgmt_async import (
    AuthenticationError,
    Case,
    CaseSession,
    DecodeError,
    InvalidArgumentError,
    OutcomeUnknownError,
    ServerError,
    StatusError,
    TransportError,
)
from casemgmt_async.jobs.actions import ACTIONS, Action, Check
from casemgmt_async.jobs.calls import Interrupted, one_line
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.journal import Journal, Operation, Outcome, State, Statement, move_subjects, parsed
from casemgmt_async.jobs.recovery import Finding, Found, find_comment
from casemgmt_async.jobs.statuses import group_of

__all__ = ["Batch", "Sender", "holds", "resolve_comments"]


@frozen(eq=False)
class Batch:
    """Cases that get the same in one request."""

    action: str
    """The name of the action."""
    payload: str
    """What the action is given, as JSON."""
    numbers: Mapping[str, int]
    """The number of each case's operation, by the id of the case."""
    value: Any = field(init=False, default=Factory(lambda batch: parsed(batch.payload), takes_self=True))
    """The same payload as data."""
    check: Check = field(init=False, default=Factory(lambda batch: check_of(batch.action), takes_self=True))
    """Sees on a case that it is done."""

    def first(self, count: int) -> Batch:
        """The same for the first so many cases."""
        return evolve(self, numbers=dict(islice(self.numbers.items(), count)))


def check_of(action: str) -> Check:
    """How to see on a case that an action of the bulk updates is done."""
    check = ACTIONS[action].holds
    assert check is not None, f"nothing on a case shows that {action} is done"
    return check


@define(eq=False)
class Sender:
    """Sends operations on cases one by one, and writes down what came of each."""

    session: CaseSession
    journal: Journal
    control: JobControl
    actions: Mapping[str, Action] = field(kw_only=True, default=ACTIONS)
    """What it can do, by name."""
    sent: int = 0
    """How many were sent in this run."""
    labels: dict[str, dict[str, list[str]]] = field(factory=dict)
    """The attributes that cases have, by id: the service replaces all of them at once."""
    projects: dict[str, str | None] = field(factory=dict)
    """The projects that cases are in, or will be once what was sent for them has taken effect, by id."""
    groups: dict[str, str | None] = field(factory=dict)
    """The groups of the statuses that were set, by payload."""

    def learn(self, operation: Operation | Batch, case: Case) -> None:
        """Remember what group a status is of, for the report."""
        if operation.action == "status" and operation.payload not in self.groups:
            self.groups[operation.payload] = group_of(case)

    async def begin(self, numbers: Sequence[int]) -> int:
        """Take operations out of the budget and write down that they are about to be sent; gives how many."""
        taken = self.control.take(len(numbers))
        if taken:
            self.control.step("before sending")
            await self.journal.sending(numbers[:taken])
            self.sent += taken
            self.control.step("sending")
        return taken

    async def send(self, operation: Operation) -> State:
        """Send an operation that is written down as being sent.

        What makes a new thing and got no answer stays in `sending`, and has to be looked for.
        """
        action, payload = self.actions[operation.action], operation.value
        case_id = operation.case_id
        assert case_id is not None
        if action.name == "attributes":
            payload = self.labels.get(case_id, {}) | payload
        try:
            answer = await self.control.call(lambda: action.apply(self.session, case_id, payload))
        except (AuthenticationError, Interrupted):
            await self.journal.unsend([operation.number])
            raise
        except (OutcomeUnknownError, ServerError, TransportError, DecodeError) as error:
            if action.holds is None:
                return State.SENDING
            return await self.end(operation, State.UNKNOWN, error=one_line(error))
        except (StatusError, InvalidArgumentError) as error:
            return await self.end(operation, State.REJECTED, error=one_line(error))
        self.control.step("sent")
        if isinstance(answer, Case):
            self.learn(operation, answer)
        return await self.end(operation, State.DONE, answer)

    async def end(self, operation: Operation, state: State, answer: Any = None, error: str | None = None) -> State:
        """Write down what came of an operation; `answer` is what the service gave, or the id of what it made."""
        moved = []
        if state is State.DONE and operation.action == "project" and operation.case_id is not None:
            self.projects[operation.case_id] = operation.value
            moved = [(operation.value, operation.number)]
        made = answer if isinstance(answer, str) else answer[0].id if isinstance(answer, list) and answer else None
        await self.write([Outcome([operation.number], state, made, error)], move_subjects(moved))
        self.control.progress.advance()
        return state

    async def write(self, outcomes: Iterable[Outcome], *more: Statement) -> None:
        """Write down outcomes, and count them."""
        ended = [outcome for outcome in outcomes if outcome.numbers]
        if ended:
            self.control.step("ending")
            await self.journal.end(ended, *more)
            self.control.progress.ended(ended)
            self.control.step("ended")


def holds(operation: Operation, case: Case) -> bool:
    """Whether a case shows what an operation was for."""
    check = ACTIONS[operation.action].holds
    return check is not None and check(case, operation.value)


async def resolve_comments(sender: Sender, operations: Sequence[Operation], *, settle: float) -> Mapping[int, Found]:
    """Look for comments whose answers were lost: what is there is done, what is not is planned again.

    Tells what was found, by the number of the operation. A request that was cut off is given `settle` seconds to
    take effect before its absence is believed.
    """
    control, journal = sender.control, sender.journal
    findings: dict[int, Found] = {}
    youngest = max((operation.sent_at or 0.0 for operation in operations), default=0.0)
    await control.sleep(max(0.0, min(youngest + settle - control.clock(), settle)))

    async def resolve(operation: Operation) -> None:
        taken = {
            str(made)
            for (made,) in await journal.read(
                "SELECT result FROM operations WHERE subject = ? AND action = 'comment' AND state = 'done'",
                (operation.subject,),
            )
        }
        assert operation.case_id is not None
        try:
            finding = await find_comment(
                sender.session, operation.case_id, operation.value, operation.sent_at or 0.0, taken
            )
        except AuthenticationError:
            raise
        except (StatusError, TransportError, DecodeError) as error:
            finding = Finding(Found.UNCERTAIN, why=one_line(error))
        control.step("looked")
        findings[operation.number] = finding.found
        match finding.found:
            case Found.THERE:
                await sender.end(operation, State.DONE, finding.id)
            case Found.ABSENT:
                await journal.unsend([operation.number])
            case Found.UNCERTAIN:
                await sender.end(operation, State.UNKNOWN, error=f"its answer was lost, and {finding.why}")

    await control.each(operations, resolve)
    return findings
