"""`decode` is `structure` of one cattrs converter, and hooks of users take part in it."""

from __future__ import annotations

import json
import typing
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import attrs
import cattrs
import msgspec
import pytest
from attrs import field, frozen
from codec_documents import OPERATIONS, answer_of, completed

from casemgmt_async.codec import converter, decode, dump, encode, make_converter
from casemgmt_async.codec.documents import document_of
from casemgmt_async.errors import DecodeError
from casemgmt_async.models import Case, Extra, Model, OpenEnum, Page, Priority, Resource
from casemgmt_async.models.base import inside, related

EXAMPLES = {name: completed(row["response_example"]) for name, row in OPERATIONS.items() if row["response_example"]}


def double(hooks: cattrs.Converter, kind: Any, calls: Counter[Any]) -> None:
    """Put a hook that counts its calls in place of the one for `kind`."""
    original = hooks.get_structure_hook(kind)

    def counted(raw: Any, _: Any) -> Any:
        calls[kind] += 1
        return original(raw, kind)

    hooks.register_structure_hook_func(lambda other: other == kind, counted)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_answer_passes_through_the_hooks_once(name: str) -> None:
    example, hooks, calls = EXAMPLES[name], make_converter(), Counter[Any]()
    answer = answer_of(example)
    model = (typing.get_args(answer) or (answer,))[0]
    for kind in (model, document_of(answer)):
        double(hooks, kind, calls)
    found = decode(json.dumps(example).encode(), answer, converter=hooks)
    data = example["data"]
    assert calls == {document_of(answer): 1, model: len(data) if isinstance(data, list) else 1}
    assert found == decode(json.dumps(example).encode(), answer)


def test_the_public_converter_decodes_for_sessions() -> None:
    assert isinstance(converter, cattrs.Converter)
    raw = {"data": [{"id": "1", "attributes": {"title": "t"}}]}
    assert converter.structure(raw, Page[Case]) == decode(json.dumps(raw).encode(), Page[Case])


class Severity(OpenEnum):
    HIGH = "HIGH"


@frozen
class Money:
    amount: Decimal
    currency: str


@frozen
class Cost(Model):
    """A value of a user, without `extra`."""

    price: Money
    tags: tuple[Severity, ...] = ()
    since: date | None = None


def positive(_: Any, __: Any, value: int) -> None:
    if value < 0:
        raise ValueError("must be positive")


@attrs.define
class Weight:
    """A class that checks and converts, and can be changed."""

    grams: int = field(validator=positive)
    unit: str = field(default="g", converter=str.lower)


@frozen
class CostedCase(Resource):
    """A case of an organization with a type of its own."""

    resource_type: ClassVar[str] = "case"

    title: str | None = None
    cost: Cost | None = inside("custom", "cost")  # noqa: RUF009 - a field of attrs
    weights: Mapping[str, Weight] = field(factory=dict)
    anything: int | str | None = None
    parent: CostedCase | None = None
    reviewers: tuple[str, ...] = related("reviewers", "user", factory=tuple)
    extra: Extra = field(factory=dict)


def money(raw: Any, _: Any) -> Money:
    amount, currency = raw.split()
    return Money(Decimal(amount), currency)


@pytest.fixture
def own() -> cattrs.Converter:
    made = make_converter()
    made.register_structure_hook(Money, money)
    made.register_unstructure_hook(Money, lambda value: f"{value.amount} {value.currency}")
    made.register_structure_hook(int | str, lambda raw, _: raw)
    return made


COSTED: dict[str, Any] = {
    "id": "1",
    "type": "case",
    "attributes": {
        "title": "t",
        "custom": {"cost": {"price": "1.50 EUR", "tags": ["HIGH", "NEW"], "since": "2026-01-01", "unknown": 1}},
        "weights": {"box": {"grams": 5, "unit": "KG"}},
        "anything": 0,
        "parent": {"id": "0", "type": "case", "attributes": {"title": "up", "novel": 1}},
        "novel": 1,
    },
    "relationships": {"reviewers": {"data": [{"id": "u1", "type": "user"}]}},
}


@pytest.mark.parametrize("form", [json.dumps, lambda raw: raw], ids=["text", "plain"])
def test_models_and_types_of_a_user(own: cattrs.Converter, form: Any) -> None:
    raw = {"data": [COSTED]}
    for _ in range(5):  # before and after the unknown member is learned
        body = form(raw).encode() if form is json.dumps else raw
        (case,) = decode(body, Page[CostedCase], converter=own)
        assert case.cost == Cost(Money(Decimal("1.50"), "EUR"), (Severity.HIGH, Severity("NEW")), date(2026, 1, 1))
        assert (case.weights, case.anything) == ({"box": Weight(5, "kg")}, 0)
        assert (case.parent.title, case.parent.extra) == ("up", {"novel": 1})
        assert (case.reviewers, case.extra) == (("u1",), {"novel": 1})
    assert encode(case, converter=own) == {"data": COSTED}
    assert msgspec.json.decode(dump({"cost": case.cost}, converter=own))["cost"]["price"] == "1.50 EUR"


