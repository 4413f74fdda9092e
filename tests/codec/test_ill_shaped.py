"""Whatever arrives, decoding gives an answer or a `DecodeError` that says where."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import sys
import typing
from typing import Any

import msgspec
import pytest
from codec_documents import ANSWERS, ANYTHING, KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

from casemgmt_async.codec import decode
from casemgmt_async.errors import DecodeError
from casemgmt_async.models import Case, CaseAggregate, CaseView, Page, Project

MANY = settings(max_examples=150)
MEMBERS = st.sampled_from(
    ["data", "id", "type", "attributes", "relationships", "included", "meta", "extra", "created_by"]
)
NEARLY = st.recursive(
    ANYTHING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)


def check_every_answer(body: bytes) -> None:
    """Decode as every answer; only `DecodeError` may come out of it."""
    for answer in ANSWERS:
        with contextlib.suppress(DecodeError):
            found = decode(body, answer)
            assert isinstance(found, typing.get_origin(answer) or answer)


@MANY
@given(st.binary(max_size=60))
def test_any_bytes(body: bytes) -> None:
    check_every_answer(body)


@MANY
@given(NEARLY)
def test_any_json(raw: Any) -> None:
    check_every_answer(msgspec.json.encode(raw))


@MANY
@given(NEARLY, NEARLY)
def test_any_document(data: Any, beside: Any) -> None:
    check_every_answer(msgspec.json.encode({"data": data, "included": beside, "meta": beside}))


@pytest.mark.parametrize("opening", [b"[", b'{"data":', b'{"data":{"id":"1","attributes":{"novel":', b'{"included":['])
def test_nested_without_end(opening: bytes) -> None:
    for body in (opening * 100_000, opening + b"[" * 100_000 + b"]" * 100_000 + b"}}}"):
        with pytest.raises(DecodeError):
            decode(body, Case)


def test_nested_deeply_but_whole() -> None:
    """What Python itself can nest is kept or refused, never a crash."""
    depth = sys.getrecursionlimit() - 50
    body = b'{"data":{"id":"1","attributes":{"novel":' + b"[" * depth + b"]" * depth + b"}}}"
    with contextlib.suppress(DecodeError):
        assert decode(body, Case).extra["novel"]


CASE = {"id": "1", "type": "case", "attributes": {"title": "t", "insights": [{"type": "MONITOR"}]}}
WRONG: list[tuple[Any, str, Any, str]] = [
    (Case, "$", [], "array"),
    (Case, "$", 5, "int"),
    (Case, "$.data.id", None, "nothing"),
    (Case, "$.data", None, "nothing"),
    (Case, "$.data", [CASE], "array"),
    (list[Case], "$.data", CASE, "object"),
    (list[Case], "$.data[1]", None, "null"),
    (Page[Case], "$.data[1].id", 7, "int"),
    (Page[Case], "$.data[1].type", 7, "int"),
    (Page[Case], "$.data[1].attributes", "text", "str"),
    (Page[Case], "$.data[1].attributes.title", ["t"], "array"),
    (Page[Case], "$.data[1].attributes.priority", 1, "int"),
    (Page[Case], "$.data[1].attributes.created_at", "yesterday", "datetime"),
    (Page[Case], "$.data[1].attributes.created_at", "", "datetime"),
    (Page[Case], "$.data[1].attributes.created_at", "0001-01-01T00:00:00+14:00", "datetime"),
    (Page[Case], "$.data[1].attributes.due_date", "31.12.2026", "date"),
    (Page[Case], "$.data[1].attributes.attributes.team[0]", 1, "int"),
    (Page[Case], "$.data[1].attributes.insights[0].ref", {}, "object"),
    (Page[Case], "$.data[1].attributes.comment_count", "3", "str"),
    (Page[Case], "$.data[1].relationships.assignee.data.id", None, "null"),
    (Page[Case], "$.data[1].relationships.assignee.data.type", [], "array"),
    (Page[Case], "$.meta.page.current", "1", "str"),
    (Page[Case], "$.included[1]", "user", "str"),
    (Page[Case], "$.included[1].attributes.name", 1, "int"),
    (Project, "$.data.relationships.member_user.data[2].id", 1, "int"),
    (CaseView, "$.data.attributes.created_at", None, "nothing"),
    (CaseAggregate, "$.data.attributes.groups[0].value[0]", "1", "str"),
]
MINIMAL = {
    "case": CASE,
    "project": {"id": "1", "relationships": {"member_user": {"data": [{"id": n, "type": "user"} for n in "123"]}}},
    "view": {"id": "1", "attributes": {"name": "n", "query": "q", "created_at": "2026-01-01T00:00:00Z"}},
    "aggregate": {"id": "1", "attributes": {"total": 1, "groups": [{"group": "g", "value": [1]}]}},
}


@pytest.mark.parametrize(("answer", "path", "piece", "says"), WRONG, ids=lambda value: str(value)[:50])
def test_the_error_says_where_and_what(answer: Any, path: str, piece: Any, says: str) -> None:
    kind = (typing.get_args(answer) or (answer,))[0]
    one = copy.deepcopy(MINIMAL[kind.resource_type])
    user = {"id": "u", "type": "user", "attributes": {"name": "n"}}
    document: Any = {
        "data": [copy.deepcopy(one), one] if typing.get_origin(answer) else one,
        "included": [copy.deepcopy(user), user],
    }
    document = put(document, path, piece)
    with pytest.raises(DecodeError) as caught:
        decode(json.dumps(document).encode(), answer)
    assert caught.value.path == path
    assert says in caught.value.message


def put(document: Any, path: str, piece: Any) -> Any:
    """Put a piece at a JSON path, making what leads there."""
    steps: list[Any] = [
        int(s) if s.isdecimal() else s for s in path[1:].replace("[", ".").replace("]", "").split(".") if s
    ]
    if not steps:
        return piece
    at: Any = document
    for step, following in itertools.pairwise(steps):
        inner: Any = [None] if isinstance(following, int) else {}
        if isinstance(at, dict):
            at.setdefault(step, inner)
        elif at[step] is None:
            at[step] = inner
        at = at[step]
    at[steps[-1]] = piece
    return document


def test_null_where_an_array_belongs_is_an_empty_one() -> None:
    assert list(decode(b'{"data": null}', list[Case])) == []
    assert list(decode(b'{"data": null}', Page[Case])) == []
    case = decode(b'{"data": {"id": "1", "attributes": {"insights": null, "attributes": {"team": null}}}}', Case)
    assert (case.insights, case.attributes) == ((), {"team": []})
    assert decode(b'{"data": {"id": "1", "attributes": {"total": 0, "groups": null}}}', CaseAggregate).groups == ()


def test_all_models_are_met() -> None:
    """The answers tried here are all there are."""
    assert {kind for answer in ANSWERS for kind in typing.get_args(answer)} == {
        kind for kind in KINDS if hasattr(kind, "resource_type") and kind.__name__ != "User"
    }
