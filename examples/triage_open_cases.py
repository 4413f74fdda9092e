"""Triage the open cases by a few rules, concurrently.

Without arguments it rehearses on an emulator of its own with 5,000 cases. With Datadog keys in the
environment, `--live` looks at the real service and `--live --apply` changes it.

    python examples/triage_open_cases.py
    python examples/triage_open_cases.py --live
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from casemgmt_async import Case, CaseManagementError, CaseSession, Priority, cases, timeline
from casemgmt_async.emulator import Emulator

ON_CALL = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
Action = Callable[[CaseSession, Case], Awaitable[object]]


def is_stale(case: Case) -> bool:
    """The case was not changed for 60 days."""
    seen = case.modified_at or case.created_at
    return seen is not None and seen < datetime.now(UTC) - timedelta(days=60)


def is_urgent_and_unassigned(case: Case) -> bool:
    """The case has the highest priority and no assignee."""
    return case.priority is Priority.P1 and case.assignee is None


def has_no_priority(case: Case) -> bool:
    """The case has no priority."""
    return case.priority is Priority.NOT_DEFINED


async def close_as_stale(session: CaseSession, case: Case) -> None:
    """Comment with the reason, then close the case."""
    await timeline.comment_case(session, case.id, comment="Closed: nothing has happened for 60 days.")
    await cases.update_status(session, case.id, status_name="Closed")


async def give_to_on_call(session: CaseSession, case: Case) -> None:
    """Assign the case."""
    await cases.assign_case(session, case.id, assignee_id=ON_CALL)


async def set_default_priority(session: CaseSession, case: Case) -> None:
    """Set the priority to P4."""
    await cases.update_priority(session, case.id, priority=Priority.P4)


RULES: list[tuple[str, Callable[[Case], bool], Action]] = [  # the first that matches decides
    ("urgent and unassigned: assign to on-call", is_urgent_and_unassigned, give_to_on_call),
    ("stale: comment and close", is_stale, close_as_stale),
    ("no priority: set P4", has_no_priority, set_default_priority),
]


async def triage(session: CaseSession, *, apply: bool, console: Console) -> Counter[tuple[str, str]]:
    """Walk the open cases, decide, then change: collect first, because closing cases during a walk skips others."""
    decided: list[tuple[str, Action, Case]] = []
    outcomes: Counter[tuple[str, str]] = Counter()
    with Progress(console=console) as progress:
        first = await cases.search_cases(session, filter="status:open", page_size=1)
        walking = progress.add_task("walk the open cases", total=first.total_items)
        async for case in cases.iter_cases(session, filter="status:open", window=8):
            progress.advance(walking)
            for name, matches, action in RULES:
                if matches(case):
                    decided.append((name, action, case))
                    break

        changing = progress.add_task("apply" if apply else "apply (dry run)", total=len(decided))

        async def change(name: str, action: Action, case: Case) -> None:
            try:
                if apply:
                    await action(session, case)
                outcomes[name, "done" if apply else "would change"] += 1
            except CaseManagementError as error:
                outcomes[name, type(error).__name__] += 1
            progress.advance(changing)

        async with asyncio.TaskGroup() as group:
            for decision in decided:
                group.create_task(change(*decision))
    return outcomes


@contextlib.asynccontextmanager
async def open_session(*, live: bool) -> AsyncIterator[CaseSession]:
    """The real service by the environment, or an emulator of our own."""
    if live:
        async with CaseSession() as session:
            yield session
        return
    async with (
        Emulator(cases=5_000) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="rehearsal", app_key="rehearsal") as session,
    ):
        yield session


async def main() -> None:
    """Triage, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", action="store_true", help="the real service, by DD_API_KEY, DD_APP_KEY and DD_SITE")
    parser.add_argument("--apply", action="store_true", help="with --live: change the cases (without it, a dry run)")
    parser.add_argument("--dry-run", action="store_true", help="change nothing (the default with --live)")
    options = parser.parse_args()
    if options.apply and options.dry_run:
        parser.error("--apply and --dry-run contradict each other")

    console = Console()
    async with open_session(live=options.live) as session:
        apply = not options.dry_run and (options.apply or not options.live)
        outcomes = await triage(session, apply=apply, console=console)
    table = Table("rule", "outcome", title="Triage of the open cases")
    table.add_column("cases", justify="right")
    for (name, outcome), count in sorted(outcomes.items()):
        table.add_row(name, outcome, f"{count:,}")
    console.print(table)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except CaseManagementError as error:
        raise SystemExit(f"triage: {error}") from None
