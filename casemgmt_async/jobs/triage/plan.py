"""Make a plan: read every case, decide, write the plan into the journal, change nothing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias

from attrs import astuple, define, field, frozen

from casemgmt_async import Case, CaseSession, cases
from casemgmt_async.jobs.actions import ACTIONS, Step, canonical, canonical_text, describe
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.errors import PlanTooLargeError
from casemgmt_async.jobs.journal import Journal, JournalAddress, Run, RunState
from casemgmt_async.jobs.journal.runs import keep_activity, replace_plan, update_run
from casemgmt_async.jobs.journal.triage_queries import (
    PlannedCase,
    PlannedOperation,
    PlannedSpan,
    PlannedStep,
    insert_cases,
    insert_planned,
)
from casemgmt_async.jobs.snapshot import Tally
from casemgmt_async.jobs.triage.changes import Change
from casemgmt_async.jobs.triage.estimate import BY_PAGES, AnswerPace, count_work, estimate_requests
from casemgmt_async.jobs.triage.first_look import FirstLook
from casemgmt_async.jobs.triage.hints import Observed, warnings_of, warnings_of_names
from casemgmt_async.jobs.triage.limits import too_large
from casemgmt_async.jobs.triage.reading import CaseReader, last_activity
from casemgmt_async.jobs.triage.rules import RuleSet, TimelineNeeded, View

__all__ = ["CHUNK", "FreshPlan", "Plan", "PlanOptions", "PlanRow", "make_plan", "sum_up"]

CHUNK: Final = 100
"""Cases in one bulk update."""
FLUSH_EVERY: Final = 2_000
Alike: TypeAlias = tuple[int, str, str]
"""What steps have in common that can share a bulk update: stage, rule, payload; for other actions the stage alone."""
GROUP_OF_STEP: Final = itemgetter(1, 3, 4, 2)
"""Takes rule, action, payload and stage out of a planned step."""


@frozen
class PlanRow:
    """One line of the table of a plan."""

    rule: str
    """The rule."""
    action: str
    """The action, with its value if that is short enough to show."""
    operations: int
    """How many cases it is done to."""


@frozen(kw_only=True)
class Plan:
    """What a triage is going to do."""

    state: JournalAddress
    """The state file that holds it."""
    run: int
    """The number of the run."""
    rows: tuple[PlanRow, ...]
    """Rule by action, in the order of the rules."""
    cases: int
    """Cases read."""
    matched: int
    """Cases that get at least one operation."""
    operations: int
    """Operations planned."""
    unchanged: int
    """Steps left out because the case is already in the desired state."""
    requests: int
    """Requests that applying it takes, reading the cases back included, and reading them first if it is done later."""
    seconds: float
    """Seconds that they take if it is applied now."""
    basis: str
    """The basis of the estimate: the rate limit that answers reported, or the measured speed."""
    converged: bool
    """Whether nothing suggests that a case was missed while the cases were read."""
    warnings: tuple[str, ...] = ()
    """What looks like a mistake: rules that match nothing, values that no case has, a filter that finds nothing."""
    names: Mapping[str, str] = field(factory=dict)
    """The names that rules use and the ids they stand for, as labels by id."""
    replaces: int | None = None
    """The number of a plan that was never applied and that this one replaces."""
    changes: tuple[Change, ...] = ()
    """The change of each case after a dry run; otherwise empty, and `read_changes` reads them."""


@frozen(kw_only=True)
class PlanOptions:
    """How a plan is made."""

    chunk: int = CHUNK
    """Cases in one bulk update."""
    complete: bool = False
    """Read the cases until no pass finds a new one."""
    dry_run: bool = False
    """Warn of a plan that is too large, and do not refuse it."""
    at_once: bool = False
    """Whether the plan is applied as soon as it is made."""


@define(eq=False)
class FreshPlan:
    """What the plan has read of cases, for an apply that follows at once."""

    labels: dict[str, dict[str, Sequence[str]]] = field(factory=dict)
    """The attributes of the cases whose attributes change, by id."""


@define(eq=False)
class Planner:
    """Decides about cases and writes the decisions into the journal, some thousand at a time."""

    journal: Journal
    run: Run
    rules: RuleSet
    view: View
    tally: Tally
    fresh: FreshPlan = field(factory=FreshPlan)
    observed: Observed = field(factory=Observed)
    cases: int = 0
    unchanged: int = 0
    undecided: list[tuple[Case, int]] = field(factory=list)
    """Cases whose timeline has to be read first, with the numbers of their kinds."""
    subjects: list[PlannedCase] = field(factory=list)
    steps: defaultdict[Alike, list[PlannedStep]] = field(factory=lambda: defaultdict(list))
    """The steps that were decided, grouped by bulk update."""
    groups: Counter[tuple[str, str, str, int]] = field(factory=Counter)
    """The number of planned operations by rule, action, payload and stage."""
    spans: list[PlannedSpan] = field(factory=list)
    """The numbers of the operations that bulk updates can do."""
    gone: Collection[str] = ()
    """Rules that were remembered when changes were last made, and that are not among the rules any more."""
    refused: Counter[tuple[str, str]] = field(factory=Counter)
    """Cases whose type does not allow the status that a rule sets, by rule and status."""
    allows: Any = lambda type_id, status: True  # noqa: ARG005
    _subject: int = 0
    _operation: int = 0
    _needs_activity: bool = False

    def __attrs_post_init__(self) -> None:
        self._subject, self._operation = self.run.first_subject, self.run.first_operation
        self._needs_activity = self.rules.needs_activity
        self.tally.on_new = self.observed.add

    @property
    def matched(self) -> int:
        """Cases that get at least one operation."""
        return self._subject - self.run.first_subject

    @property
    def operations(self) -> int:
        """Operations planned."""
        return self._operation - self.run.first_operation

    def kinds_of_work(self) -> list[tuple[str, str, str, int, int]]:
        """Count equal operations: rule, action, payload (only for bulk actions), stage, count."""
        counts: Counter[tuple[str, str, str, int]] = Counter()
        for (rule, action, payload, stage), count in self.groups.items():
            counts[rule, action, payload if ACTIONS[action].bulk is not None else "", stage] += count
        return [(*group, count) for group, count in sorted(counts.items())]

    def warnings_of_names(self) -> list[str]:
        """Warn of rules that change cases and have no memory, if remembered rules are gone."""
        if not self.gone:
            return []
        known = Counter(name for _, name in self.view.memory)
        planned = {rule for rule, *_ in self.groups}
        new = [name for name in self.rules.remembered if name in planned and name not in known]
        return warnings_of_names(new, {name: known[name] for name in self.gone if name in known})

    @property
    def by_pages(self) -> bool:
        """Whether a planned action makes its case impossible to find by its key."""
        return any(action in BY_PAGES for _, action, _, _ in self.groups)

    def take(self, case: Case) -> None:
        """Count a case and decide about it."""
        self.cases += 1
        self.decide(case, self.tally.add(case))

    def decide(self, case: Case, kind: int) -> None:
        """Decide about one case, or postpone it until its timeline was read."""
        try:
            steps = self.rules.decide(case, self.view)
            if not steps:
                return
            needed = [decided for decided in steps if not is_unchanged(case, decided[1])]
            active = (self.view.active_at(case),) if needed and self._needs_activity else ()
        except TimelineNeeded:
            self.undecided.append((case, kind))
            return
        self.unchanged += len(steps) - len(needed)
        if not needed or not (needed := self.allowed(case, needed)):
            return
        subject, self._subject = self._subject, self._subject + 1
        label = f"{case.key} {case.title}"
        seen, created = timestamp(case.modified_at) or 0.0, timestamp(case.created_at)
        self.subjects.append((subject, case.id, label, case.id, case.project_id, seen, kind, created, *active))
        for rule, step in needed:
            if step.action == "attributes":
                self.fresh.labels[case.id] = dict(case.attributes)
            action = ACTIONS[step.action]
            was = action.current(case, step.payload)
            shown = canonical_text(was) if was is None or isinstance(was, str) else canonical(was)
            alike = (step.stage, rule, step.text) if action.bulk is not None else (step.stage, "", "")
            self.steps[alike].append((subject, rule, step.stage, step.action, step.text, shown))

    def allowed(self, case: Case, steps: list[tuple[str, Step]]) -> list[tuple[str, Step]]:
        """Leave out the rules that set a status which the case's type does not have."""
        bad = {
            rule: step.payload
            for rule, step in steps
            if step.action == "status" and not self.allows(case.type_id, step.payload)
        }
        if not bad:
            return steps
        self.refused.update(bad.items())
        return [decided for decided in steps if decided[0] not in bad]

    async def flush(self) -> None:
        """Write down what was decided.

        What travels in one bulk update gets numbers in a row, so that the journal changes its state in one go. The
        operations of a case keep their order, since they are sorted by stage first.
        """
        if self.subjects:
            subjects, self.subjects = self.subjects, []
            rows: list[PlannedOperation] = []
            for alike in sorted(self.steps):
                same, first = self.steps[alike], self._operation
                rows += [(number, *step) for number, step in enumerate(same, first)]
                self._operation += len(same)
                self.groups.update(map(GROUP_OF_STEP, same))
                if ACTIONS[same[0][3]].bulk is not None:
                    rule, action, payload, _ = GROUP_OF_STEP(same[0])
                    self.spans.append(PlannedSpan(rule, action, payload, first, self._operation - 1))
            self.steps.clear()
            await self.journal.write(insert_cases(subjects), insert_planned(rows))

    async def read_timelines(self, session: CaseSession, control: JobControl) -> None:
        """Read the timelines of the cases that need it, and decide about them."""
        waiting, self.undecided = self.undecided, []
        if waiting:
            control.progress.phase("reading timelines", len(waiting))

        async def read(item: tuple[Case, int]) -> None:
            case, _ = item
            result = await control.attempt(lambda: last_activity(session, case, self.view))
            # Where the timeline cannot be read, the case counts as active: nothing is warned or closed on a guess.
            self.view.timelines[case.id] = (
                self.view.now if result.status is not CallStatus.ANSWERED else result.answer or 0.0
            )
            control.progress.advance()

        await control.each(waiting, read)
        if control.should_stop:
            return
        for case, kind in waiting:
            self.decide(case, kind)
        known = [
            (case.id, self.view.active_at(case), timestamp(case.modified_at) or 0.0)
            for case, _ in waiting
            if self.view.timelines[case.id] != self.view.now
        ]
        await self.journal.write(keep_activity(known))


