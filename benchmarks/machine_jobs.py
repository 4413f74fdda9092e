"""The jobs in the middle of which `machines` loses machines, and what the emulator shows of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from attrs import define

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.budgets import open_budget
from casemgmt_async.integrations.procrastinate import defer_shards, opened_app
from casemgmt_async.jobs import (
    Journal,
    ShardedJob,
    backfill_cases,
    parse_rules,
    run_triage,
    split_backfill,
    split_triage,
)
from casemgmt_async.jobs.journal.runs import read_memory

STANDARD = "00000000-0000-0000-0000-000000000001"
SETTLE = 1.0


def rows(count: int, *, linked: bool = True) -> list[dict[str, Any]]:
    """Rows with a comment each, linked in a ring across the shards."""
    return [
        {
            "key": f"OLD-{number}",
            "title": f"row {number}",
            "priority": f"P{1 + number % 5}",
            **({"comments": [f"comment on {number}"]} if linked else {}),
            **({"links": [{"relationship": "BLOCKS", "to": f"OLD-{(number + 1) % count}"}]} if linked else {}),
        }
        for number in range(count)
    ]


RULES = parse_rules(
    {
        "name": "machines",
        "rules": [
            {
                "name": "note",
                "match": {"priority": ["P1", "P2"]},
                "actions": {"comment": "noted {key}", "attributes": {"seen": ["yes"]}},
                "once": True,
            },
            {"name": "free", "match": {"priority": "P3"}, "actions": {"unassign": True}},
            {"name": "raise", "match": {"priority": "P4"}, "actions": {"priority": "P3", "comment": "raised {key}"}},
            {
                "name": "shelve",
                "match": {"priority": "P5"},
                "actions": {"comment": "shelved {key}", "status": "Closed", "archive": True},
            },
        ],
    }
)
"""Comments, changes in bulk and one by one, and archiving; each case gets what the first rule says that it matches."""


def session_on(base_url: str, budget: str | None = None) -> CaseSession:
    """Open a session on an emulator, with the shared budget at a URL if one is given."""
    return CaseSession(
        base_url=base_url, api_key="k", app_key="k", budget=None if budget is None else open_budget(budget)
    )


@define(eq=False)
class Backfilling:
    """A backfill of rows that are linked across the shards."""

    count: int
    seeded: int = 50
    name: str = "rows"

    async def calm(self, emulator: Emulator, folder: Path) -> None:
        """Run it in one process."""
        async with session_on(emulator.base_url) as session:
            await backfill_cases(
                session, rows(self.count), job="calm", journal=folder / "calm.db", project=project_of(emulator),
                type=STANDARD,
            )  # fmt: skip

    async def split(self, emulator: Emulator, url: str, shards: int) -> ShardedJob[Any]:
        """Divide it."""
        return await split(emulator, url, rows(self.count), shards, "machines")

    async def state(self, emulator: Emulator, journal: Any) -> Counter[Any]:
        """The cases of rows with their comments and links, each with how often it is there."""
        del journal
        tables = emulator.store.tables
        titles = {case.id: case.title for case in tables.cases if case.title.startswith("row ")}
        found: Counter[Any] = Counter(
            (case.title, case.priority, case.status, tuple(tables.cells[cell].message for cell in case.comments))
            for case in tables.cases
            if case.id in titles
        )
        for link in tables.links.values():
            ends = link["attributes"]
            found[titles[ends["parent_entity_id"]], titles[ends["child_entity_id"]]] += 1
        return found


@define(eq=False)
class Triaging:
    """A triage of all cases."""

    count: int
    name: str = "cases"

    @property
    def seeded(self) -> int:
        """How many cases there are."""
        return self.count

    async def calm(self, emulator: Emulator, folder: Path) -> None:
        """Run it in one process."""
        async with session_on(emulator.base_url) as session:
            await run_triage(session, RULES, state=folder / "calm.db")

    async def split(self, emulator: Emulator, url: str, shards: int) -> ShardedJob[Any]:
        """Divide it."""
        async with session_on(emulator.base_url) as session:
            made = await split_triage(session, RULES, state=url, shards=shards, settle=SETTLE)
        async with opened_app(url) as app:
            await defer_shards(app, made)
        return made

    async def state(self, emulator: Emulator, journal: Any) -> Counter[Any]:
        """The cases with their comments, and what the triage remembers."""
        tables = emulator.store.tables
        found: Counter[Any] = Counter(
            (
                case.key, case.priority, case.status, case.assignee, case.archived_at is not None,
                repr(sorted(case.attributes.items())), tuple(tables.cells[cell].message for cell in case.comments),
            )
            for case in tables.cases
        )  # fmt: skip
        async with Journal(journal, kind="triage", read_only=True) as book:
            found.update((await read_memory(book)).keys())
        return found


def project_of(emulator: Emulator) -> str:
    """A project of the emulator."""
    return next(iter(emulator.store.tables.projects))


async def split(emulator: Emulator, url: str, given: list[dict[str, Any]], shards: int, job: str) -> ShardedJob[Any]:
    """Deal rows out, and put the shards into the queue."""
    async with session_on(emulator.base_url) as session:
        made = await split_backfill(
            session, given, job=job, journal=url, shards=shards, settle=SETTLE, project=project_of(emulator),
            type=STANDARD,
        )  # fmt: skip
    async with opened_app(url) as app:
        await defer_shards(app, made)
    return made
