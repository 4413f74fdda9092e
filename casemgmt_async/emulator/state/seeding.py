"""The organisation that an emulator starts with, and cases such as people have."""

from __future__ import annotations

from typing import Any

from casemgmt_async.emulator.state.cases import CLOSED, STANDARD_TYPE
from casemgmt_async.emulator.state.projects import make_project
from casemgmt_async.emulator.state.records import PRIORITIES, CellRecord
from casemgmt_async.emulator.state.store import Store

PEOPLE = (
    "Ada Marsh", "Ben Okafor", "Chiara Lind", "Dmitri Vale", "Elif Aydin", "Femi Stone",
    "Grete Holm", "Hugo Prat", "Ines Duarte", "Jun Tanaka", "Kofi Mensah", "Lena Brandt",
)  # fmt: skip
PROJECTS = {"OPS": "Operations", "SEC": "Security", "WEB": "Web Store"}
SERVICES = ("web-store", "case-api", "checkout", "auth", "search", "billing", "ingest", "mailer")
SYMPTOMS = (
    "Memory leak", "High latency", "Error rate above threshold", "Certificate about to expire", "Disk almost full",
    "Suspicious login", "Failed deployment", "Queue backlog", "Unexpected cost increase", "Flapping health check",
)  # fmt: skip
ENVIRONMENTS = ("prod", "prod", "prod", "staging", "test")
TEAMS = ("platform", "payments", "frontend", "security")
KINDS = ("incident", "bug", "task", "question")
REMARKS = (
    "Looking into it.", "Rolled back the last release; watching the graphs.", "Cannot reproduce so far.",
    "Same cause as last week.", "Waiting for the vendor.",
)  # fmt: skip
TYPES = (("STANDARD", "MANUAL"),) * 8 + (("ERROR_TRACKING_ISSUE", "ERROR_TRACKING"), ("TUNKNOWN", "MANUAL"))
PRECISIONS = (1, 1_000, 1_000_000, 1_000_000_000)
SPREAD = 90 * 24 * 3600 * 1_000_000_000
"""Seeded cases were created in the ninety days before the seeding."""
HOUR = 3600 * 1_000_000_000


def establish(store: Store) -> None:
    """Give a new store its users, of whom the first one calls, and its projects."""
    for name in PEOPLE:
        handle = f"{name.lower().replace(' ', '.')}@example.com"
        user = store.uuid()
        attributes = {"name": name, "email": handle, "handle": handle, "active": True}
        store.users[user] = {"id": user, "type": "user", "attributes": attributes}
    store.tables.me = next(iter(store.users))
    for key, title in PROJECTS.items():
        make_project(store, key, title)


def seed(store: Store, count: int, *, project: str | None, ties: int, fields: dict[str, Any]) -> list[str]:
    """Add cases; see `Simulation.seed_cases`."""
    tables, pick = store.tables, store.tables.random.choices
    homes = [store.project_named(project)["id"]] if project else list(tables.projects)
    users = list(store.users)
    groups = -(-count // max(ties, 1))
    spacing = SPREAD // max(groups, 1)
    end = store.now()
    start = end - groups * spacing
    columns = zip(
        pick(homes, k=count),
        pick(SYMPTOMS, k=count),
        pick(SERVICES, k=count),
        pick(ENVIRONMENTS, k=count),
        pick(TEAMS, k=count),
        pick(KINDS, k=count),
        pick(PRIORITIES, (30, 5, 15, 25, 15, 10), k=count),
        pick(("OPEN", "IN_PROGRESS", "CLOSED"), (5, 2, 3), k=count),
        pick(TYPES, k=count),
        pick(users, k=count),
        pick((*users, *[None] * len(users)), k=count),
        pick(range(12), k=count),
        strict=True,
    )
    ids = []
    created = start
    for position, column in enumerate(columns):
        home, symptom, service, env, team, kind, priority, status, (case_type, source), author, assignee, die = column
        if position % max(ties, 1) == 0:
            created = start + position // max(ties, 1) * spacing + tables.random.randrange(1 + spacing // 2)
            created -= created % PRECISIONS[die % 4]
        plain: dict[str, Any] = {
            "title": f"{symptom} in {service} ({env})",
            "description": f"{symptom} was noticed on {service}; {team} looks after it." if die % 3 else "",
            "type_id": STANDARD_TYPE,
            "type": case_type,
            "creation_source": source,
            "priority": priority,
            "status": status,
            "names_status": status != "OPEN" or die % 2 == 0,
            "names_author": die % 3 == 0,
            "created_at": created,
            "created_by": author,
            "assignee": assignee,
            "attributes": {"env": [env], "service": [service], "team": [team], "type": [kind]},
            **fields,
        }
        if plain["status"] in CLOSED:
            plain.setdefault("closed_at", min(plain["created_at"] + (1 + die) * HOUR, end))
        if plain["status"] != "OPEN":
            plain.setdefault("modified_at", plain.get("closed_at") or min(plain["created_at"] + HOUR, end))
            plain.setdefault("modified_by", author)
        case = store.cases.add(project_id=home, **plain)
        ids.append(case.id)
        if die == 0 and "comments" not in fields:
            remark(store, case.serial, REMARKS[position % len(REMARKS)], author, plain["created_at"] + HOUR // 2)
    return ids


def remark(store: Store, serial: int, message: str, author: str, moment: int) -> None:
    """Put a comment on a seeded case."""
    case = store.tables.cases[serial]
    cell = CellRecord(id=store.uuid(), serial=serial, message=message, author=author, created_at=moment)
    store.tables.cells[cell.id] = cell
    case.comments = (*case.comments, cell.id)
