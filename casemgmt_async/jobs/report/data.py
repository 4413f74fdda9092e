"""What a job came to: counts, reasons, before and after, speed; read from its journal at any time."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from casemgmt_async import web_address
from casemgmt_async.jobs.actions import describe
from casemgmt_async.jobs.journal import Journal, JournalAddress, State
from casemgmt_async.jobs.journal import report_queries as queries
from casemgmt_async.jobs.journal.backfill_queries import read_rejects
from casemgmt_async.jobs.journal.runs import select_run
from casemgmt_async.jobs.snapshot import AGES, CaseKind, Counts, count_kinds
from casemgmt_async.jobs.statuses import status_code

__all__ = ["ReportData", "ReportFailure", "ReportOperation", "ReportRow", "read_data"]

BINS: Final = 60
EXAMPLES: Final = 3
LISTED: Final = 20_000
"""Operations that a report lists one by one."""
SHOWN: Final = 200
"""Letters of a value in a cell."""
NICE: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600)
"""Lengths of an interval in seconds that are easy to read."""
REASONS: Final = 200
REJECTS: Final = 1_000
"""Rows of a backfill that could not be used, of those that a report lists."""


@frozen
class ReportRow:
    """What one rule's action came to."""

    rule: str
    """The rule; `rows` in a backfill."""
    action: str
    """What was to be done, with the value where one is short enough to show."""
    states: Mapping[State, int]
    """Its operations by state."""


@frozen
class ReportFailure:
    """Operations that are not done for one reason."""

    state: State
    """How they ended."""
    action: str
    """What was to be done."""
    reason: str
    """Why it is not done."""
    count: int
    """How many there are."""
    examples: Sequence[str]
    """Some of the cases or rows."""


@frozen
class ReportOperation:
    """One operation."""

    key: str
    """The key of the case, or of the row."""
    title: str
    """The title of the case."""
    rule: str
    """The rule."""
    change: str
    """The action."""
    before: str
    """The value before, if it is known."""
    after: str
    """The value that was set."""
    state: State
    """How far it has come."""
    reason: str
    """Why it is not done."""


@frozen(kw_only=True)
class ReportData:
    """The report of one job, as its journal stood when it was read."""

    journal: JournalAddress
    """The journal."""
    kind: str
    """`triage`, `export` or `backfill`."""
    started: float
    """When the job was begun, in Unix seconds."""
    ended: float | None
    """When the last operation ended."""
    items: int
    """The cases or rows that operations are done to."""
    walked: int | None
    """The cases that a triage looked at."""
    states: Mapping[State, int]
    """All operations by state."""
    rows: Sequence[ReportRow]
    """Rule by action."""
    failures: Sequence[ReportFailure]
    """What is rejected, unknown or skipped, by reason, the most frequent first."""
    before: Counts | None
    """Cases by `status`, `priority` and `age` (of those open) before the job; None where it made them."""
    after: Counts
    """The same with what the job has done."""
    throughput: Sequence[tuple[float, int]]
    """Operations ended, by the start of the interval in Unix seconds; the intervals are equally long."""
    waits: Sequence[tuple[float, float]] = ()
    """The waits for the rate limit while changes were sent: start in Unix seconds, length in seconds."""
    about: Sequence[tuple[str, str]] = ()
    """Facts about the job by name: organisation, rules, filter, who ran it."""
    operations: Sequence[ReportOperation] = ()
    """The operations, those that were not done first; at most `LISTED`."""
    omitted: int = 0
    """Operations that are not among them."""
    bad_rows: Sequence[tuple[int | None, str, str]] = ()
    """Rows of the last run of a backfill that could not be used: line, text, reason; at most `REJECTS`."""
    more_bad_rows: bool = False
    """Whether there are more of them."""
    web: str | None = None
    """The address of the web application, for links."""
    run: int | None = None
    """The number of the run, in a triage."""


async def read_data(journal: Journal, number: int | None = None) -> ReportData:
    """Read all that a report shows from an open journal; of a triage, that of the selected run."""
    meta = journal.meta
    run = await select_run(journal, number) if meta["kind"] == "triage" else None
    facts = meta if run is None else run.facts
    before, after = await read_tallies(journal, facts)
    return ReportData(
        journal=journal.path,
        kind=meta["kind"],
        started=meta["started"] if run is None else run.begun,
        ended=await queries.last_end(journal),
        items=await journal.count_subjects(),
        walked=facts.get("cases"),
        states=await journal.counts(),
        rows=await read_rows(journal, facts),
        failures=await read_failures(journal),
        before=before,
        after=after,
        throughput=await queries.count_ended(journal, BINS, NICE),
        waits=await queries.read_waits(journal),
        run=None if run is None else run.number,
        **await read_details(journal, facts),
    )


