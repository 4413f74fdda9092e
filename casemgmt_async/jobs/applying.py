"""Doing what a plan says: in bulk where the API has it, and the rest one by one.

The actions go one after the other in the order of their table, so that each case gets them in that order. A
bulk update answers nothing: what it was for stays in `sending` until the cases, read back, show it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from attrs import define, field

from casemgmt_async import (
    AuthenticationError,
    Case,
    DecodeError,
    OutcomeUnknownError,
    ServerError,
    StatusError,
    TransportError,
    cases,
)
from casemgmt_async.jobs.actions import ACTIONS, TABLE, Action
from casemgmt_async.jobs.confirming import Confirmation, group, unreadable
from casemgmt_async.jobs.control import Interrupted
from casemgmt_async.jobs.journal import Operation, Outcome, State, among
from casemgmt_async.jobs.reading import read_by_pages, read_singly
from casemgmt_async.jobs.sending import Sender, holds, resolve_comments
from casemgmt_async.jobs.snapshot import seconds

__all__ = ["Application"]

ROUNDS: Final = 3
"""How often a comment is tried whose answer gets lost again and again."""
BLOCKED: Final = "an earlier step of this case was not done"
CHANGED: Final = "the case was changed since the plan"
REPEATABLE: Final = ", ".join(f"'{action.name}'" for action in TABLE if action.holds)


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
    sent: dict[str, list[Operation]] = field(init=False, factory=dict)
    """What was sent in bulk and is to be read back, by the id of the case."""
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
        planned = dict(await journal.read("SELECT action, count(*) FROM operations WHERE state = 'planned' GROUP BY 1"))
        control.phase("changing", sum(planned.values()))
        for action in (action for action in TABLE if action.name in planned):
            if control.hurried:
                return
            if action.hides:
                await self.confirm()
            await self.stage(action)
        await self.confirm()

    async def check(self) -> None:
        """Read the cases: those changed since the plan are skipped, and what was cut off is seen to."""
        journal, control = self.sender.journal, self.sender.control
        rows = await journal.read(
            "SELECT name, number, project_id, seen FROM subjects "
            "WHERE number IN (SELECT subject FROM operations WHERE state IN ('planned', 'sending'))"
        )
        seen = {case_id: when for case_id, _, _, when in rows}
        subjects = {case_id: number for case_id, number, _, _ in rows}
        begun = {
            number for (number,) in await journal.read("SELECT DISTINCT subject FROM operations WHERE sent_at > 0")
        }
        watched = group(
            await journal.operations(
                f"o.state = 'sending' AND o.action IN ({REPEATABLE}) OR o.state = 'planned' AND o.action = 'attributes'"
            )
        )
        changed: list[int] = []
        control.phase("checking", len(rows))

        async def see(found: Sequence[Case]) -> Collection[str]:
            shown: list[Operation] = []
            again: list[Operation] = []
            for case in found:
                self.on_pages[case.id] = case.project_id
                if seconds(case.modified_at) != seen[case.id] and subjects[case.id] not in begun:
                    changed.append(subjects[case.id])
                for operation in watched.get(case.id, ()):
                    if operation.action == "attributes":
                        self.sender.labels[case.id] = dict(case.attributes)
                    if operation.state == State.SENDING:
                        (shown if holds(operation, case) else again).append(operation)
            await self.sender.write(Outcome(operation.number, State.DONE) for operation in shown)
            if again:
                await journal.unsend(again)
            control.advance(len(found))
            return [case.id for case in found]

        wanted = {case_id: project for case_id, _, project, _ in rows}
        unread = await read_by_pages(self.sender.session, control, wanted, see)
        errors = await read_singly(self.sender.session, control, unread.ids, see)
        for case_id in unread.ids:
            self.on_pages.pop(case_id, None)
        await self.skip_changed(changed)
        for case_id, error in errors.items():
            where = "o.subject = ? AND o.state IN ('planned', 'sending')"
            await self.sender.write(unreadable(await journal.operations(where, (subjects[case_id],)), error))

    async def skip_changed(self, subjects: Sequence[int]) -> None:
        """Skip what was planned for cases that were changed since, unless told otherwise."""
        if not self.even_if_changed and subjects:
            which = f"state = 'planned' AND subject IN ({among(subjects)})"
            sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {which}"  # noqa: S608 - numbers
            await self.sender.journal.write((sql, [(CHANGED,)]))

    async def stage(self, action: Action) -> None:
        """Do one action to every case that is to get it."""
        journal, control = self.sender.journal, self.sender.control
        failed = "SELECT DISTINCT subject FROM operations WHERE state IN ('rejected', 'unknown')"
        if subjects := await journal.read(failed):
            which = f"state = 'planned' AND action = ? AND subject IN ({among(subject for (subject,) in subjects)})"
            sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {which}"  # noqa: S608 - numbers
            await journal.write((sql, [(BLOCKED, action.name)]))
        for _ in range(ROUNDS):
            operations = await journal.operations("o.state = 'planned' AND o.action = ?", (action.name,))
            await control.each(self.units(action, operations), self.send)
            if control.hurried or not await self.resolve_lost():
                return
        lost = await journal.operations("o.state = 'planned' AND o.action = ? AND o.sent_at > 0", (action.name,))
        await self.sender.write(
            Outcome(each.number, State.UNKNOWN, error="its answer was lost every time") for each in lost
        )

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
        for operation in unit:
            self.sent.setdefault(operation.name, []).append(operation)
        control.checkpoint("bulk sent")
        control.advance(len(unit))
        return True

    async def confirm(self) -> None:
        """Read back what was changed in bulk."""
        if self.sender.control.hurried:
            return
        waiting, self.sent = self.sent, {}
        if waiting:
            await Confirmation(self.sender, waiting, self.on_pages).run()

    async def resolve_lost(self) -> bool:
        """Look for comments whose answers were lost; tells whether there were any."""
        where = f"o.state = 'sending' AND o.action NOT IN ({REPEATABLE})"
        lost = await self.sender.journal.operations(where)
        if lost:
            await resolve_comments(self.sender, lost, settle=self.settle)
        return bool(lost)
