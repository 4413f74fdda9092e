"""The organisation that an emulator starts with, and realistic cases and users to add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from attrs import define, evolve, fields, frozen

from casemgmt_async.emulator.state.case_types import (
    BUILT_IN_TYPES,
    CaseTypeRecord,
    CustomAttributeRecord,
    name_of_status,
)
from casemgmt_async.emulator.state.cases import CLOSED
from casemgmt_async.emulator.state.people import TeamRecord, UserRecord
from casemgmt_async.emulator.state.projects import make_project
from casemgmt_async.emulator.state.records import PRIORITIES, STANDARD_TYPE, STATUSES, CaseRecord, CellRecord
from casemgmt_async.emulator.state.store import Store

__all__ = ["SeedRequest", "add_cases", "add_users", "establish"]

PEOPLE: Final = (
    "Ada Marsh", "Ben Okafor", "Chiara Lind", "Dmitri Vale", "Elif Aydin", "Femi Stone",
    "Grete Holm", "Hugo Prat", "Ines Duarte", "Jun Tanaka", "Kofi Mensah", "Lena Brandt",
)  # fmt: skip
FIRST_NAMES: Final = ("Alma", "Bruno", "Carla", "Deniz", "Emil", "Fatou", "Goran", "Hana", "Ivo", "Jana", "Kai", "Lia")
LAST_NAMES: Final = ("Arce", "Bold", "Coen", "Dorn", "Egede", "Frost", "Gomez", "Hale", "Imai", "Jovic", "Kern", "Lund")
PROJECTS: Final = {"OPS": "Operations", "SEC": "Security", "WEB": "Web Store"}
SERVICES: Final = ("web-store", "case-api", "checkout", "auth", "search", "billing", "ingest", "mailer")
SYMPTOMS: Final = (
    "Memory leak", "High latency", "Error rate above threshold", "Certificate about to expire", "Disk almost full",
    "Suspicious login", "Failed deployment", "Queue backlog", "Unexpected cost increase", "Flapping health check",
)  # fmt: skip
ENVIRONMENTS: Final = ("prod", "prod", "prod", "staging", "test")
TEAMS: Final = ("platform", "payments", "frontend", "security")
KINDS: Final = ("incident", "bug", "task", "question")
REMARKS: Final = (
    "Looking into it.", "Rolled back the last release; watching the graphs.", "Cannot reproduce so far.",
    "Same cause as last week.", "Waiting for the vendor.",
)  # fmt: skip
ERROR_TRACKING: Final = "00000000-0000-0000-0000-000000000005"
INVESTIGATION: Final = "Investigation"
ATTRIBUTES: Final = (
    ("severity", "Severity", "TEXT", False),
    ("region", "Region", "TEXT", False),
    ("cost", "Cost", "NUMBER", False),
    ("runbook", "Runbook", "URL", False),
)
"""The custom attributes of all types that seeded cases have: key, display name, type, several values or one."""
PRECISIONS: Final = (1, 1_000, 1_000_000, 1_000_000_000)
SECOND: Final = 1_000_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
SPREAD: Final = 90 * DAY
"""Seeded cases are created in the ninety days before the seeding."""
CREATED: Final = "2022-05-12T09:53:43.305109+00:00"


def establish(store: Store) -> None:
    """Give a new organisation its users (the first one is the caller), teams, case types and projects."""
    tables = store.tables
    for name in PEOPLE:
        handle = f"{name.lower().replace(' ', '.')}@example.com"
        add_user(store, name=name, handle=handle, title="Engineer", last_login_time=CREATED)
    tables.me = next(iter(tables.users))
    people = list(tables.users)
    for kind in BUILT_IN_TYPES:
        tables.case_types[kind.id] = evolve(kind, statuses=dict(kind.statuses))
    own = add_case_type(store, name=INVESTIGATION, description="Find out what happened.", emoji="🔍")
    for kind_id in (STANDARD_TYPE, ERROR_TRACKING, own.id):
        for key, display_name, value_type, is_multi in ATTRIBUTES:
            add_custom_attribute(store, kind_id, key=key, display_name=display_name, type=value_type, is_multi=is_multi)
    for key, title in PROJECTS.items():
        make_project(store, key, title)
    for position, name in enumerate(TEAMS):
        members = people[position * 3 : position * 3 + 3]
        team = TeamRecord(id=store.uuid(), name=name.title(), handle=name, created_at=CREATED, on_call=members[:1])
        team.members = {user: store.uuid() for user in members}
        tables.teams[team.id] = team
    add_user(store, name="Deploy Bot", handle=store.uuid(), email="deploy-bot@example.com", service_account=True)
    add_user(store, name=None, handle="new.colleague@example.com", status="Pending")
    add_user(store, name="Oskar Former", handle="oskar.former@example.com", status="Disabled")


def add_user(store: Store, *, handle: str, email: str | None = None, **details: Any) -> UserRecord:
    """Add a user."""
    user = UserRecord(id=store.uuid(), handle=handle, email=email or handle, created_at=CREATED, **details)
    store.users[user.id] = user
    store.user_searches.clear()
    return user


def add_users(store: Store, count: int) -> list[str]:
    """Add active users; returns their ids."""
    rng, first = store.tables.random, len(store.users)
    users = []
    for number in range(first, first + count):
        name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        handle = f"{name.lower().replace(' ', '.')}.{number}@example.com"
        users.append(add_user(store, name=name, handle=handle).id)
    return users


def add_case_type(store: Store, **details: Any) -> CaseTypeRecord:
    """Add a case type of the organisation's own."""
    kind = CaseTypeRecord(id=store.uuid(), **details)
    store.tables.case_types[kind.id] = kind
    return kind