@pytest.mark.parametrize("form", [json.dumps, lambda raw: raw], ids=["text", "plain"])
@pytest.mark.parametrize(
    ("member", "value", "path", "says"),
    [
        ("custom", {"cost": {"price": "free"}}, "custom.cost.price", "not enough values"),
        ("custom", {"cost": {}}, "custom.cost.price", "nothing or `null`"),
        ("weights", {"box": {"grams": -1}}, "weights.box", "must be positive"),
    ],
)
def test_an_error_of_a_hook_or_constructor_of_a_user_has_its_path(own, form, member, value, path, says) -> None:
    raw = {"data": {"id": "1", "attributes": {member: value}}}
    body = form(raw).encode() if form is json.dumps else raw
    with pytest.raises(DecodeError, match=says) as caught:
        decode(body, CostedCase, converter=own)
    assert caught.value.path == f"$.data.attributes.{path}"
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, ValueError)


def test_a_bug_in_a_hook_of_a_user_comes_out_as_itself(own: cattrs.Converter) -> None:
    def broken(_: Any, __: Any) -> Money:
        raise SystemError("a bug")

    own.register_structure_hook(Money, broken)
    with pytest.raises(SystemError, match="a bug"):
        decode(json.dumps({"data": COSTED}).encode(), CostedCase, converter=own)


def test_a_hook_registered_later_counts_from_the_next_answer_on() -> None:
    hooks = make_converter()
    body = b'{"data": {"id": "1", "attributes": {"priority": "P1", "created_at": "2026-01-01T00:00:00Z"}}}'
    assert decode(body, Case, converter=hooks).priority is Priority.P1
    hooks.register_structure_hook(datetime, lambda raw, _: raw.upper())
    hooks.register_structure_hook(Priority, lambda raw, _: f"<{raw}>")
    later = decode(body, Case, converter=hooks)
    assert (later.priority, later.created_at) == ("<P1>", "2026-01-01T00:00:00Z")
    assert decode(body, Case).priority is Priority.P1


def test_a_subclass_of_a_plain_type_is_made_by_its_constructor() -> None:
    class Key(str):
        __slots__ = ()

    found = make_converter().structure(["a"], list[Key])
    assert [type(key) for key in found] == [Key]


def test_two_fields_in_one_place_are_refused() -> None:
    @frozen
    class Twice(Model):
        """Two fields that would overwrite each other."""

        one: str | None = inside("a", "b")
        two: str | None = inside("a")

    with pytest.raises(TypeError, match="'two'"):
        make_converter().structure({}, Twice)


VARIABLES = [
    *("obj", "extra", "users", "raw", "at", "value", "linked", "other", "type_", "id_", "values", "type"),
    *("items", "item", "key", "moment"),
]


@pytest.mark.parametrize("name", VARIABLES)
def test_an_object_may_have_the_name_of_a_variable_in_the_generated_code(name: str) -> None:
    named = attrs.make_class(
        "Named",
        {
            "times": inside(name, "times", factory=dict, type=Mapping[str, datetime]),
            "moments": inside(name, "moments", factory=tuple, type=tuple[datetime, ...]),
            "kind": inside(name, "kind", type=Priority),
            "text": inside(name, "text", type=str),
            "last": field(default=None, type=str),
            "extra": field(factory=dict, type=Extra),
        },
        bases=(Model,),
        frozen=True,
    )
    holder = attrs.make_class(
        "Holder", {"one": field(default=None, type=named), "extra": field(factory=dict)}, bases=(Resource,), frozen=True
    )
    holder.resource_type = "holder"
    when, moment = "2026-01-24T00:47:45Z", datetime(2026, 1, 24, 0, 47, 45, tzinfo=UTC)
    inner = {"times": {"a": when}, "moments": [when], "kind": "P1", "text": "t", "novel": 1}
    raw = {"data": {"id": "1", "type": "holder", "attributes": {"one": {name: inner, "last": "l"}}}}
    for body in (raw, json.dumps(raw).encode()):
        found: Any = decode(body, holder).one
        assert (found.times, found.moments) == ({"a": moment}, (moment,))
        assert (found.kind, found.text, found.last) == (Priority.P1, "t", "l")
        assert found.extra == {f"/{name}/novel": 1}
