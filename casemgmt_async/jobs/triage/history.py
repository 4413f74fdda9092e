"""Read the runs in a state file, and delete old ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal, JournalURL, Run
from casemgmt_async.jobs.journal import runs as queries
from casemgmt_async.jobs.triage.changes import Change, iter_changes

__all__ = ["list_runs", "prune_runs", "read_changes"]


async def list_runs(state: str | Path | JournalURL) -> list[Run]:
    """Read the runs in a state file, the oldest first, with their operations by state."""
    async with Journal(state, kind="triage", read_only=True) as journal:
        return await queries.list_runs(journal)


async def prune_runs(state: str | Path | JournalURL, *, keep: int) -> int:
    """Delete all but the last `keep` runs from a state file; gives how many went. What is remembered stays."""
    async with Journal(state, kind="triage") as journal:
        return await queries.prune_runs(journal, keep)


async def read_changes(
    state: str | Path | JournalURL, *, run: int | None = None, rule: str | None = None
) -> AsyncIterator[Change]:
    """Read what the last run, or another, does to each case; of one rule or stale policy, or of all."""
    async with Journal(state, kind="triage", read_only=True) as journal:
        found = await queries.select_run(journal, run)
        if found is None:
            raise JobError(
                f"state {state}: there is no run {run}"
                if run
                else f"state {state}: there is no run in it; make a plan first"
            )
        async for change in iter_changes(journal, found, None if rule is None else rules_called(state, found, rule)):
            yield change


def rules_called(state: object, run: Run, name: str) -> list[str]:
    """Return the rules of a run that a name stands for: one rule, or all phases of a stale policy."""
    known = run.facts.get("rules", ())
    found = [rule for rule in known if rule == name or run.facts.get("policies", {}).get(rule) == name]
    if not found:
        raise JobError(f'state {state}: run {run.number} has no rule "{name}"; it has: {", ".join(known)}')
    return found
