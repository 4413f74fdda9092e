"""A name that the service adds costs its first page only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from casemgmt_async.codec import decode, decoding, encode
from casemgmt_async.codec.shape import MOST_STRANGERS, shapes, strangers_met
from casemgmt_async.models import Case, Page


@pytest.fixture(autouse=True)
def _nothing_met() -> Iterator[None]:
    forget()
    yield
    forget()


def forget() -> None:
    for shape in shapes.values():
        shape.strangers.clear()
    decoding.compiler.forget()
    decoding.decoders.clear()


def document(**attributes: Any) -> dict[str, Any]:
    insight = {"type": "MONITOR", "novel": {"deep": [1]}}
    relationships = {"assignee": {"data": None, "meta": {"n": 1}}, "incidents": {"data": []}}
    case = {
        "id": "1",
        "type": "case",
        "attributes": {**attributes, "insights": [insight]},
        "relationships": relationships,
        "links": {"self": "/1"},
    }
    return {"data": [case, case], "meta": {"novel": 1}, "links": {}}


def test_the_second_page_is_fast_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = decode(msgspec.json.encode(document(novel=None, other=2)), Page[Case])
    assert strangers_met() == 8
    monkeypatch.setattr(decoding, "decode_slowly", lambda *_: pytest.fail("the converter was asked"))
    second = decode(msgspec.json.encode(document(novel=None, other=2)), Page[Case])
    assert second == first
    assert second.items[1].extra == {
        "novel": None,
        "other": 2,
        "/links": {"self": "/1"},
        "/relationships/incidents": {"data": []},
        "/relationships/assignee/meta": {"n": 1},
    }
    assert second.items[0].insights[0].extra == {"novel": {"deep": [1]}}
    assert second.extra == {"/meta/novel": 1, "links": {}}
    assert encode(second) == document(novel=None, other=2)
    plain = decode(b'{"data": [{"id": "1"}]}', Page[Case])
    assert (plain.extra, plain.items[0].extra) == ({}, {})


def test_names_without_end_are_kept_but_not_learned() -> None:
    for number in range(2 * MOST_STRANGERS):
        page = decode(msgspec.json.encode(document(**{f"n{number}": 1})), Page[Case])
        assert page.items[0].extra[f"n{number}"] == 1
    assert sum(map(len, shapes[Case].strangers.values())) == MOST_STRANGERS


def test_another_type_is_kept_and_not_learned() -> None:
    case = decode(b'{"data": {"id": "1", "type": "issue"}}', Case)
    assert case.extra == {"/type": "issue"}
    assert strangers_met() == 0
    assert encode(case) == {"data": {"id": "1", "type": "issue"}}
