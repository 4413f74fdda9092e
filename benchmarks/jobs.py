"""What a journal costs: a triage of 100,000 cases, and the same calls without one.

    python -m benchmarks.jobs --cases 100000
    python -m benchmarks.jobs --requests         # another part: requests and time beside what cannot be avoided

Both read all cases, decide by three rules, read the chosen cases again, change them in bulk and read them back; the
emulator runs in a process of its own. The figure is the CPU time of the working process, all threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.requests import CONCURRENCY, show_requests, side_by_side
from casemgmt_async import BulkAction, Case, CaseSession, Event, RequestStarted, SortField, cases, users
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import RuleSet, State, apply_triage, parse_rules, plan_triage, read_report
from casemgmt_async.jobs.actions import ACTIONS, Step
from casemgmt_async.jobs.triage.reading import last_activity
from casemgmt_async.jobs.triage.rules import TimelineNeeded, View

ME = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
OLD = {"inactive_for": "60d", "status_group": "open"}
FEW: RuleSet = parse_rules(
    {
        "rules": [
            {"name": "urgent", "match": {"priority": "P1", "assignee": "none"}, "actions": {"assign": ME}},
            {"name": "old", "match": OLD, "actions": {"status": "Closed"}},
            {"name": "new", "match": {"priority": "NOT_DEFINED", "younger_than": "14d"}, "actions": {"priority": "P4"}},
        ]
    }
)
"""Rules of an ordinary triage, which changes a part of the cases."""
MANY: RuleSet = parse_rules(
    {
        "rules": [
            {
                "name": "no priority",
                "match": {"priority": "NOT_DEFINED"},
                "actions": {"priority": "P4"},
                "continue": True,
            },
            {"name": "urgent", "match": {"priority": ["P1", "P2"], "assignee": "none"}, "actions": {"assign": ME}},
            {"name": "old", "match": {"older_than": "30d", "status_group": "open"}, "actions": {"status": "Closed"}},
        ]
    }
)
"""Change most of them: the worst case for a journal, since bulk updates make the calls few."""
RULES = {"few": FEW, "many": MANY}
Work = dict[tuple[str, str], list[str]]


async def without_journal(session: CaseSession, rules: RuleSet) -> int:
    """Make the calls that a triage makes, and keep everything in memory."""
    work: Work = defaultdict(list)
    wanted: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    seen: dict[str, tuple[str, Any]] = {}
    view = View(time.time(), me=(await users.get_current_user(session)).id)
    undecided: list[Case] = []

    def take(case: Case) -> None:
        try:
            steps = [step for _, step in rules.decide(case, view) if not is_done(case, step)]
            if steps and rules.needs_activity:
                view.active_at(case)  # a triage remembers it for its next run
        except TimelineNeeded:
            undecided.append(case)
            return
        for step in steps:
            work[step.action, step.payload].append(case.id)
            wanted[case.id].append((ACTIONS[step.action].holds, step.payload))
            seen[case.id] = case.key or "", case.modified_at

    async def read_timeline(case: Case) -> None:
        view.timelines[case.id] = await last_activity(session, case, view)

    walk = cases.iter_cases(session, sort=SortField.CREATED_AT, ascending=True, window=CONCURRENCY)
    async for case in walk:
        take(case)
    waiting, undecided = undecided, []
    await side_by_side([read_timeline(case) for case in waiting])
    for case in waiting:
        take(case)
    fresh = {case.id for case in await read_back(session, seen) if case.modified_at == seen[case.id][1]}
    for (action, payload), ids in work.items():
        kind, given = ACTIONS[action].bulk, ACTIONS[action].bulk_payload(payload)
        assert kind is not None
        chosen = [case_id for case_id in ids if case_id in fresh]
        await in_chunks(session, chosen, kind, dict(given or {}))
    found = await read_back(session, seen)
    shown = {case.id for case in found if all(holds(case, payload) for holds, payload in wanted[case.id])}
    assert shown == wanted.keys(), "some cases do not show what was done to them"
    return sum(map(len, work.values()))


def is_done(case: Case, step: Step) -> bool:
    """Whether a case is as a step would make it."""
    holds = ACTIONS[step.action].holds
    return holds is not None and holds(case, step.payload)


async def in_chunks(session: CaseSession, ids: list[str], kind: BulkAction, payload: dict[str, str]) -> None:
    """Update cases in bulk, some requests at a time, as a job does."""
    chunks = [ids[start : start + 100] for start in range(0, len(ids), 100)]
    await side_by_side([cases.bulk_update_cases(session, chunk, action=kind, payload=payload) for chunk in chunks])


async def read_back(session: CaseSession, wanted: dict[str, tuple[str, Any]]) -> list[Case]:
    """Read the wanted cases by their keys, some searches at a time, as a job does."""
    keys = [key for key, _ in wanted.values()]
    found: list[Case] = []

    async def read(some: list[str]) -> None:
        page = await cases.search_cases(session, filter=f"key:({' OR '.join(some)})")
        found.extend(case for case in page if case.id in wanted)

    await side_by_side([read(keys[start : start + 100]) for start in range(0, len(keys), 100)])
    return found


async def with_journal(session: CaseSession, rules: RuleSet) -> int:
    """Plan and apply."""
    with tempfile.TemporaryDirectory(prefix="casemgmt-bench-") as folder:
        journal = Path(folder) / "triage.db"
        plan = await plan_triage(session, rules, state=journal)
        result = await apply_triage(session, state=journal)
        assert result.succeeded, await read_report(journal)
        assert result.states[State.DONE] == plan.operations, result
        return plan.operations


async def measure(kind: str, rules: str, url: str) -> None:
    """Run one of the two in a process of its own, and print its cost."""
    work = {"with": with_journal, "without": without_journal}[kind]
    requests = 0

    def count(event: Event) -> None:
        nonlocal requests
        requests += isinstance(event, RequestStarted)

    async with CaseSession(base_url=url, api_key="k", app_key="k", on_event=count) as session:
        before, started = time.process_time(), time.perf_counter()
        operations = await work(session, RULES[rules])
        took = {"cpu": time.process_time() - before, "wall": time.perf_counter() - started}
    print(json.dumps(took | {"operations": operations, "requests": requests}))


def run(kind: str, rules: str, count: int) -> dict[str, float]:
    """Measure one of the two against a fresh emulator."""
    here = Path(__file__).resolve().parents[1]
    me = [sys.executable, "-m", "benchmarks.jobs"]
    server = subprocess.Popen([*me, "--serve", str(count)], stdout=subprocess.PIPE, text=True, cwd=here)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        command = [*me, "--measure", kind, "--rules", rules, "--url", url]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=here)
    finally:
        server.terminate()
        server.wait()
    return json.loads(done.stdout)


async def serve(count: int) -> None:
    """Run the emulator."""
    async with Emulator(cases=count, log_size=0) as emulator:
        print(emulator.base_url, flush=True)
        await asyncio.Event().wait()


def report(rules: str, figures: dict[str, list[dict[str, float]]]) -> None:
    """Print the figures of one set of rules."""
    for kind, runs in figures.items():
        middle = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
        print(f"{rules:<8}{kind:<10}{middle['cpu']:>9.2f}{middle['wall']:>9.2f}", end="")
        print(f"{middle['operations']:>12,.0f}{middle['requests']:>10,.0f}")
    ratios = sorted(ours["cpu"] / bare["cpu"] for ours, bare in zip(figures["with"], figures["without"], strict=True))
    print(f"{rules:<8}with over without, round by round: {statistics.median(ratios):.3f} times the CPU", end="")
    print(f" ({ratios[0]:.3f} to {ratios[-1]:.3f} in {len(ratios)} rounds)", flush=True)


def main() -> None:
    """Measure both in turns, for both sets of rules."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rules", choices=list(RULES))
    parser.add_argument("--requests", action="store_true", help="print requests and virtual time instead")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=["with", "without"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return
    if options.measure:
        asyncio.run(measure(options.measure, options.rules, options.url))
        return
    if options.requests:
        show_requests()
        return
    print(f"{options.cases:,} cases, three rules, plan and apply with the walk; medians of {options.runs} rounds")
    print(f"{'rules':<8}{'journal':<10}{'CPU s':>9}{'wall s':>9}{'operations':>12}{'requests':>10}")
    for rules in [options.rules] if options.rules else RULES:
        figures: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
        for _ in range(options.runs):
            for kind, runs in figures.items():
                runs.append(run(kind, rules, options.cases))
        report(rules, figures)


if __name__ == "__main__":
    main()
