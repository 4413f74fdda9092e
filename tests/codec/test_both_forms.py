"""JSON text and plain objects give the same models or the same error, and nothing that was sent is lost."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec
import pytest
from codec_documents import ANSWERS, as_text, decode_plain, documents
from hypothesis import given, settings
from hypothesis import strategies as st

from casemgmt_async.codec import converter, decode, encode
from casemgmt_async.errors import DecodeError
from casemgmt_async.models import Case, Page, TimelineCell

LIGHT = settings(max_examples=12)
FULL = settings(max_examples=50)


def check_both_agree(document: Any, answer: Any) -> None:
    body = msgspec.json.encode(document)
    text, plain = decode(body, answer), decode_plain(body, answer)
    assert text == plain
    assert getattr(text, "included", None) == getattr(plain, "included", None)
    assert getattr(text, "extra", None) == getattr(plain, "extra", None)  # which the equality of lists leaves out
    received = as_text(msgspec.json.decode(body))
    assert as_text(encode(text)) == received
    assert as_text(encode(plain)) == received


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a != Page[Case]], ids=str)
def test_every_answer(answer: Any) -> None:
    @LIGHT
    @given(documents(answer))
    def check(document: Any) -> None:
        check_both_agree(document, answer)

    check()


@FULL
@given(documents(Page[Case]))
def test_pages_of_cases(document: Any) -> None:
    check_both_agree(document, Page[Case])


@FULL
@given(documents(Page[Case]), st.data())
def test_spoilt_pages(document: Any, data: st.DataObject) -> None:
    """Whatever replaces a piece of a page: both forms take it and agree, or both refuse it with one message."""
    spoil(document, data)
    body = msgspec.json.encode(document)
    text, plain = outcome(decode, body), outcome(decode_plain, body)
    assert text == plain
    if isinstance(plain, Page):
        assert as_text(encode(plain)) == as_text(encode(text)) == as_text(msgspec.json.decode(body))


def outcome(read: Any, body: bytes) -> Any:
    """A page, or what was wrong and where."""
    try:
        return read(body, Page[Case])
    except DecodeError as error:
        return error.args


PIECES: list[Any] = [None, True, 0, 1.5, 2.0, 2**70, "", "text", [], {}, [None], [{}], {"a": 1}]


def spoil(raw: Any, data: st.DataObject) -> None:
    """Put something else in place of one piece of a document, at any depth."""
    while True:
        steps = list(raw) if isinstance(raw, dict) else range(len(raw))
        if not steps:
            return
        step = data.draw(st.sampled_from(list(steps)))
        inner = raw[step]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 3)):
            raw = inner
            continue
        raw[step] = data.draw(
            st.sampled_from([None, True, 0, 1.5, 2.0, 2**70, "", "text", [], {}, [None], [{}], {"a": 1}])
        )
        return


def test_a_usual_page_is_never_read_as_plain_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = converter.get_structure_hook(Case)
    hook.forget()
    monkeypatch.setattr(hook, "compile_plain", lambda: pytest.fail("a case was read as plain objects"))
    case = {
        "id": "1",
        "type": "case",
        "attributes": {
            "title": "t",
            "priority": "P9",
            "created_at": "2026-01-24T00:47:45.477244496Z",
            "closed_at": None,
        },
        "relationships": {"assignee": {"data": {"id": "u", "type": "user"}}, "project": {"data": None}},
    }
    included = [{"id": "u", "type": "user", "attributes": {"name": "Ada", "active": True}}]
    meta = {"page": {"current": 3, "size": 1, "total": 9}, "total_cases": 801}
    page = decode(msgspec.json.encode({"data": [case], "included": included, "meta": meta}), Page[Case])
    assert (page.number, page.size, page.total_pages, page.total_items) == (3, 1, 9, 801)
    (found,) = page
    assert found.assignee is not None
    assert (found.title, found.priority, found.assignee.name, found.project_id) == ("t", "P9", "Ada", None)


def test_a_timeline_is_a_page_too() -> None:
    cell = {"id": "1", "type": "timeline_cell", "attributes": {"type": "COMMENT", "cell_content": {"message": "hi"}}}
    page = decode(msgspec.json.encode({"data": [cell]}), Page[TimelineCell])
    assert [cell.message for cell in page] == ["hi"]
    assert (page.number, page.size, page.total_pages) == (0, None, None)


@LIGHT
@given(documents(list[Case]))
def test_users_are_shared(document: Any) -> None:
    """One document has one object for each user, with what the document tells of it."""
    cases = decode(msgspec.json.encode(document), list[Case])
    seen: dict[str, Any] = {}
    told = {entry["id"]: entry for entry in document.get("included") or () if entry["type"] == "user"}
    for user in [user for case in cases for user in (case.assignee, case.created_by, case.modified_by) if user]:
        assert seen.setdefault(user.id, user) is user
        attributes = told.get(user.id, {}).get("attributes") or {}
        assert (user.name, user.email) == (attributes.get("name"), attributes.get("email"))
        assert attrs.asdict(user)["active"] == attributes.get("active")
