"""The search language, the order, the pages; and that search, count, aggregate and a full walk agree."""

from __future__ import annotations

import json

import pytest
from emulator_calls import Desk
from hypothesis import given, settings
from hypothesis import strategies as st

ERROR_TRACKING = "00000000-0000-0000-0000-000000000005"
CASES = {
    "a": {
        "title": "Memory leak in the API",
        "priority": "P1",
        "attributes": {"service": ["case-api"], "env": ["prod", "eu"], "type": ["bug"]},
    },
    "b": {"title": "High memory", "priority": "P2", "status": "CLOSED", "attributes": {"service": ["web-store"]}},
    "c": {
        "title": "Slow queries",
        "priority": "P3",
        "status": "IN_PROGRESS",
        "description": 'Look at "the API" of android-team AND more',
        "attributes": {"service": ["web-api"]},
        "project": "SEC",
    },
    "d": {
        "title": "Disk - 100% full",
        "status": "RESOLVED",
        "project": "SEC",
        "type_id": "00000000-0000-0000-0000-000000000005",
    },
    "e": {
        "title": "Lint: x=1 (again)",
        "custom_attributes": {"region": {"type": "TEXT", "is_multi": True, "value": ["us", "ap"]}},
        "due_date": "2026-01-01",
    },
}


@pytest.fixture(scope="module")
def shelf() -> Desk:
    """The cases above, and an archived one that no search finds."""
    desk = Desk()
    users = list(desk.store.users)
    for letter, fields in CASES.items():
        assigned = {"assignee": users[1]} if letter == "a" else {}
        desk.store.cases.create(**{"project": "OPS", **fields, **assigned})
    desk.store.cases.archive(desk.store.cases.create(title="Memory leak, put away", project="OPS"))
    return desk


LETTERS = {fields["title"]: letter for letter, fields in CASES.items()}


def letters(desk: Desk, query: str) -> str:
    return "".join(LETTERS[title] for title in desk.titles(query))


QUERIES = {
    "": "abcde",
    "   ": "abcde",
    "status:open": "ae",
    "status:OPEN": "ae",
    "status:closed": "b",
    'status:"in progress"': "c",
    "status:in_progress": "c",
    "status_group:sg_closed": "bd",
    "status_name:Resolved": "d",
    "priority:P1": "a",
    "priority:(P2 OR P3)": "bc",
    "priority:(p2 OR p3 OR NOT_DEFINED)": "bcde",
    "priority:(-P1 -P2)": "cde",
    "priority:(NOT P1 AND NOT P2)": "cde",
    "priority:((P1 OR P2) AND -P2)": "a",
    "-priority:(P2 OR P3)": "ade",
    "priority:P*": "abc",
    "project:SEC": "cd",
    "project:sec": "cd",
    "key:OPS-1": "a",
    "key:SEC-1": "c",
    "type:STANDARD": "abce",
    "type:bug": "a",
    "type:error_tracking_issue": "d",
    "service:case-api": "a",
    "service:web*": "bc",
    "service:*": "abc",
    "-service:*": "de",
    "env:prod": "a",
    "env:eu": "a",
    "region:ap": "e",
    "nosuch:thing": "",
    "assignee:ben.okafor@example.com": "a",
    'assignee:"Ben Okafor"': "a",
    "assignee:*": "a",
    "memory": "ab",
    "MEMORY": "ab",
    "memory leak": "a",
    '"memory leak"': "a",
    '"leak memory"': "",
    '"the API"': "a",
    "the API": "ac",
    '"at \\"the"': "",
    "mem*": "ab",
    "memory OR slow": "abc",
    "memory AND -leak": "b",
    "memory -leak": "b",
    "-memory": "cde",
    "NOT memory": "cde",
    "-(memory OR slow)": "de",
    "memory and": "",
    "android": "c",
    "android-team": "c",
    "NOTHING": "",
    "ORder": "",
    '"100% full"': "d",
    "x=1": "e",
    "slow OR memory status:closed": "bc",
    "(slow OR memory) status:closed": "b",
    "((status:open))": "ae",
    "status:open service:case-api priority:P1 memory": "a",
    "project:SEC -status:resolved": "c",
}
ILL_FORMED = (
    "(", ")", "()", "a (", "a)", "status:", "status:()", "status:(open", "AND", "a AND", "OR a", "a OR", "a AND OR b",
    "-", "NOT", "--a", '"open', 'a"b', ":x", "priority:(P1 OR)", "(" * 60 + "a" + ")" * 60,
)  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), QUERIES.items())
def test_queries(shelf: Desk, query: str, expected: str) -> None:
    assert letters(shelf, query) == expected


@pytest.mark.parametrize("query", ILL_FORMED)
def test_ill_formed_queries_are_refused(shelf: Desk, query: str) -> None:
    answer = shelf.search(query)
    assert answer.status == 400
    assert answer.error["detail"].startswith("invalid query")


def test_project_id_is_the_dependable_facet(shelf: Desk) -> None:
    assert letters(shelf, f"project_id:{shelf.project('SEC')}") == "cd"
    assert letters(shelf, f"project_id:{shelf.project('SEC').upper()} slow") == "c"


@given(st.text(alphabet='ab:()"-\\* \tANDORNOT', max_size=30))
@settings(max_examples=200)
def test_any_query_is_answered(query: str) -> None:
    assert Desk().search(query).status in {200, 400}


