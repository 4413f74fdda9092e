"""The second half of a triage: do what the plan says, in bulk where the API has it, and read it back.

The actions go one after the other in the order of their table, so that each case gets them in that order. A
bulk update answers nothing: what it was for stays in `sending` until the cases, read back, show it. What they
do not show is done one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from casemgmt_async import (
    AuthenticationError,
    Case,
    CaseSession,
    DecodeError,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
    StatusError,
    TransportError,
    cases,
)
from casemgmt_async.jobs.actions import ACTIONS, TABLE, Action
from casemgmt_async.jobs.control import Control, Interrupted, JobResult
from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal, Operation, Outcome, State, after
from casemgmt_async.jobs.plan import CHUNK, make_plan, open_triage
from casemgmt_async.jobs.reading import read_by_pages, read_singly
from casemgmt_async.jobs.rules import RuleSet
from casemgmt_async.jobs.sending import Sender, one_line, resolve_comments
from casemgmt_async.jobs.snapshot import seconds

__all__ = ["SETTLE", "apply_triage", "run_triage"]

SETTLE: Final = 30.0
"""Seconds after which a request that was cut off will not take effect any more."""
ROUNDS: Final = 3
"""How often a comment is tried whose answer gets lost again and again."""
BLOCKED: Final = "an earlier step of this case was not done"
REPEATABLE: Final = ", ".join(f"'{action.name}'" for action in TABLE if action.holds)


async def apply_triage(
    session: CaseSession,
    *,
    journal: str | Path,
    control: Control | None = None,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Do what the plan in a journal says, or what is left of it.

    A case that was changed since the plan was made is skipped, unless `even_if_changed`. `retry_unknown` looks
    once more for comments of which nobody knows whether they were made, and makes those that are not there.
    A request that was cut off is given `settle` seconds before its absence is believed.
    """
    control = control or Control()
    async with open_triage(journal, control) as book:
        if not book.meta.get("planned"):
            raise JobError(f"journal {book.path}: there is no plan in it; make one first")
        options = {"even_if_changed": even_if_changed, "retry_unknown": retry_unknown, "settle": settle}
        return await _apply(session, book, control, options)


