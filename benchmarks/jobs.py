"""What a journal costs: a triage of 100,000 cases, and the same calls without one.

    python -m benchmarks.jobs --cases 100000

Both sweep all cases, decide by three rules, read the cases again, change them in bulk and read them back; the
emulator runs in a process of its own. Counted is the processor time of the process that works, all threads.
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
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from casemgmt_async import BulkAction, CaseSession, SortField, cases
from casemgmt_async.jobs import Control, RuleSet, apply_triage, parse_rules, plan_triage, read_report
from casemgmt_async.jobs.actions import ACTIONS

ME = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
RULES: RuleSet = parse_rules(
    {
        "rules": [
            {"name": "no priority", "match": {"priority": "NOT_DEFINED"}, "actions": {"priority": "P4"}},
            {"name": "urgent", "match": {"priority": ["P1", "P2"], "assignee": "none"}, "actions": {"assign": ME}},
            {"name": "old", "match": {"older_than": "30d", "status_group": "open"}, "actions": {"status": "Closed"}},
        ]
    }
)
Work = dict[tuple[str, str], list[str]]


async def without_journal(session: CaseSession) -> int:
    """Make the calls that a triage makes, and keep everything in memory."""
    work: Work = defaultdict(list)
    wanted: dict[str, tuple[str | None, Any]] = {}
    now = time.time()
    async for case in cases.sweep_cases(session):
        for _, step in RULES.decide(case, now):
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
    return len(
        {case.id async for case in read_back(session, wanted) if wanted[case.id][1][0](case, wanted[case.id][1][1])}
    )


async def in_chunks(session: CaseSession, ids: list[str], kind: BulkAction, payload: dict[str, str]) -> None:
    """Update cases in bulk, some requests at a time, as a job does."""
    chunks = iter([ids[start : start + 100] for start in range(0, len(ids), 100)])

    async def worker() -> None:
        for chunk in chunks:
            await cases.bulk_update_cases(session, chunk, action=kind, payload=payload)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(worker())


async def read_back(session: CaseSession, wanted: dict[str, tuple[str | None, Any]]) -> Any:
    """Read the wanted cases by the pages of their projects."""
    for project in {project for project, _ in wanted.values()}:
        query = f"project_id:{project}"
        walk = cases.iter_cases(session, filter=query, sort=SortField.CREATED_AT, ascending=True, window=8)
        async for case in walk:
            if case.id in wanted:
                yield case


async def with_journal(session: CaseSession) -> int:
    """Plan and apply."""
    with tempfile.TemporaryDirectory(prefix="casemgmt-bench-") as folder:
        journal = Path(folder) / "triage.db"
        plan = await plan_triage(session, RULES, journal=journal)
        result = await apply_triage(session, journal=journal)
        assert result.exit_ok, await read_report(journal)
        assert result.states["done"] == plan.operations, result
        return plan.operations


def measure(kind: str, url: str) -> None:
    """Run one of the two and print what it took; in a process of its own."""
    asyncio.run(measured(kind, url))


async def measured(kind: str, url: str) -> None:
    work = {"with": with_journal, "without": without_journal}[kind]
    control = Control()
    async with CaseSession(base_url=url, api_key="k", app_key="k") as session:
        session.add_listener(lambda event: control._hear(event))
        before, started = time.process_time(), time.perf_counter()
        operations = await work(session)
        took = {"cpu": time.process_time() - before, "wall": time.perf_counter() - started}
    print(json.dumps(took | {"operations": operations, "requests": control.requests}))


def run(kind: str, count: int) -> dict[str, float]:
    """Measure one of the two against a fresh emulator."""
    here = Path(__file__).resolve().parents[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.jobs", "--serve", str(count)], stdout=subprocess.PIPE, text=True, cwd=here
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        command = [sys.executable, "-m", "benchmarks.jobs", "--measure", kind, "--url", url]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=here)
    finally:
        server.terminate()
        server.wait()
    return json.loads(done.stdout)


async def serve(count: int) -> None:
    """Be the emulator."""
    from casemgmt_async.emulator import Emulator

    async with Emulator(cases=count, log_size=0) as emulator:
        print(emulator.base_url, flush=True)
        await asyncio.Event().wait()


def report(figures: dict[str, list[dict[str, float]]], count: int) -> None:
    """Print the figures."""
    print(f"{count:,} cases, three rules, plan and apply with the walk, {len(figures['with'])} runs each")
    print(f"{'journal':<10}{'CPU s':>9}{'wall s':>9}{'operations':>12}{'requests':>10}")
    for kind, runs in figures.items():
        middle = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
        print(f"{kind:<10}{middle['cpu']:>9.2f}{middle['wall']:>9.2f}", end="")
        print(f"{middle['operations']:>12,.0f}{middle['requests']:>10,.0f}")
    ratio = median_cpu(figures["with"]) / median_cpu(figures["without"])
    print(f"with over without: {ratio:.3f} times the CPU (asked for: at most 1.15)")


def median_cpu(runs: Iterable[dict[str, float]]) -> float:
    return statistics.median(each["cpu"] for each in runs)


def main() -> None:
    """Measure both by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=["with", "without"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
    elif options.measure:
        measure(options.measure, options.url)
    else:
        figures: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
        for _ in range(options.runs):
            for kind, runs in figures.items():
                runs.append(run(kind, options.cases))
        report(figures, options.cases)


if __name__ == "__main__":
    main()