def is_unchanged(case: Case, step: Step) -> bool:
    """Whether a step would change nothing."""
    holds = ACTIONS[step.action].holds
    return holds is not None and holds(case, step.payload)


async def make_plan(
    session: CaseSession,
    planner: Planner,
    control: JobControl,
    options: PlanOptions,
    look: FirstLook,
    *,
    facts: Mapping[str, Any],
    is_repeated: bool,
) -> AnswerPace | None:
    """Read the cases, decide, and write the plan; returns the pace of the requests, or None if the job was stopped.

    `is_repeated` says that the run before was by the same rules and has ended.
    """
    journal, rules, meter = planner.journal, planner.rules, look.meter
    with meter.listening(session):
        reader = CaseReader(session, control, rules.filter, options.complete, look.page)
        if not await read_and_decide(session, planner, control, reader):
            return None
        everything = await count_everything(session, planner, reader)
    too_many = await too_large(journal, rules, planner.matched)
    if too_many and not options.dry_run:
        raise PlanTooLargeError(f"{too_many}; nothing was changed")
    warnings = [
        *([too_many] if too_many else []),
        *warnings_of(rules, planner.observed, planner.view.matched, planner.cases, is_repeated=is_repeated),
        *planner.warnings_of_names(),
        *(
            f'rule "{rule}": {count:,} cases are left out, their type does not allow the status "{status}"'
            for (rule, status), count in planner.refused.items()
        ),
    ]
    control.step("planned")
    results: dict[str, Any] = {
        "filter": rules.filter,
        "rules": [rule.name for rule in rules.rules],
        "policies": {rule.name: rule.policy for rule in rules.rules if rule.is_policy},
        "remembered": rules.remembered,
        "needs_activity": rules.needs_activity,
        "chunk": options.chunk,
        "cases": planner.cases,
        "everything": everything,
        "unchanged": planner.unchanged,
        "converged": reader.converged,
        "planned": planner.operations,
        "changes": planner.kinds_of_work(),
        "spans": planner.spans,
        "kinds": [[*astuple(kind), count] for kind, count in planner.tally.counted()],
        "warnings": [*facts["warnings"], *warnings],
    }
    replaces = planner.run.facts.get("replaces")
    replaced = () if replaces is None else (replace_plan(journal, replaces),)
    await update_run(journal, planner.run, RunState.PLANNED, *replaced, **{**facts, **results})
    return meter.pace()