async def read_rows(journal: Journal, facts: Mapping[str, Any]) -> list[ReportRow]:
    """Rule by action, in the order of the rules."""
    counted: dict[tuple[str, int, str], Counter[State]] = defaultdict(Counter)
    names = facts.get("names", {})
    by_value = journal.meta["kind"] != "backfill"
    for rule, stage, action, payload, state, count in await queries.count_by_rule(journal, by_value=by_value):
        value = json.loads(payload)
        shown = names.get(value, value) if isinstance(value, str) else value
        what = describe(action, shown) if by_value else action
        counted[rule, stage, what][State(state)] += count
    ranks = {rule: rank for rank, rule in enumerate(facts.get("rules", ()))}
    ordered = sorted(counted.items(), key=lambda item: (ranks.get(item[0][0], 0), *item[0]))
    return [ReportRow(rule, action, states) for (rule, _, action), states in ordered]


async def read_failures(journal: Journal) -> list[ReportFailure]:
    """What is not done and will not be by itself, by reason."""
    return [
        ReportFailure(
            State(state), action, error or "", count, await queries.examples(journal, state, action, error, EXAMPLES)
        )
        for state, action, error, count in await queries.failures(journal, REASONS)
    ]


async def read_tallies(journal: Journal, facts: Mapping[str, Any]) -> tuple[Counts | None, Counts]:
    """Cases by status, priority and age, before and after: what is done is done to the kinds of before."""
    kinds = [(CaseKind(*kind), count) for *kind, count in facts.get("kinds", ())]
    groups = {status_code(kind.status): kind.group for kind, _ in kinds if kind.group} | facts.get("groups", {})
    moved: Counter[CaseKind] = Counter()
    current, kind = None, created({}, groups)
    async for batch in queries.done_changes(journal):
        for subject, before, action, payload in batch:
            value = json.loads(payload)
            if subject != current:
                if current is not None:
                    moved[kind] += 1
                current = subject
                if before is None:
                    kind = created(value, groups)
                    continue
                kind = kinds[before][0]
                moved[kind] -= 1
            kind = kind.changed(action, value, groups)
    if current is not None:
        moved[kind] += 1
    after = count_kinds([*kinds, *moved.items()])
    return count_kinds(kinds) if "kinds" in facts else None, after


def created(given: Mapping[str, Any], groups: Mapping[str, str]) -> CaseKind:
    """The kind of case that a create has made."""
    kind = CaseKind("Open", "SG_OPEN", given.get("priority", "NOT_DEFINED"), AGES[0])
    return kind.changed("status", given["status_name"], groups) if "status_name" in given else kind


async def read_details(journal: Journal, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a report shows besides counts: facts about the job, and its operations one by one."""
    meta = journal.meta
    place = meta.get("place") or ""
    listed = [operation(row, facts) for row in await queries.listed_operations(journal, LISTED)]
    rules = facts.get("rules", ())
    about = [
        ("Service", web_address(place) or place),
        ("Triage" if meta["kind"] == "triage" else "Job", meta.get("name") or meta.get("job") or ""),
        ("Rules", str(len(rules)) if rules else ""),
        ("Filter", facts.get("filter") or ("all cases" if meta["kind"] == "triage" else "")),
        ("Run by", facts.get("ran_by") or ""),
    ]
    whole = sum((await journal.counts()).values())
    rejects = await read_rejects(journal, "", REJECTS + 1) if meta["kind"] == "backfill" else []
    return {
        "bad_rows": [bad_row(json.loads(body)) for _, body in rejects[:REJECTS]],
        "more_bad_rows": len(rejects) > REJECTS,
        "about": about,
        "operations": listed,
        "omitted": max(0, whole - len(listed)),
        "web": web_address(place),
    }


def bad_row(reject: Mapping[str, Any]) -> tuple[int | None, str, str]:
    """One row that could not be used: line, text, reason."""
    return reject["line"], str(reject["text"])[:SHOWN], reject["reason"]


def operation(row: Sequence[Any], facts: Mapping[str, Any]) -> ReportOperation:
    """One operation, in words."""
    label, rule, action, payload, state, error, was = row
    key, _, title = label.partition(" ")
    value = json.loads(payload)
    shown = facts.get("names", {}).get(value, value) if isinstance(value, str) else value
    return ReportOperation(
        key=key,
        title=title,
        rule=rule,
        change=action.replace("_", " "),
        before="" if was is None else in_words(json.loads(was)),
        after="" if action == "create" else in_words(shown),
        state=State(state),
        reason=error or "",
    )


def in_words(value: Any) -> str:
    """A value in a cell."""
    if value is None or value == "NOT_DEFINED":
        return "" if value is None else "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}={in_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "|".join(map(str, value))
    return str(value)[:SHOWN]
