"""A page of cases as the live service sends it: about 1.4 kB per case, from a fixed seed."""

from __future__ import annotations

import random
import uuid
from typing import Any

import msgspec

__all__ = ["case_page"]

SENTENCES = (
    "Checkout answers slowly since the last deployment.",
    "The monitor on error rate has been flapping for an hour.",
    "A signal of the cloud security rules points to this host.",
    "Retries have filled the queue; consumers are at their limit.",
    "See the runbook before anything is restarted.",
    "The same happened in staging two weeks ago and was closed.",
)


def case_page(size: int = 100, *, seed: int = 0, odd: int = 0, name: str = "novelty", value: Any = None) -> bytes:
    """Make a page of `size` cases. The last `odd` of them have one more attribute, for which no model has a field."""
    rng = random.Random(seed)
    users = [
        {
            "id": identifier(rng),
            "type": "user",
            "attributes": {
                "name": f"Person {number}",
                "email": f"person.{number}@example.com",
                "handle": f"person.{number}@example.com",
                "active": True,
            },
        }
        for number in range(12)
    ]
    projects = [identifier(rng) for _ in range(4)]
    cases = [case(rng, number, rng.sample(users, 3), rng.choice(projects)) for number in range(size)]
    for made in cases[len(cases) - odd :]:
        made["attributes"][name] = {"score": 0.5} if value is None else value
    meta = {"page": {"current": 1, "size": size, "total": 50}, "total_cases": 50 * size}
    return msgspec.json.encode({"data": cases, "included": users, "meta": meta})


def case(rng: random.Random, number: int, people: list[dict[str, Any]], project: str) -> dict[str, Any]:
    """Make one case."""
    attributes: dict[str, Any] = {
        "attributes": {"service": [rng.choice(["web-store", "web-api"])], "env": ["prod"]},
        "comment_count": rng.randrange(9),
        "created_at": instant(rng),
        "creation_source": rng.choice(["MANUAL", "ERROR_TRACKING"]),
        "custom_attributes": {},
        "description": " ".join(rng.choices(SENTENCES, k=6)),
        "insights": [
            {
                "ref": f"/monitors/{rng.randrange(10**8)}?q=total",
                "resource_id": str(rng.randrange(10**8)),
                "type": "MONITOR",
            }
        ],
        "internal_id": identifier(rng),
        "key": f"SEC-{number}",
        "merge_status": "NOT_MERGED",
        "modified_at": instant(rng),
        "priority": rng.choice(["NOT_DEFINED", "P1", "P2", "P3", "P4", "P5"]),
        "public_id": str(number),
        "status": "OPEN",
        "status_group": "SG_OPEN",
        "status_name": "Open",
        "title": f"Latency of checkout is over its target in region {number % 7}",
        "type": rng.choice(["STANDARD", "ERROR_TRACKING_ISSUE"]),
        "type_id": "00000000-0000-0000-0000-000000000001",
    }
    if number % 3 == 0:
        attributes["custom_attributes"] = {"impact": {"type": "NUMBER", "value": number, "is_multi": False}}
    if number % 4 == 0:
        result = {
            "issue_id": str(number),
            "issue_key": f"OPS-{number}",
            "issue_url": f"https://jira.example.com/{number}",
        }
        attributes["jira_issue"] = {"result": result, "status": "COMPLETED"}
    if number % 5 == 0:
        attributes["closed_at"] = instant(rng)
    ends = {"assignee": people[0], "created_by": people[1], "modified_by": people[2]}
    relationships = {name: {"data": {"id": user["id"], "type": "user"}} for name, user in ends.items()}
    relationships["project"] = {"data": {"id": project, "type": "project"}}
    return {"id": identifier(rng), "type": "case", "attributes": attributes, "relationships": relationships}


def identifier(rng: random.Random) -> str:
    """Make a UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def instant(rng: random.Random) -> str:
    """Make a timestamp with nine digits."""
    day = f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return f"{day}T{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(10**9):09}Z"
