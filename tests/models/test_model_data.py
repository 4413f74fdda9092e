"""Models as data, and what a model says of itself."""

from __future__ import annotations

import copy
import json
import pickle
import pydoc
import time
from datetime import UTC, date, datetime
from typing import Any

import attrs
import cattrs
import msgspec
import pytest

from casemgmt_async import models
from casemgmt_async.codec import decode, encode
from casemgmt_async.codec.values import MAX_DEPTH
from casemgmt_async.errors import DecodeError, InvalidArgumentError
from casemgmt_async.models import Author, Case, CaseStatus, Listing, Page, StatusGroup, TimelineCell, User

CASE = {
    "id": "1",
    "type": "case",
    "attributes": {
        "title": "t",
        "priority": "P9",
        "created_at": "2026-01-24T00:47:45.477244496Z",
        "modified_at": "2026-01-24T00:47:45",
        "due_date": "2026-12-31",
        "attributes": {"team": ["x"]},
        "insights": [{"type": "MONITOR", "novel": 1}],
        "novel": {"deep": [1]},
    },
    "relationships": {"assignee": {"data": {"id": "u1", "type": "user"}}},
}
INCLUDED = [
    {"id": "u1", "type": "user", "attributes": {"name": "Ada"}},
    {"id": "u2", "type": "user", "attributes": {"name": "Bo"}},
]
BODY = msgspec.json.encode({"data": CASE, "included": INCLUDED})
LIST = msgspec.json.encode({"data": [CASE], "included": INCLUDED, "meta": {"page": {"current": 1}}})


def test_to_dict_is_flat_and_ready_for_json() -> None:
    data = decode(BODY, Case).to_dict()
    assert json.loads(json.dumps(data)) == data
    assert list(data) == [attribute.name for attribute in attrs.fields(Case)]
    assert (data["priority"], type(data["priority"])) == ("P9", str)
    assert (data["created_at"], data["due_date"]) == ("2026-01-24T00:47:45.477244Z", "2026-12-31")
    assert data["assignee"] == {"id": "u1", "name": "Ada", "email": None, "handle": None, "active": None, "extra": {}}
    assert data["insights"] == [{"type": "MONITOR", "ref": None, "resource_id": None, "extra": {"novel": 1}}]
    assert data["extra"] == {"novel": {"deep": [1]}}
    assert data["closed_at"] is None
    page = decode(LIST, Page[Case]).to_dict()
    assert (page["items"], page["number"]) == ([data], 1)


@pytest.mark.parametrize("as_data", [attrs.asdict, cattrs.unstructure, lambda model: model.to_dict()])
@pytest.mark.parametrize("answer", [Case, Page[Case]], ids=str)
def test_no_way_to_plain_data_shows_the_received_text(as_data: Any, answer: Any) -> None:
    found = decode(BODY if answer is Case else LIST, answer)
    data = as_data(found)
    assert set(data) == {attribute.name for attribute in attrs.fields(type(found))}
    assert "wire" not in repr(data)
    assert type(data["extra"]) is dict


@pytest.mark.parametrize(("body", "answer"), [(BODY, Case), (LIST, Page[Case]), (LIST, list[Case])], ids=str)
def test_decode_of_encode_gives_an_equal_answer(body: bytes, answer: Any) -> None:
    found = decode(body, answer)
    assert encode(found) == msgspec.json.decode(body)
    assert decode(encode(found), answer) == found


def test_a_model_that_was_never_received_comes_back_too() -> None:
    made = Case("1", title="t", created_at=datetime(2026, 1, 1, 5, tzinfo=UTC), due_date=date(2026, 1, 2))
    assert decode(encode(made), Case) == made
    assert decode(encode([made]), list[Case]) == [made]
    assert decode(encode(Page([made], 3, total_items=7)), Page[Case]) == Page([made], 3, total_items=7)


def test_a_time_without_a_zone_is_utc() -> None:
    case = decode(BODY, Case)
    assert case.modified_at == datetime(2026, 1, 24, 0, 47, 45, tzinfo=UTC)
    assert case.modified_at.tzinfo is UTC
    assert attrs.evolve(case, modified_at=datetime(2026, 1, 1)).to_dict()["modified_at"] == "2026-01-01T00:00:00Z"


def test_users_that_nothing_points_to_can_be_reached() -> None:
    users = (User("u1", name="Ada"), User("u2", name="Bo"))
    case = decode(BODY, Case)
    assert case.included == users
    assert case.included[0] is case.assignee
    for answer in (Page[Case], list[Case]):
        found: Any = decode(LIST, answer)
        assert found.included == users
        assert found[0].included == ()
    assert (Case("1").included, Page([]).included, Listing().included) == ((), (), ())
    changed = attrs.evolve(case, title="after")
    assert (changed.included, encode(changed)["included"]) == (users, INCLUDED)
    assert pickle.loads(pickle.dumps(case)).included == users


def test_a_page_can_be_indexed() -> None:
    page = Page(["a", "b", "c"])
    assert (page[0], page[-1], page[1:], list(reversed(page))) == ("a", "c", ["b", "c"], ["c", "b", "a"])
    with pytest.raises(IndexError):
        page[3]


@pytest.mark.parametrize("name", [name for name in dir(models) if attrs.has(getattr(models, name))])
def test_help_explains_each_field(name: str) -> None:
    model = getattr(models, name)
    shown = pydoc.render_doc(model, renderer=pydoc.plaintext)
    for attribute in attrs.fields(model):
        assert f"{attribute.name}: " in shown.split("Attributes:")[1]


