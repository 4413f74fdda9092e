"""Doing what a plan says: in bulk where the API has it, and the rest one by one.

The actions go one after the other in the order of their table, so that each case gets them in that order. A
bulk update answers nothing: what it was for stays in `sending` until the cases, read back, show it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.journal import Operation, Outcome, State
from casemgmt_async.jobs.sending import Batch, Sender, holds, resolve_comments
from casemgmt_async.jobs.triage.reading import read_by_pages, read_singly
from casemgmt_async.jobs.triage.verify import Confirmation, unreadable

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
    sent: dict[str, tuple[Batch, ...]] = field(init=False, factory=dict)
    """What was sent in bulk and is to be read back, by the id of the case."""
    names: dict[int, str] = field(init=False, factory=dict)
    """The ids of the cases, by the numbers of their subjects."""
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
        control.progress.phase("changing", sum(planned.values()))
        for action in (action for action in TABLE if action.name in planned):
            if control.should_stop:
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
        control.progress.phase("checking", len(rows))

        async def see(found: Sequence[Case]) -> Collection[str]:
            shown: list[int] = []
            again: list[int] = []
            for case in found:
                self.on_pages[case.id] = case.project_id
                if timestamp(case.modified_at) != seen[case.id] and subjects[case.id] not in begun:
                    changed.append(subjects[case.id])
                for operation in watched.get(case.id, ()):
                    if operation.action == "attributes":
                        self.sender.labels[case.id] = dict(case.attributes)
                    if operation.state == State.SENDING:
                        (shown if holds(operation, case) else again).append(operation.number)
            await self.sender.write([Outcome(shown, State.DONE)])
            if again:
                await journal.unsend(again)
            control.progress.advance(len(found))
            return [case.id for case in found]

        self.names = {number: case_id for case_id, number, _, _ in rows}
        self.sender.projects = {case_id: project for case_id, _, project, _ in rows}
        unread = await read_by_pages(self.sender.session, control, self.sender.projects, see)
        errors = await read_singly(self.sender.session, control, unread.ids, see)
        for case_id in unread.ids:
            self.on_pages.pop(case_id, None)
        await self.skip_changed(changed)
        if errors:
            await self.give_up({subjects[case_id]: error for case_id, error in errors.items()})

    async def give_up(self, errors: Mapping[int, Exception]) -> None:
        """End what is open of cases that cannot be read."""
        for state in (State.PLANNED, State.SENDING):
            which = "state = ? AND subject IN (SELECT value FROM json_each(?))"
            rows = await self.sender.journal.read(
                f"SELECT number, subject FROM operations WHERE {which}",  # noqa: S608 - our own words
                (state.value, json.dumps(list(errors))),
            )
            sent = state is State.SENDING
            await self.sender.write(unreadable([number], errors[subject], sent=sent) for number, subject in rows)

    async def skip_changed(self, subjects: Sequence[int]) -> None:
        """Skip what was planned for cases that were changed since, unless told otherwise."""
        if not self.even_if_changed and subjects:
            which = "state = 'planned' AND subject IN (SELECT value FROM json_each(?))"
            sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {which}"  # noqa: S608 - our own words
            await self.sender.journal.write((sql, [(CHANGED, json.dumps(subjects))]))

    async def stage(self, action: Action) -> None:
        """Do one action to every case that is to get it."""
        journal, control = self.sender.journal, self.sender.control
        failed = "SELECT subject FROM operations WHERE state IN ('rejected', 'unknown')"
        which = f"state = 'planned' AND action = ? AND subject IN ({failed})"
        sql = f"UPDATE operations SET state = 'skipped', error = ? WHERE {which}"  # noqa: S608 - our own words
        await journal.write((sql, [(BLOCKED, action.name)]))
        if action.bulk is not None:
            await control.each(await self.batches(action), self.send_batch)
            return
        for _ in range(ROUNDS):
            operations = await journal.operations("o.state = 'planned' AND o.action = ?", (action.name,))
            await control.each(group(operations).values(), self.send_singly)
            if control.should_stop or not await self.resolve_lost():
                return
        lost = await journal.read(
            "SELECT number FROM operations WHERE state = 'planned' AND action = ? AND sent_at > 0", (action.name,)
        )
        numbers = [number for (number,) in lost]
        await self.sender.write([Outcome(numbers, State.UNKNOWN, error="its answer was lost every time")])

    async def batches(self, action: Action) -> Iterator[Batch]:
        """What of an action is sent together: some hundred cases at most that get the same."""
        # Numbers and not operations: there may be a great many, and all are kept until the cases are read back.
        rows = await self.sender.journal.read(
            "SELECT payload, subject, number FROM operations WHERE state = 'planned' AND action = ? ORDER BY number",
            (action.name,),
        )
        alike: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for payload, subject, number in rows:
            alike[payload].append((self.names[subject], number))
        return (
            Batch(action.name, payload, dict(same[start : start + self.chunk]))
            for payload, same in alike.items()
            for start in range(0, len(same), self.chunk)
        )

    async def send_batch(self, batch: Batch) -> None:
        """Send a batch in one request; one by one where it is a single case, or the service does not take it."""
        kind, numbers = (batch.action, batch.payload), list(batch.numbers.values())
        if len(numbers) > 1 and kind not in self.refused:
            taken = await self.sender.begin(numbers)
            if not taken or await self.send_bulk(batch.first(taken)):
                return
            self.refused.add(kind)
        else:
            taken = await self.sender.begin(numbers)
        which = "o.number IN (SELECT value FROM json_each(?))"
        await self.send_each(await self.sender.journal.operations(which, (json.dumps(numbers[:taken]),)))

    async def send_singly(self, operations: Sequence[Operation]) -> None:
        """Send what one case gets, one after the other."""
        await self.send_each(operations[: await self.sender.begin([operation.number for operation in operations])])

    async def send_each(self, operations: Sequence[Operation]) -> None:
        """Send operations that are written down as being sent."""
        for done, operation in enumerate(operations):
            try:
                await self.sender.send(operation)
            except Interrupted:
                await self.sender.journal.unsend(operation.number for operation in operations[done:])
                raise

    async def send_bulk(self, batch: Batch) -> bool:
        """Send a bulk update; tells whether the service took it. What it did is seen when the cases are read back."""
        control, action, ids = self.sender.control, ACTIONS[batch.action], list(batch.numbers)
        kind, payload = action.bulk, action.bulk_payload(batch.value)
        assert kind is not None
        try:
            await control.call(lambda: cases.bulk_update_cases(self.sender.session, ids, action=kind, payload=payload))
        except (AuthenticationError, Interrupted):
            await self.sender.journal.unsend(batch.numbers.values())
            raise
        except (OutcomeUnknownError, ServerError, TransportError, DecodeError):
            pass  # reading back tells
        except StatusError:
            return False
        alone = (batch,)
        for case_id in ids:
            self.sent[case_id] = self.sent.get(case_id, ()) + alone
        if batch.action == "project":
            self.sender.projects.update(dict.fromkeys(ids, batch.value))
        control.step("bulk sent")
        control.progress.advance(len(ids))
        return True

    async def confirm(self) -> None:
        """Read back what was changed in bulk."""
        if self.sender.control.should_stop:
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


def group(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The operations of each case, in order."""
    by_case: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_case[operation.name].append(operation)
    return by_case