async def run_triage(
    session: CaseSession,
    rules: RuleSet,
    *,
    journal: str | Path,
    control: Control | None = None,
    chunk: int = CHUNK,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Plan and apply, or go on with what the journal holds; the arguments are those of both.

    Raises `JobError` where the journal holds a plan of other rules.
    """
    control = control or Control()
    async with open_triage(journal, control) as book:
        if not book.meta.get("planned"):
            await control.run(session, make_plan(session, rules, book, control, chunk))
        elif book.meta.get("digest") != rules.digest:
            raise JobError(f"journal {book.path}: its plan was made with other rules; apply that, or give a new path")
        options = {"even_if_changed": even_if_changed, "retry_unknown": retry_unknown, "settle": settle}
        return await _apply(session, book, control, options)


async def _apply(
    session: CaseSession, journal: Journal, control: Control, options: Mapping[str, bool | float]
) -> JobResult:
    sender = Sender(session, journal, control)
    if journal.meta.get("planned") and not control.hurried:
        work = Application(sender, int(journal.meta["chunk"]), **options)  # type: ignore[arg-type]
        await control.run(session, work.run())
    ((items,),) = await journal.read("SELECT count(*) FROM subjects")
    return JobResult(
        job="triage",
        journal=journal.path,
        states=await journal.counts(),
        items=items,
        stopped=control.stopped,
        interrupted=control.interrupted,
        requests=control.requests,
        one_by_one=sender.sent,
        elapsed=control.elapsed,
    )


@define(eq=False)
class Application:
    """One run over the operations of a plan."""

    sender: Sender
    chunk: int
    even_if_changed: bool
    retry_unknown: bool
    settle: float
    refused: set[tuple[str, str]] = field(init=False, factory=set)
    """Bulk updates, by action and payload, that the service does not take."""
    on_pages: dict[str, str | None] = field(init=False, factory=dict)
    """Cases that were seen on the pages of their project in this run."""

    async def run(self) -> None:
        """Do everything that is not done yet."""
        journal, control = self.sender.journal, self.sender.control
        again = f"(state = 'unknown' AND action IN ({REPEATABLE})) OR (state = 'skipped' AND error = ?)"
        await journal.write((f"UPDATE operations SET state = 'planned' WHERE {again}", [(BLOCKED,)]))  # noqa: S608
        if self.retry_unknown:
            await journal.write(("UPDATE operations SET state = 'sending' WHERE state = 'unknown'", [()]))
        await self.check()
        await self.resolve_lost()
        ((total,),) = await journal.read("SELECT count(*) FROM operations WHERE state = 'planned'")
        control.phase("changing", total)
        for action in TABLE:
            if control.hurried:
                return
            if action.hides:
                await self.confirm()
            await self.stage(action)
        await self.confirm()

    async def check(self) -> None:
        """Read the cases: those changed since the plan are skipped, and what was cut off is seen to."""
        journal, control = self.sender.journal, self.sender.control
        open_now = await journal.operations("o.state = 'planned' OR o.state = 'sending'")
        by_case = group(open_now)
        begun = {
            subject for (subject,) in await journal.read("SELECT DISTINCT subject FROM operations WHERE sent_at > 0")
        }
        control.phase("checking", len(by_case))

        async def see(found: Sequence[Case]) -> Collection[str]:
            outcomes, again, now = [], [], {}
            for case in found:
                operations = by_case[case.id]
                first = operations[0]
                self.on_pages.setdefault(case.id, case.project_id)
                changed = seconds(case.modified_at) != first.seen and first.subject not in begun
                for operation in operations:
                    if operation.action == "attributes":
                        self.sender.labels[case.id] = dict(case.attributes)
                    holds = ACTIONS[operation.action].holds
                    if operation.state is State.SENDING and holds is not None:
                        if holds(case, operation.value):
                            outcomes.append(Outcome(operation.number, State.DONE))
                            now[operation.subject] = case
                        else:
                            again.append(operation)
                    elif operation.state is State.PLANNED and changed and not self.even_if_changed:
                        outcomes.append(
                            Outcome(operation.number, State.SKIPPED, error="the case was changed since the plan")
                        )
            await self.write(outcomes, now)
            await journal.unsend(again)
            control.advance(len(found))
            return [case.id for case in found]

        wanted = {case_id: operations[0].project_id for case_id, operations in by_case.items()}
        unread = await read_by_pages(self.sender.session, control, wanted, see)
        for case_id in unread.ids:
            self.on_pages.pop(case_id, None)
        errors = await read_singly(self.sender.session, control, unread.ids, see)
        await self.write(
            outcome for case_id, error in errors.items() for outcome in unreadable(by_case[case_id], error)
        )

    async def stage(self, action: Action) -> None:
        """Do one action to every case that is to get it."""
        journal, control = self.sender.journal, self.sender.control
        block = (
            "UPDATE operations SET state = 'skipped', error = ? WHERE state = 'planned' AND action = ? AND subject IN "
            "(SELECT subject FROM operations WHERE state IN ('rejected', 'unknown'))"
        )
        await journal.write((block, [(BLOCKED, action.name)]))
        for _ in range(ROUNDS):
            operations = await journal.operations("o.state = 'planned' AND o.action = ?", (action.name,))
            await control.each(self.units(action, operations), self.send)
            if control.hurried or not await self.resolve_lost():
                return
        lost = await journal.operations("o.state = 'planned' AND o.action = ? AND o.sent_at > 0", (action.name,))
        await self.write(Outcome(each.number, State.UNKNOWN, error="its answer was lost every time") for each in lost)

    def units(self, action: Action, operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
        """What is sent together: many cases that get the same, or all that one case gets."""
        if action.bulk is None:
            yield from group(operations).values()
            return
        alike: dict[str, list[Operation]] = defaultdict(list)
        for operation in operations:
            alike[operation.payload].append(operation)
        for same in alike.values():
            for start in range(0, len(same), self.chunk):
                yield same[start : start + self.chunk]

    async def send(self, unit: Sequence[Operation]) -> None:
        """Send a unit: in one request where several cases get the same, else one by one."""
        kind = unit[0].action, unit[0].payload
        if len(unit) > 1 and ACTIONS[unit[0].action].bulk is not None and kind not in self.refused:
            taken = await self.sender.begin(unit)
            if not taken or await self.send_bulk(taken):
                return
            self.refused.add(kind)
            unit = taken
        else:
            unit = await self.sender.begin(unit)
        for number, operation in enumerate(unit):
            try:
                await self.sender.send(operation)
            except Interrupted:
                await self.sender.journal.unsend(unit[number:])
                raise

    async def send_bulk(self, unit: Sequence[Operation]) -> bool:
        """Send a bulk update; tells whether the service took it. What it did is seen when the cases are read back."""
        control, first = self.sender.control, unit[0]
        action = ACTIONS[first.action]
        ids = [operation.name for operation in unit]
        kind, payload = action.bulk, action.bulk_payload(first.value)
        assert kind is not None
        try:
            await control.call(lambda: cases.bulk_update_cases(self.sender.session, ids, action=kind, payload=payload))
        except (AuthenticationError, Interrupted):
            await self.sender.journal.unsend(unit)
            raise
        except (OutcomeUnknownError, ServerError, TransportError, DecodeError):
            pass  # reading back tells
        except StatusError:
            return False
        control.checkpoint("bulk sent")
        control.advance(len(unit))
        return True

    async def confirm(self) -> None:
        """Read back what was changed in bulk; what the cases do not show is done one by one."""
        journal, control = self.sender.journal, self.sender.control
        if control.hurried:
            return
        waiting = group(await journal.operations(f"o.state = 'sending' AND o.action IN ({REPEATABLE})"))
        if not waiting:
            return
        control.phase("confirming", len(waiting))

        async def see_pages(found: Sequence[Case]) -> Collection[str]:
            shown = [case for case in found if all(holds(operation, case) for operation in waiting[case.id])]
            for case in found:
                self.on_pages[case.id] = case.project_id
            await self.settle_shown(waiting, shown)
            control.advance(len(shown))
            return [case.id for case in shown]

        async def see_one(found: Sequence[Case]) -> Collection[str]:
            (case,) = found
            missing = [operation for operation in waiting[case.id] if not holds(operation, case)]
            if not missing:
                await self.settle_shown(waiting, found)
            for operation in missing:
                await self.sender.send(operation)
            if missing:
                done = [each for each in waiting[case.id] if each not in missing]
                await self.write(Outcome(operation.number, State.DONE) for operation in done)
            control.advance()
            return [case.id]

        wanted = {case_id: project_now(operations) for case_id, operations in waiting.items()}
        unread = await read_by_pages(self.sender.session, control, wanted, see_pages)
        hidden = [
            case_id
            for case_id, project in unread.ids.items()
            if self.left_the_pages(waiting[case_id], project, unread.whole)
        ]
        await self.write(Outcome(each.number, State.DONE) for case_id in hidden for each in waiting[case_id])
        left = unread.ids.keys() - set(hidden)
        errors = await read_singly(self.sender.session, control, left, see_one)
        await self.write(
            outcome for case_id, error in errors.items() for outcome in unreadable(waiting[case_id], error)
        )

    def left_the_pages(
        self, operations: Sequence[Operation], project: str | None, whole: Collection[str | None]
    ) -> bool:
        """Whether a case was on the pages of its project before, and is on none of them now that it was archived."""
        seen = self.on_pages.get(operations[0].name, "") == project and project in whole
        return seen and all(ACTIONS[operation.action].hides for operation in operations)

    async def settle_shown(self, waiting: Mapping[str, Sequence[Operation]], shown: Iterable[Case]) -> None:
        """Write down that cases show what was done to them."""
        pairs = [(operation, case) for case in shown for operation in waiting[case.id]]
        now = {operation.subject: case for operation, case in pairs}
        await self.write((Outcome(operation.number, State.DONE) for operation, _ in pairs), now)

    async def resolve_lost(self) -> bool:
        """Look for comments whose answers were lost; tells whether there were any."""
        where = f"o.state = 'sending' AND o.action NOT IN ({REPEATABLE})"
        lost = await self.sender.journal.operations(where)
        if lost:
            await resolve_comments(self.sender, lost, settle=self.settle)
        return bool(lost)

    async def write(self, outcomes: Iterable[Outcome], now: Mapping[int, Case] | None = None) -> None:
        """Write down outcomes, and what the cases are like now."""
        ended = list(outcomes)
        if not ended:
            return
        self.sender.control.checkpoint("ending")
        await self.sender.journal.end(ended, *([after(now.items())] if now else []))
        self.sender.control.ended(ended)
        self.sender.control.checkpoint("ended")


def group(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The operations of each case, in order."""
    by_case: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_case[operation.name].append(operation)
    return {case_id: sorted(each, key=lambda operation: operation.stage) for case_id, each in by_case.items()}


def holds(operation: Operation, case: Case) -> bool:
    """Whether a case shows what an operation was for."""
    check = ACTIONS[operation.action].holds
    return check is not None and check(case, operation.value)


def project_now(operations: Sequence[Operation]) -> str | None:
    """The project that a case is in once the operations are done."""
    return next((each.value for each in operations if each.action == "project"), operations[0].project_id)


def unreadable(operations: Iterable[Operation], error: Exception) -> Iterator[Outcome]:
    """What becomes of operations whose case cannot be read: never sent, or sent and not to be confirmed."""
    said = f"the case could not be read: {one_line(error)}"
    for operation in operations:
        sure = isinstance(error, NotFoundError) or operation.state is State.PLANNED
        yield Outcome(operation.number, State.REJECTED if sure else State.UNKNOWN, error=said)