def add_custom_attribute(store: Store, case_type_id: str, **details: Any) -> CustomAttributeRecord:
    """Add a custom attribute to a case type."""
    attribute = CustomAttributeRecord(id=store.uuid(), case_type_id=case_type_id, **details)
    store.tables.custom_attributes[attribute.id] = attribute
    return attribute


@frozen(kw_only=True)
class SeedRequest:
    """Requested properties of the cases to add; see `Simulation.seed_cases`."""

    project: str | None = None
    ties: int = 1
    open: bool | None = None
    stale_days: float | None = None
    comments: int | Sequence[str] | None = None
    assignee: str | None = ""
    """An empty text for a random user or none."""
    created_by: str | None = None
    fields: dict[str, Any]


ADJUSTABLE: Final = frozenset(
    each.name for each in fields(CaseRecord) if each.name not in {"serial", "id", "key", "project_id", "comments"}
)
"""The fields of a case that `seed_cases` can fix."""


@define
class RandomValues:
    """The randomly chosen values of one case."""

    project: str
    symptom: str
    service: str
    env: str
    team: str
    kind: str
    priority: str
    status: str
    type: tuple[str, str]
    author: str
    assignee: str | None
    number: int
    """From 0 to 11; decides the details that only some cases have."""


def columns(store: Store, count: int, wanted: SeedRequest) -> Iterator[RandomValues]:
    """Choose the values of all cases, column by column, which is much faster than case by case."""
    pick = store.tables.random.choices
    people = list(store.users)[: len(PEOPLE)]
    own_type = next((kind.id for kind in store.tables.case_types.values() if not kind.internal), STANDARD_TYPE)
    types = ((STANDARD_TYPE, "MANUAL"),) * 8 + ((ERROR_TRACKING, "ERROR_TRACKING"), (own_type, "MANUAL"))
    projects = [store.project_named(wanted.project)["id"]] if wanted.project else list(store.tables.projects)
    statuses = {None: (5, 2, 3), True: (5, 2, 0), False: (0, 0, 1)}[wanted.open]
    return map(
        RandomValues,
        pick(projects, k=count),
        pick(SYMPTOMS, k=count),
        pick(SERVICES, k=count),
        pick(ENVIRONMENTS, k=count),
        pick(TEAMS, k=count),
        pick(KINDS, k=count),
        pick(PRIORITIES, (30, 5, 15, 25, 15, 10), k=count),
        pick(("OPEN", "IN_PROGRESS", "CLOSED"), statuses, k=count),
        pick(types, k=count),
        pick(people, k=count),
        pick((*people, *[None] * len(people)), k=count),
        pick(range(12), k=count),
    )