async def read_and_decide(session: CaseSession, planner: Planner, control: JobControl, reader: CaseReader) -> bool:
    """Read the cases, decide and write the operations; returns False if the job was stopped."""
    control.progress.phase("reading")
    async for found in reader.read():
        for case in found:
            planner.take(case)
        control.progress.advance(len(found), reader.total)
        if len(planner.subjects) >= FLUSH_EVERY:
            control.step("planning")
            await planner.flush()
        if control.should_stop:
            return False
    await planner.read_timelines(session, control)
    if control.should_stop:
        return False
    await planner.flush()
    return True


async def count_everything(session: CaseSession, planner: Planner, reader: CaseReader) -> int:
    """Return a lower bound of all cases; the exact number if pages of whole projects will have to be read."""
    everything = max(reader.total or 0, planner.cases)
    if planner.rules.filter is not None and planner.by_pages:
        everything = max((await cases.search_cases(session, page_size=1)).total_items or 0, everything)
    return everything


async def sum_up(planner: Planner, pace: AnswerPace, concurrency: int, *, at_once: bool) -> Plan:
    """Say what a plan does, and estimate what it takes."""
    journal, run = planner.journal, planner.run
    facts = run.facts
    groups = [(*group, count) for group, count in sorted(planner.groups.items())]
    ranks = {rule: rank for rank, rule in enumerate(facts["rules"])}
    rows: Counter[tuple[int, str, int, str]] = Counter()
    for rule, action, payload, stage, count in groups:
        value = json.loads(payload)
        shown = facts["names"].get(value, value) if isinstance(value, str) else value
        rows[ranks.get(rule, 0), rule, stage, describe(action, shown)] += count
    work = await count_work(journal, groups, planner.matched)
    needs = estimate_requests(work, facts["everything"], facts["chunk"], concurrency, at_once=at_once)
    return Plan(
        state=journal.path,
        run=run.number,
        rows=tuple(PlanRow(rule, what, count) for (_, rule, _, what), count in sorted(rows.items())),
        cases=facts["cases"],
        matched=planner.matched,
        operations=planner.operations,
        unchanged=facts["unchanged"],
        requests=needs.requests,
        seconds=pace.seconds(needs),
        basis=pace.basis,
        converged=facts["converged"],
        warnings=tuple(facts["warnings"]),
        names=facts["names"],
        replaces=facts.get("replaces"),
    )
