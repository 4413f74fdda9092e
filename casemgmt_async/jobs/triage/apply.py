"""Apply a plan: in bulk where that takes fewer requests, and the rest one by one.

Of each rule that makes several changes, one case gets all its changes first. Then the actions follow in the order of
their table, so that each case gets them in that order. A bulk update answers nothing: its operations stay in `sending`
until the cases are read back and show the changes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from casemgmt_async import Case, cases
from casemgmt_async.jobs.actions import ACTIONS, REPEATABLE, TABLE, Action
from casemgmt_async.jobs.calls import CallStatus, Interrupted
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.journal import Journal, Operation, Outcome, State
from casemgmt_async.jobs.journal import triage_queries as queries
from casemgmt_async.jobs.journal.triage_queries import PlannedSpan
from casemgmt_async.jobs.recovery import SETTLE, resolve_comments
from casemgmt_async.jobs.sending import FAILURES, Sender, holds
from casemgmt_async.jobs.triage.batches import BulkChange
from casemgmt_async.jobs.triage.estimate import BY_PAGES, Groups, count_work, proven_by_bulk
from casemgmt_async.jobs.triage.known_cases import KeySearches, read_known, read_singly
from casemgmt_async.jobs.triage.plan import FreshPlan
from casemgmt_async.jobs.triage.refusals import STOPPED, Refusals
from casemgmt_async.jobs.triage.verify import Verification, unreadable

__all__ = ["Application", "ApplyOptions"]

ROUNDS: Final = 3
"""How often a comment is tried whose answer gets lost again and again."""
BLOCKED: Final = "an earlier step of this case was not done"
CHANGED: Final = "the case was changed since the plan"
REPLACING: Final = ("attributes",)
"""Actions whose request replaces more than the rule names, so that the case has to be read first."""


@frozen(kw_only=True)
class ApplyOptions:
    """How a plan is applied."""

    even_if_changed: bool
    """Change cases also if they changed since the plan."""
    retry_unknown: bool = False
    """Look once more for comments of which nobody knows whether they were made, and make those that are not there."""
    retry_rejected: bool = False
    """Try again what the service refused, and what was skipped because its rule was stopped."""
    settle: float = SETTLE
    """Seconds after which a request that was cut off will not take effect any more."""


@define(eq=False)
class Application:
    """One run over the operations of a plan."""

    sender: Sender
    options: ApplyOptions
    plan: Mapping[str, Any]
    """The facts that the plan stored with its run."""
    searches: KeySearches
    """How cases are found by their keys."""
    fresh: FreshPlan | None = None
    """What the plan has just read; without it the cases are read again before anything is changed."""
    is_untouched: bool = False
    """Whether no operation of the plan was ever begun; then all are planned, and none can have been cut off."""
    is_part: bool = False
    """Whether the journal's queries see one shard of the run; what takes pages to read back is left to the end."""
    refusals: Refusals = field(init=False)
    refused: set[tuple[str, str]] = field(init=False, factory=set)
    """Bulk updates, by action and payload, that the service does not take."""
    sent: dict[str, tuple[BulkChange, ...]] = field(init=False, factory=dict)
    """The bulk changes that have to be read back, by the id of the case."""
    names: dict[int, str] = field(init=False, factory=dict)
    """The ids of the cases, by the numbers of their subjects."""
    keys: dict[str, str] = field(init=False, factory=dict)
    """The keys of the cases, by id."""
    found: dict[str, str | None] = field(init=False, factory=dict)
    """The cases that searches have found in this run, with their projects."""
    in_bulk: bool = field(init=False, default=True)
    unproven: set[str] = field(init=False, factory=set)
    """Rules of which the first bulk update goes alone, to see whether the service takes it."""
    spans: Sequence[PlannedSpan] = field(init=False)
    """The operations that can go in bulk."""
    journal: Journal = field(init=False)
    control: JobControl = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.journal, self.control = self.sender.journal, self.sender.control
        self.spans = [PlannedSpan(*span) for span in self.plan["spans"]]
        self.refusals = Refusals(self.journal)
        self.sender.on_ended = self.refusals.heard

    async def run(self) -> None:
        """Do everything that is not done yet."""
        journal, control = self.journal, self.control
        if not self.is_part:
            await self.reopen()
        is_whole = await self.look_at() and not self.is_part
        groups = self.plan["changes"] if is_whole else await queries.planned_groups(journal)
        control.progress.phase("changing", sum(group[4] for group in groups))
        cases = len(self.names) if is_whole else (await queries.count_cases_of(journal, ACTIONS))[0]
        work = await count_work(journal, groups, cases)
        self.in_bulk = work.pays_in_bulk(self.plan["everything"], self.plan["chunk"])
        planned = {group[1] for group in groups}
        if not self.is_part and await self.first_cases(groups):
            await self.resolve_lost()
            planned = set(await queries.count_planned(journal))
        for action in (action for action in TABLE if action.name in planned):
            if control.should_stop:
                return
            if self.is_part and action.name in BY_PAGES:
                continue
            if action.hides:
                await self.verify()
            await self.stage(action)
        await self.verify()

    async def lead(self) -> None:
        """Let one case of each rule go all the way, before others do the parts of the run."""
        await self.reopen()
        await self.look_at()
        self.in_bulk = False  # so that rules whose first bulk update would go alone let a case go first, too
        await self.first_cases(await queries.planned_groups(self.journal))

    async def reopen(self) -> None:
        """Plan again what may be tried again."""
        if self.is_untouched:
            return
        await queries.reopen(
            self.journal,
            repeatable=REPEATABLE,
            blocked=BLOCKED,
            unknown=self.options.retry_unknown,
            rejected=self.options.retry_rejected,
            stopped=STOPPED,
        )

    async def look_at(self) -> bool:
        """Read the cases before they are changed, and find out what became of operations that were cut off.

        Returns whether every operation of the plan is still to be done.
        """
        whole = {State.PLANNED: self.plan["planned"]}
        opened = whole if self.is_untouched else await self.journal.counts()
        self.sender.failed = not FAILURES.isdisjoint(opened)
        rows = await queries.open_cases(self.journal, all_open=opened.keys() == {State.PLANNED})
        for case_id, subject, project_id, _, label in rows:
            self.names[subject] = case_id
            self.keys[case_id], _, _ = label.partition(" ")
            self.sender.projects[case_id] = project_id
        is_whole = opened == whole
        if self.fresh is None:
            is_whole = await self.check(rows) and is_whole
        else:
            self.sender.labels = self.fresh.labels
            self.found = dict(self.sender.projects)
        if not self.is_untouched:
            await self.resolve_lost()
        return is_whole

    async def check(self, rows: Sequence[queries.OpenCase]) -> bool:
        """Read the cases, skip those that changed since the plan, and settle operations that were cut off.

        Returns whether no case is left out.
        """
        journal, control = self.journal, self.control
        seen = {row.case_id: row for row in rows}
        begun = set() if self.is_untouched else await queries.subjects_begun(journal)
        watched = by_case(await self.watched())
        cut_off = by_case(each for some in watched.values() for each in some if each.state == State.SENDING)
        changed: list[int] = []
        control.progress.phase("checking", len(rows))

        async def see(found: Sequence[Case]) -> Collection[str]:
            shown: list[int] = []
            again: list[int] = []
            for case in found:
                self.found[case.id] = case.project_id
                row = seen[case.id]
                if (timestamp(case.modified_at) or 0.0) != row.seen and row.subject not in begun:
                    changed.append(row.subject)
                if case.id in watched:
                    self.sender.labels[case.id] = dict(case.attributes)
                for each in cut_off.get(case.id, ()):
                    (shown if holds(each, case) else again).append(each.number)
            await self.sender.write([Outcome(shown, State.DONE)])
            if again:
                await journal.unsend(again)
            control.progress.advance(len(found))
            return [case.id for case in found]

        unread = await read_known(self.searches, self.sender.projects, self.keys, see)
        errors = await read_singly(self.sender.session, control, unread.ids, see)
        for case_id in unread.ids:
            self.found.pop(case_id, None)
        skipped = [] if self.options.even_if_changed else changed
        if skipped:
            await queries.skip(journal, skipped, CHANGED)
        if errors:
            await self.give_up({seen[case_id].subject: error for case_id, error in errors.items()})
        return not skipped and not errors

    async def watched(self) -> Sequence[Operation]:
        """Read the operations for which the check needs more of a case than the time of its last change."""
        if self.is_untouched and not any(group[1] in REPLACING for group in self.plan["changes"]):
            return ()
        return await queries.watched_operations(self.journal, REPEATABLE, REPLACING)

    async def give_up(self, errors: Mapping[int, Exception]) -> None:
        """End the open operations of cases that cannot be read."""
        for state in (State.PLANNED, State.SENDING):
            rows = await queries.open_operations(self.journal, errors, state)
            sent = state is State.SENDING
            await self.sender.write(unreadable([number], errors[subject], sent=sent) for number, subject in rows)

    async def first_cases(self, groups: Groups) -> bool:
        """Let one case of each rule go all the way, or up to three until one of them does; says whether any did.

        For a rule that makes a single change in bulk, the first bulk update goes alone instead. A rule of which
        something is done already needs none.
        """
        new = {group[0] for group in groups}
        if not self.is_untouched:
            new -= await queries.proven_rules(self.journal)
        if self.in_bulk:
            self.unproven = new & proven_by_bulk(groups)
        first = await queries.first_cases(self.journal, new - self.unproven) if new - self.unproven else {}
        one_at_a_time: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)  # two rules may have the same first case

        async def lead(subjects: Sequence[int]) -> None:
            for subject in subjects:
                async with one_at_a_time[subject]:
                    if self.control.should_stop:
                        return
                    if await self.goes_all_the_way(subject):
                        return

        await self.control.each(first.values(), lead)
        return bool(first)

    async def goes_all_the_way(self, subject: int) -> bool:
        """Do the operations of one case, those that can be refused before comments; returns whether all are done.

        What a single change in bulk will prove is left to that.
        """
        planned = await queries.planned_of_case(self.journal, subject)
        operations = [each for each in planned if each.rule not in self.unproven]
        operations.sort(key=lambda each: (ACTIONS[each.action].hides, not ACTIONS[each.action].repeatable, each.number))
        for operation in operations:
            if not await self.sender.begin([operation.number]):
                return True
            if await self.sender.send(operation) is not State.DONE:
                return False
        return True

    async def stage(self, action: Action) -> None:
        """Do one action to every case that it is planned for."""
        journal, control = self.journal, self.control
        if self.sender.failed:
            await queries.skip_after_failures(journal, action.name, BLOCKED)
        if action.bulk is not None and self.in_bulk:
            batches = [batch async for batch in self.batches(action)]
            leading = {batch.rule: batch for batch in reversed(batches) if batch.rule in self.unproven}
            self.unproven -= leading.keys()
            await control.each(leading.values(), self.send_batch)
            await control.each((batch for batch in batches if leading.get(batch.rule) is not batch), self.send_batch)
            return
        for _ in range(ROUNDS):
            operations = await queries.planned_operations(journal, action.name)
            await control.each(by_case(operations).values(), self.send_singly)
            if control.should_stop or not await self.resolve_lost():
                return
        numbers = await queries.tried_numbers(journal, action.name)
        await self.sender.write([Outcome(numbers, State.UNKNOWN, error="its answer was lost every time")])

    async def batches(self, action: Action) -> AsyncIterator[BulkChange]:
        """Group the planned operations of an action: at most `chunk` cases that get the same by the same rule."""
        # Numbers and not operations: there may be a great many, and all are kept until the cases are read back.
        alike: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
        names = self.names
        for span in self.spans:
            if span.action == action.name:
                planned = await queries.planned_in_span(self.journal, span)
                alike[span.rule, span.payload] += [(names[subject], number) for subject, number in planned]
        for (rule, payload), same in alike.items():
            for start in range(0, len(same), self.plan["chunk"]):
                yield BulkChange(rule, action.name, payload, dict(same[start : start + self.plan["chunk"]]))

    async def send_batch(self, batch: BulkChange) -> None:
        """Send a batch in one request; one by one if it is a single case, or the service does not take it."""
        kind, numbers = (batch.action, batch.payload), list(batch.numbers.values())
        if batch.rule in self.refusals.stopped:
            return
        taken = await self.sender.begin(numbers)
        if not taken:
            return
        if len(numbers) > 1 and kind not in self.refused:
            if await self.send_bulk(batch.first(taken)):
                return
            self.refused.add(kind)
        await self.send_each(await queries.operations_numbered(self.journal, numbers[:taken]))

    async def send_singly(self, operations: Sequence[Operation]) -> None:
        """Send the operations of one case, one after the other."""
        if operations[0].rule not in self.refusals.stopped:
            await self.send_each(operations[: await self.sender.begin([operation.number for operation in operations])])

    async def send_each(self, operations: Sequence[Operation]) -> None:
        """Send operations that are written down as being sent."""
        for done, operation in enumerate(operations):
            if operation.rule in self.refusals.stopped:
                skipped = Outcome([operation.number], State.SKIPPED, error=self.refusals.reason)
                await self.sender.write([skipped])
                continue
            try:
                await self.sender.send(operation)
            except Interrupted:
                await self.journal.unsend(operation.number for operation in operations[done:])
                raise

    async def send_bulk(self, batch: BulkChange) -> bool:
        """Send a bulk update; says whether the service took it. Reading the cases back shows what it did."""
        control, action, ids = self.control, ACTIONS[batch.action], list(batch.numbers)
        kind, payload = action.bulk, action.bulk_payload(batch.value)
        assert kind is not None
        result = await control.attempt(
            lambda: cases.bulk_update_cases(self.sender.session, ids, action=kind, payload=payload),
            not_sent=lambda: self.journal.unsend(batch.numbers.values()),
        )
        if result.status is CallStatus.REFUSED:
            return False
        alone = (batch,)
        for case_id in ids:
            self.sent[case_id] = self.sent.get(case_id, ()) + alone
        if batch.action == "project":
            self.sender.projects.update(dict.fromkeys(ids, batch.value))
        control.step("bulk sent")
        control.progress.advance(len(ids))
        return True

    async def verify(self) -> None:
        """Read back what was changed in bulk."""
        waiting, self.sent = self.sent, {}
        if waiting and not self.control.should_stop:
            await Verification(self.sender, waiting, self.keys, self.found, self.searches).run()

    async def resolve_lost(self) -> bool:
        """Look for comments whose answers were lost; says whether there were any."""
        lost = await queries.lost_creates(self.journal, REPEATABLE)
        if lost:
            self.control.progress.phase("looking up", len(lost))
            await resolve_comments(self.sender, lost, settle=self.options.settle)
        return bool(lost)


def by_case(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """The operations of each case, in order."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        found[operation.name].append(operation)
    return found