def creation_times(rng: Random, count: int, ties: int, end: int, numbers: Iterator[int]) -> Iterator[int]:
    """Ascending times in the days before `end`; `ties` consecutive cases share each of them."""
    groups = -(-count // ties)
    spacing = SPREAD // max(groups, 1)
    start = end - groups * spacing
    created = start
    for position, number in zip(range(count), numbers, strict=True):
        if position % ties == 0:
            created = start + position // ties * spacing + rng.randrange(1 + spacing // 2)
            created -= created % PRECISIONS[number % 4]
        yield created


def add_cases(store: Store, count: int, wanted: SeedRequest) -> list[str]:
    """Add cases; returns their ids in order of creation."""
    if count < 0:
        raise ValueError(f"the number of cases must be 0 or more, not {count}")
    unknown = sorted(wanted.fields.keys() - ADJUSTABLE)
    if unknown:
        raise TypeError(f"a seeded case has no field {unknown[0]!r}; allowed: {', '.join(sorted(ADJUSTABLE))}")
    assignee = store.user_named(wanted.assignee).id if wanted.assignee else wanted.assignee
    author = store.user_named(wanted.created_by).id if wanted.created_by else None
    if not count:
        return []
    now = store.now()
    end = now if wanted.stale_days is None else now - int(wanted.stale_days * DAY)
    chosen = list(columns(store, count, wanted))
    times = creation_times(
        store.tables.random, count, max(wanted.ties, 1), end, iter([column.number for column in chosen])
    )
    ids = []
    for position, (column, created) in enumerate(zip(chosen, times, strict=True)):
        if assignee != "":
            column.assignee = assignee
        column.author = author or column.author
        plain = plain_case(store, column, created) | wanted.fields
        derive(store, plain, column, end)
        case = store.cases.add(project_id=column.project, **plain)
        ids.append(case.id)
        for number, text in enumerate(remarks(wanted.comments, column, position)):
            add_comment(store, case, text, column.author, case.created_at + (number + 1) * HOUR // 2)
    return ids


def remarks(wanted: int | Sequence[str] | None, column: RandomValues, position: int) -> Sequence[str]:
    """The comments of a case: the wanted texts, a wanted number of texts, or one on every twelfth case."""
    if wanted is None:
        wanted = int(column.number == 0)
    if not isinstance(wanted, int):
        return wanted
    return [REMARKS[(position + number) % len(REMARKS)] for number in range(wanted)]


def plain_case(store: Store, column: RandomValues, created: int) -> dict[str, Any]:
    """The fields of a case before the caller's own values."""
    type_id, source = column.type
    return {
        "title": f"{column.symptom} in {column.service} ({column.env})",
        "description": (
            f"{column.symptom} was noticed on {column.service}; {column.team} looks after it."
            if column.number % 3
            else ""
        ),
        "type_id": type_id,
        "creation_source": source,
        "priority": column.priority,
        "status": column.status,
        "shows_status_name": store.switches.status_names or column.status != "OPEN" or column.number % 2 == 0,
        "shows_author": column.number % 3 == 0,
        "created_at": created,
        "created_by": column.author,
        "assignee": column.assignee,
        "attributes": {
            "env": [column.env], "service": [column.service], "team": [column.team], "type": [column.kind]
        },
    }  # fmt: skip


def derive(store: Store, plain: dict[str, Any], column: RandomValues, end: int) -> None:
    """Add the fields that follow from others, unless the caller fixed them."""
    status, created = plain["status"], plain["created_at"]
    if status not in STATUSES:
        raise ValueError(f"unknown status {status!r} for a seeded case; allowed: {', '.join(STATUSES)}")
    plain.setdefault("status_name", name_of_status(store.tables.case_types.get(plain["type_id"]), status))
    if status in CLOSED:
        plain.setdefault("closed_at", min(created + (1 + column.number) * HOUR, max(end, created)))
    if status != "OPEN":
        plain.setdefault("modified_at", plain.get("closed_at") or min(created + HOUR, max(end, created)))
        plain.setdefault("modified_by", column.author)


def add_comment(store: Store, case: CaseRecord, message: str, author: str, created_at: int) -> None:
    """Add a comment to a seeded case."""
    cell = CellRecord(id=store.uuid(), serial=case.serial, message=message, author=author, created_at=created_at)
    store.tables.cells[cell.id] = cell
    case.comments = (*case.comments, cell.id)
