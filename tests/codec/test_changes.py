"""What is changed wins over what was received; all else stays as it came."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from attrs import evolve
from codec_documents import decode_plain

from casemgmt_async.codec import converter, decode, dump, encode
from casemgmt_async.models import (
    AutomationRule,
    Case,
    CustomAttribute,
    CustomAttributeType,
    JiraIssue,
    Page,
    Priority,
    Project,
    ReceivedExtra,
    User,
)

RECEIVED: dict[str, Any] = {
    "data": {
        "id": "1",
        "type": "case",
        "attributes": {
            "title": "before",
            "description": None,
            "created_at": "2026-01-24T00:47:45.477244496Z",
            "modified_at": "2026-01-24T00:47:45Z",
            "due_date": "2026-12-31",
            "custom_attributes": {
                "a": {"type": "TEXT", "value": "x", "is_multi": False, "new": 1},
                "b": {"type": "NUMBER", "value": 1.0, "is_multi": False},
            },
            "jira_issue": {"status": "COMPLETED", "result": {"issue_key": "P-1", "novel": True}},
            "insights": None,
            "novel": [1],
        },
        "relationships": {
            "assignee": {"data": {"id": "u1", "type": "user", "meta": {}}, "links": {"self": "/u1"}},
            "incidents": {"data": []},
        },
        "links": {"self": "/1"},
    },
    "included": [
        {"id": "u1", "type": "user", "attributes": {"name": "Ada", "novel": 1}},
        {"id": "t1", "type": "team", "attributes": {"size": 3}},
    ],
    "jsonapi": {"version": "1.1"},
}
BODY = msgspec.json.encode(RECEIVED)


@pytest.fixture(params=[decode, decode_plain], ids=["text", "plain"])
def case(request: pytest.FixtureRequest) -> Case:
    request.param(BODY, Case)  # what the first meeting with new names teaches is known from here on
    found: Case = request.param(BODY, Case)
    return found


def expected(*path: Any, value: Any) -> dict[str, Any]:
    """What was received, with one member changed."""
    document = copy.deepcopy(RECEIVED)
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return document


ATTRIBUTES = ("data", "attributes")


def test_what_is_not_known_is_kept_by_name_and_pointer(case: Case) -> None:
    assert case.extra == {
        "novel": [1],
        "/links": {"self": "/1"},
        "/relationships/incidents": {"data": []},
        "/relationships/assignee/links": {"self": "/u1"},
        "/relationships/assignee/data/meta": {},
        "//included": [{"id": "t1", "type": "team", "attributes": {"size": 3}}],
        "//jsonapi": {"version": "1.1"},
    }
    assert case.custom_attributes["a"].extra == {"new": 1}
    assert case.jira_issue is not None
    assert case.jira_issue.extra == {"/result/novel": True}
    assert case.assignee == User("u1", name="Ada", extra={"novel": 1})


def test_nothing_changed(case: Case) -> None:
    assert encode(case) == RECEIVED
    assert encode(evolve(case)) == RECEIVED


@pytest.mark.parametrize(
    ("change", "path", "written"),
    [
        ({"title": "after"}, (*ATTRIBUTES, "title"), "after"),
        ({"title": None}, (*ATTRIBUTES, "title"), None),
        ({"priority": Priority.P2}, (*ATTRIBUTES, "priority"), "P2"),
        ({"priority": Priority("P9")}, (*ATTRIBUTES, "priority"), "P9"),
        ({"due_date": date(2027, 1, 1)}, (*ATTRIBUTES, "due_date"), "2027-01-01"),
        ({"created_at": datetime(2026, 1, 1, tzinfo=UTC)}, (*ATTRIBUTES, "created_at"), "2026-01-01T00:00:00Z"),
        (
            {"created_at": datetime(2026, 1, 1, 2, 0, 0, 5, timezone(timedelta(hours=2)))},
            (*ATTRIBUTES, "created_at"),
            "2026-01-01T00:00:00.000005Z",
        ),
        ({"assignee": User("u2")}, ("data", "relationships", "assignee", "data"), {"id": "u2", "type": "user"}),
        ({"assignee": None}, ("data", "relationships", "assignee", "data"), None),
        ({"project_id": "p"}, ("data", "relationships", "project"), {"data": {"id": "p", "type": "project"}}),
        ({"attributes": {"team": ["x"]}}, (*ATTRIBUTES, "attributes"), {"team": ["x"]}),
        ({"jira_issue": None}, (*ATTRIBUTES, "jira_issue"), None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_one_change(case: Case, change: Any, path: Any, written: Any) -> None:
    assert encode(evolve(case, **change)) == expected(*path, value=written)


def test_a_change_inside_keeps_what_is_beside_it(case: Case) -> None:
    assert case.jira_issue is not None
    changed = evolve(case, jira_issue=evolve(case.jira_issue, issue_key="P-2"))
    assert encode(changed) == expected(*ATTRIBUTES, "jira_issue", "result", "issue_key", value="P-2")
    other = {**case.custom_attributes, "a": evolve(case.custom_attributes["a"], value="y")}
    changed = evolve(case, custom_attributes=other)
    assert encode(changed) == expected(*ATTRIBUTES, "custom_attributes", "a", "value", value="y")


def test_what_has_no_field_can_be_changed_too(case: Case) -> None:
    def without(key: str) -> Case:
        extra = case.extra.copy()
        del extra[key]
        return evolve(case, extra=extra)

    assert isinstance(case.extra, ReceivedExtra)
    assert encode(evolve(case, extra=case.extra | {"novel": 2})) == expected(*ATTRIBUTES, "novel", value=2)
    assert "novel" not in encode(without("novel"))["data"]["attributes"]
    assert "links" not in encode(without("/links"))["data"]
    assert "jsonapi" not in encode(without("//jsonapi"))
    new = evolve(case, extra=case.extra | {"/meta/a~1b": 1})
    assert encode(new) == expected("data", "meta", value={"a/b": 1})


def test_a_user_that_changes_is_told_beside_the_data(case: Case) -> None:
    assert case.assignee is not None
    renamed = evolve(case, assignee=evolve(case.assignee, name="Eve"))
    assert encode(renamed) == expected("included", 0, "attributes", "name", value="Eve")
    document = encode(evolve(case, assignee=User("u2", name="Bo")))
    assert document["included"][2:] == [{"id": "u2", "type": "user", "attributes": {"name": "Bo"}}]


def test_a_user_that_is_told_twice_changes_in_the_last_place() -> None:
    """The last one is what is read, so it is what is written."""
    document = copy.deepcopy(RECEIVED)
    document["included"].append({"id": "u1", "type": "user", "attributes": {"name": "Ada Lovelace"}})
    case = decode(msgspec.json.encode(document), Case)
    assert case.assignee is not None
    assert case.assignee.name == "Ada Lovelace"
    written = encode(evolve(case, assignee=evolve(case.assignee, name="Eve")))
    assert [entry["attributes"].get("name") for entry in written["included"]] == ["Ada", None, "Eve"]
    assert decode(written, Case).assignee == User("u1", name="Eve")


def test_pages_and_lists_change_item_by_item() -> None:
    one, two = copy.deepcopy(RECEIVED["data"]), {"id": "2", "type": "case", "attributes": {"closed_at": None}}
    document = {"data": [one, two], "included": RECEIVED["included"], "meta": {"page": {"current": 1}, "new": 1}}
    page = decode(msgspec.json.encode(document), Page[Case])
    assert page.extra == {"/meta/new": 1, "included": [RECEIVED["included"][1]]}
    changed = evolve(page, items=[evolve(page.items[0], title="after"), page.items[1]])
    want = copy.deepcopy(document)
    want["data"][0]["attributes"]["title"] = "after"
    assert encode(changed) == want
    listed = decode(msgspec.json.encode(document), list[Case])
    assert encode(listed) == document
    listed.pop(0)
    assert encode(listed) == {**document, "data": [two]}


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_given_back_as_well(case: Case, again: Any) -> None:
    twin = again(case)
    assert (twin, hash(twin), repr(twin)) == (case, hash(case), repr(case))
    assert encode(twin) == RECEIVED
    document = {**RECEIVED, "data": [RECEIVED["data"]]}
    for answer in (list[Case], Page[Case]):
        found: Any = again(decode(msgspec.json.encode(document), answer))
        assert encode(found) == document


def test_what_was_never_received() -> None:
    made = Case(
        "1",
        title="t",
        assignee=User("u", email="u@x"),
        custom_attributes={"n": CustomAttribute(CustomAttributeType.NUMBER, 1, is_multi=False)},
        jira_issue=JiraIssue(issue_key="P-1"),
        extra={"novel": 1, "/meta": {}},
    )
    document = {
        "data": {
            "id": "1",
            "type": "case",
            "attributes": {
                "title": "t",
                "custom_attributes": {"n": {"type": "NUMBER", "value": 1, "is_multi": False}},
                "jira_issue": {"result": {"issue_key": "P-1"}},
                "novel": 1,
            },
            "relationships": {"assignee": {"data": {"id": "u", "type": "user"}}},
            "meta": {},
        },
        "included": [{"id": "u", "type": "user", "attributes": {"email": "u@x"}}],
    }
    assert encode(made) == document
    assert decode(msgspec.json.encode(document), Case) == made
    assert encode([made, made])["data"] == [document["data"]] * 2
    assert encode(Page([made], number=2, total_items=9))["meta"] == {"page": {"current": 2}, "total_cases": 9}
    members = Project("p", member_users=(User("a"), User("b", name="B")), member_teams=("t",))
    assert decode(msgspec.json.encode(encode(members)), Project) == members


def test_resources_by_the_converter_alone() -> None:
    """The converter is a cattrs converter: models are structured from and unstructured to resources."""
    case = converter.structure(RECEIVED["data"], Case)
    assert case.assignee == User("u1")
    assert converter.unstructure(case) == RECEIVED["data"]
    rule = {
        "id": "1",
        "type": "rule",
        "attributes": {
            "name": "n",
            "state": "ENABLED",
            "created_at": "2026-01-01T00:00:00Z",
            "trigger": {"type": "CASE_CREATED"},
            "action": {"type": "execute_workflow", "data": {"handle": "h"}},
        },
    }
    found = converter.structure(rule, AutomationRule)
    assert (found.trigger.type, found.action.handle) == ("CASE_CREATED", "h")
    assert msgspec.json.decode(dump({"rules": [found]})) == {"rules": [rule]}


def test_names_that_look_like_pointers_are_told_apart() -> None:
    names = {"a/b": 1, "a~1b": 2, "~": 3, "": 4, "/c": 5}
    document = {"data": {"id": "1", **names, "attributes": names, "relationships": names}, **names}
    case = decode(msgspec.json.encode(document), Case)
    assert len(case.extra) == 4 * len(names)
    assert encode(case) == document
    assert encode(evolve(case, extra=case.extra | {key: -value for key, value in case.extra.items()})) == {
        "data": {"id": "1", **negated(names), "attributes": negated(names), "relationships": negated(names)},
        **negated(names),
    }


def negated(names: dict[str, int]) -> dict[str, int]:
    return {name: -value for name, value in names.items()}


def test_what_one_document_tells_is_not_known_to_the_next() -> None:
    first = decode_plain(BODY, Case)
    assert first.assignee is not None
    assert first.assignee.name == "Ada"
    for later in (
        converter.structure(RECEIVED["data"], Case),
        decode(msgspec.json.encode({"data": RECEIVED["data"]}), Case),
    ):
        assert later.assignee == User("u1")
