"""What a journal costs: a triage of 100,000 cases, and the same calls without one.

    python -m benchmarks.jobs --cases 100000
    python -m benchmarks.jobs --requests         # another part: requests and time beside what cannot be avoided

Both sweep all cases, decide by three rules, read the cases again, change them in bulk and read them back; the
emulator runs in a process of its own. The figure is the CPU time of the working process, all threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from benchmarks.requests import show_requests
from casemgmt_async import BulkAction, Case, CaseSession, Event, RequestStarted, SortField, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import RuleSet, State, apply_triage, parse_rules, plan_triage, read_report
from casemgmt_async.jobs.actions import ACTIONS

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
    wanted: dict[str, tuple[str | None, Any]] = {}
    now = time.time()
    async for case in cases.sweep_cases(session):
        for _, step in rules.decide(case, now):
            holds = ACTIONS[step.action].holds
            if holds is not None and not holds(case, step.payload):
                work[step.action, step.payload].append(case.id)
                wanted[case.id] = case.project_id, (holds, step.payload, case.modified_at)
    fresh = {case.id async for case in read_back(session, wanted) if case.modified_at == wanted[case.id][1][2]}
    for (action, payload), ids in work.items():
        kind, given = ACTIONS[action].bulk, ACTIONS[action].bulk_payload(payload)
        assert kind is not None
        chosen = [case_id for case_id in ids if case_id in fresh]
        await in_chunks(session, chosen, kind, dict(given or {}))
    shown = {case.id async for case in read_back(session, wanted) if wanted[case.id][1][0](case, wanted[case.id][1][1])}
    assert shown == wanted.keys(), "some cases do not show what was done to them"
    return sum(map(len, work.values()))


async def in_chunks(session: CaseSession, ids: list[str], kind: BulkAction, payload: dict[str, str]) -> None:
    """Update cases in bulk, some requests at a time, as a job does."""
    chunks = iter([ids[start : start + 100] for start in range(0, len(ids), 100)])

    async def worker() -> None:
        for chunk in chunks:
            await cases.bulk_update_cases(session, chunk, action=kind, payload=payload)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(worker())


async def read_back(session: CaseSession, wanted: dict[str, tuple[str | None, Any]]) -> AsyncIterator[Case]:
    """Read the wanted cases by the pages of their projects."""
    for project in {project for project, _ in wanted.values()}:
        query = f"project_id:{project}"
        walk = cases.iter_cases(session, filter=query, sort=SortField.CREATED_AT, ascending=True, window=8)
        async for case in walk:
            if case.id in wanted:
                yield case


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
        best = {name: min(each[name] for each in runs) for name in runs[0]}
        print(f"{rules:<8}{kind:<10}{best['cpu']:>9.2f}{best['wall']:>9.2f}", end="")
        print(f"{best['operations']:>12,.0f}{best['requests']:>10,.0f}")
    ratio = least_cpu(figures["with"]) / least_cpu(figures["without"])
    print(f"{rules:<8}with over without: {ratio:.3f} times the CPU")


def least_cpu(runs: Iterable[dict[str, float]]) -> float:
    """Return the fastest run: other load on the machine can only add time."""
    return min(each["cpu"] for each in runs)


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
    print(f"{options.cases:,} cases, three rules, plan and apply with the walk; the best of {options.runs} runs")
    print(f"{'rules':<8}{'journal':<10}{'CPU s':>9}{'wall s':>9}{'operations':>12}{'requests':>10}")
    for rules in [options.rules] if options.rules else RULES:
        figures: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
        for _ in range(options.runs):
            for kind, runs in figures.items():
                runs.append(run(kind, rules, options.cases))
        report(rules, figures)


if __name__ == "__main__":
    main()