def test_order() -> None:
    desk = Desk()
    for title, priority, status in (
        ("a", "P3", "CLOSED"),
        ("b", "P1", "OPEN"),
        ("c", "P3", "OPEN"),
        ("d", "P2", "OPEN"),
    ):
        desk.store.cases.create(title=title, priority=priority, status=status)
    desk.store.cases.create(title="e", created_at=5)

    def order(**query: object) -> str:
        return "".join(case["attributes"]["title"] for case in desk.search(**query).data)

    assert order() == order(field="created_at", asc=False) == "dcbae"
    assert order(asc=True) == "eabcd"
    assert order(field="priority", asc=True) == "ebdac"
    assert order(field="priority", asc=False) == "cadbe"
    assert order(field="status", asc=True) == "bcdea"
    assert order(field="status") == "aedcb"


def test_pages_and_totals() -> None:
    desk = Desk()
    desk.simulation.seed_cases(23)
    first = desk.search()
    assert first.json["meta"] == {"page": {"current": 1, "size": 10, "total": 3}, "total_cases": 23}
    assert [case["id"] for case in desk.search(number=1).data] == [case["id"] for case in first.data]
    last = desk.search(number=3)
    assert last.json["meta"]["page"] == {"current": 3, "size": 3, "total": 3}
    beyond = desk.search(number=4)
    assert (beyond.status, beyond.data, beyond.json["meta"]["page"]["size"]) == (200, [], 0)
    assert "included" not in beyond.json


def test_included_users_are_those_pointed_to() -> None:
    desk = Desk()
    desk.simulation.seed_cases(30)
    answer = desk.search(size=100)
    pointed = {
        name["data"]["id"] for case in answer.data for kind, name in case["relationships"].items() if kind != "project"
    }
    assert {user["id"] for user in answer.json["included"]} == pointed
    assert len(answer.json["included"]) == len(pointed)
    assert set(answer.json["included"][0]["attributes"]) == {"name", "email", "handle", "active"}


def test_count_and_aggregate() -> None:
    desk = Desk()
    for status, env in (("OPEN", ["a", "b"]), ("OPEN", ["a"]), ("CLOSED", [])):
        desk.store.cases.create(status=status, attributes={"env": env})
    counted = desk.ask("count_cases", query={"group_bys": "status, env"}).data["attributes"]
    assert counted == {
        "groups": [
            {"group": "status", "group_values": [{"value": "OPEN", "count": 2}, {"value": "CLOSED", "count": 1}]},
            {"group": "env", "group_values": [{"value": "a", "count": 2}, {"value": "b", "count": 1}]},
        ],
        "total": 3,
    }
    limited = desk.ask("count_cases", query={"group_bys": "env", "limit": "1", "query_filter": "status:open"})
    assert limited.data["attributes"]["groups"][0]["group_values"] == [{"value": "a", "count": 2}]
    grouping = {"groups": ["status", "env"], "limit": 2}
    grouped = desk.send("aggregate_cases", kind="aggregate", query_filter="", group_by=grouping)
    assert grouped.data["attributes"] == {
        "groups": [{"group": "OPEN,a", "value": [2]}, {"group": "OPEN,b", "value": [1]}],
        "total": 3,
    }


WORDS = st.sampled_from(
    [
        "status:open",
        "status:closed",
        "priority:(P1 OR P2)",
        "service:web*",
        "-leak",
        "memory",
        "project:OPS",
        "env:prod",
    ]
)
QUERY = st.lists(WORDS, max_size=3).flatmap(lambda words: st.sampled_from([" ".join(words), " OR ".join(words)]))


@given(QUERY, st.integers(1, 100), st.sampled_from(["created_at", "priority", "status"]), st.booleans())
@settings(max_examples=60)
def test_count_aggregate_totals_and_walk_agree(query: str, size: int, field: str, asc: bool) -> None:
    pages = []
    while not pages or pages[-1].data:
        pages.append(SEEDED.search(query, size=size, number=len(pages) + 1, field=field, asc=asc))
    walked = [case["id"] for page in pages for case in page.data]
    assert len(walked) == len(set(walked)) == pages[0].json["meta"]["total_cases"]
    assert pages[0].json["meta"]["page"]["total"] == len(pages) - 1
    counted = SEEDED.ask("count_cases", query={"query_filter": query, "group_bys": "priority"}).data["attributes"]
    assert sum(value["count"] for value in counted["groups"][0]["group_values"]) == counted["total"] == len(walked)
    grouping = {"groups": ["priority"], "limit": 1000}
    grouped = SEEDED.send("aggregate_cases", kind="aggregate", query_filter=query, group_by=grouping).data["attributes"]
    assert sum(group["value"][0] for group in grouped["groups"]) == grouped["total"] == len(walked)


SEEDED = Desk(seed=5)
SEEDED.simulation.seed_cases(150, ties=7)


def test_a_walk_follows_what_changes_between_its_pages() -> None:
    """The order is kept up to date from the changes alone, and is the one that a fresh look gives."""
    desk = Desk(seed=3)
    ids = desk.simulation.seed_cases(400)
    for turn in range(60):
        desk.store.cases.touch(ids[turn * 5], priority=("P1", "P5")[turn % 2])
        desk.store.cases.close(ids[turn * 3])
        if turn % 7 == 0:
            desk.store.cases.archive(ids[turn])
            desk.store.cases.create(title="late", status="OPEN")
        kept, index = looks(desk), desk.store.cases.index
        desk.store.cases.forget()
        assert looks(desk) == kept
        desk.store.cases.index = index


def looks(desk: Desk) -> str:
    """What a search finds now, in two orders."""
    return json.dumps([desk.search("status:open", field=field, size=100).json for field in ("priority", "created_at")])