def test_help_of_a_case_shows_the_text_below_a_field() -> None:
    assert "    due_date: " in (Case.__doc__ or "")
    assert Case("1").__doc__ == Case.__doc__


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ({}, True),
        ({"closed_at": datetime(2026, 1, 1, tzinfo=UTC)}, False),
        ({"status": CaseStatus.CLOSED}, False),
        ({"status": CaseStatus("RESOLVED")}, False),
        ({"status": CaseStatus("NEW_ONE")}, True),
        ({"status": CaseStatus.IN_PROGRESS}, True),
        ({"status": CaseStatus.CLOSED, "status_group": StatusGroup.SG_OPEN}, True),
        ({"status": CaseStatus.OPEN, "status_group": StatusGroup.SG_CLOSED}, False),
        ({"status_group": StatusGroup("SG_NEW")}, True),
    ],
    ids=str,
)
def test_is_open(fields: Any, is_open: bool) -> None:
    assert Case("1", **fields).is_open is is_open


STATUSES = (
    "NOT_STARTED IN_PROGRESS CLOSED ACKNOWLEDGED TRIGGERED PENDING_APPROVAL APPROVED IMPLEMENTING COMPLETED CANCELLED "
    "DECLINED OPEN RESOLVED SUNKNOWN"
)


def test_what_the_service_was_recorded_to_send_is_known() -> None:
    assert {status.value for status in CaseStatus} == set(STATUSES.split())
    assert models.CaseTypeCode("TUNKNOWN").known
    for name in ("SECURITY_FINDING", "RESOURCE_POLICY", "APM_RECOMMENDATION", "SCM_URL"):
        assert models.InsightType(name).known


AUTHOR = {"name": "Ada", "email": "a@x", "handle": "a@x", "active": True}


@pytest.mark.parametrize("text", [True, False], ids=["text", "plain"])
@pytest.mark.parametrize("name", ["ID", "id"])
def test_the_id_of_an_author_is_read_under_both_names(name: str, text: bool) -> None:
    author = {"type": "USER", "content": {name: "u1", **AUTHOR}}
    raw: Any = {"data": {"id": "1", "type": "timeline_cell", "attributes": {"author": author}}}
    cell = decode(json.dumps(raw).encode() if text else raw, TimelineCell)
    assert cell.author == Author(models.AuthorType.USER, "u1", **AUTHOR)
    assert encode(cell) == raw
    changed = attrs.evolve(cell, author=attrs.evolve(cell.author, id="u2"))
    raw["data"]["attributes"]["author"]["content"][name] = "u2"
    assert encode(changed) == raw
    case: Any = {"data": {"id": "1", "attributes": {"created_by_author": author}}}
    assert decode(json.dumps(case).encode() if text else case, Case).created_by_author.id == "u2"


@pytest.mark.parametrize("name", ["ID", "id"])
def test_an_ill_shaped_id_of_an_author_is_reported_under_the_name_that_was_sent(name: str) -> None:
    raw = {"data": {"id": "1", "type": "timeline_cell", "attributes": {"author": {"content": {name: 5}}}}}
    with pytest.raises(DecodeError) as caught:
        decode(raw, TimelineCell)
    assert caught.value.path == f"$.data.attributes.author.content.{name}"


def test_an_author_with_both_names_keeps_the_recorded_one() -> None:
    raw = {"data": {"id": "1", "attributes": {"author": {"content": {"ID": "u1", "id": "other"}}}}}
    for body in (raw, json.dumps(raw).encode()):
        author = decode(body, TimelineCell).author
        assert (author.id, author.extra) == ("u1", {"/content/id": "other"})


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("place", ["novel", "custom_attributes"])
def test_the_deepest_document_that_is_read_can_be_copied_pickled_and_encoded(place: str) -> None:
    def document(depth: int) -> bytes:
        value: Any = nested(depth)
        if place == "custom_attributes":
            value = {"k": {"type": "TEXT", "value": value, "is_multi": True}}
        return json.dumps({"data": {"id": "1", "attributes": {place: value}}}).encode()

    case = decode(document(MAX_DEPTH), Case)
    assert copy.deepcopy(case) == pickle.loads(pickle.dumps(case)) == case
    assert encode(case) == json.loads(document(MAX_DEPTH))
    assert json.loads(json.dumps(case.to_dict()))["id"] == "1"
    for depth in (MAX_DEPTH + 1, 500):
        for body in (document(depth), json.loads(document(depth))):
            with pytest.raises(DecodeError, match="nested") as caught:
                decode(body, Case)
            assert caught.value.path.startswith(f"$.data.attributes.{place}")
    with pytest.raises(DecodeError, match="nested too deeply"):
        decode(b'{"data":{"id":"1","attributes":{"novel":' + b"[" * 10**5 + b"]" * 10**5 + b"}}}", Case)


def test_a_deep_value_of_a_user_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError, match="nested too deeply"):
        encode(Case("1", extra={"novel": nested(5000)}))


@pytest.mark.parametrize(("depth", "is_read"), [(100, True), (101, False)])
def test_a_value_without_a_type_is_nested_up_to_100_levels(depth: int, is_read: bool) -> None:
    body = json.dumps({"data": {"id": "1", "attributes": {"novel": nested(depth)}}}).encode()
    if is_read:
        assert decode(body, Case).extra["novel"] == nested(depth)
    else:
        with pytest.raises(DecodeError, match="nested more than 100 levels deep"):
            decode(body, Case)


def test_a_time_without_a_zone_is_utc_wherever_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert Case("1", created_at=datetime(2026, 1, 1)).to_dict()["created_at"] == "2026-01-01T00:00:00Z"
        raw = {"data": {"id": "1", "attributes": {"created_at": "2026-01-01T00:00:00"}}}
        for body in (raw, json.dumps(raw).encode()):
            assert decode(body, Case).created_at == datetime(2026, 1, 1, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
