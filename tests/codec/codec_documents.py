"""Documents for the codec's tests: Hypothesis strategies made from the tables, and what the reference shows."""

from __future__ import annotations

import json
import typing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import msgspec
from hypothesis import strategies as st

from casemgmt_async import models
from casemgmt_async.codec import decode
from casemgmt_async.codec.shape import Leaf, Node, shape_of
from casemgmt_async.models import OpenEnum, Page, User

DATA = Path(__file__).parents[1] / "data"
KINDS = [getattr(models, name) for name in models.__all__ if isinstance(getattr(models, name), type)]
RESOURCES: dict[str, Any] = {
    kind.resource_type: kind for kind in KINDS if issubclass(kind, models.Resource) and kind is not models.Resource
}

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
UNKNOWN = st.dictionaries(
    st.sampled_from(["novel", "links", "/odd", "a~b/c", "", "meta", "type2"]), ANYTHING, max_size=2
)


@st.composite
def instants(draw: st.DrawFn) -> str:
    """A timestamp in any form that has been seen, and in others that RFC 3339 allows."""
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 10**9)))
    digits = draw(st.sampled_from([0, 1, 3, 6, 9]))
    fraction = "." + str(draw(st.integers(0, 10**digits - 1))).zfill(digits) if digits else ""
    zone = draw(st.sampled_from(["Z", "Z", "Z", "+00:00", "+02:00", "-11:30", "z"]))
    return moment.strftime(draw(st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]))) + fraction + zone


def of_type(kind: Any, *, unknown: bool) -> st.SearchStrategy[Any]:
    """What the service may write for a type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return ANYTHING
    if attrs.has(kind):
        return of_shape(kind, unknown=unknown)
    if origin in (tuple, list):
        return st.lists(of_type(arguments[0], unknown=unknown), max_size=3)
    if origin is not None:
        return st.dictionaries(TEXTS, of_type(arguments[1], unknown=unknown), max_size=2)
    if issubclass(kind, OpenEnum):
        return st.sampled_from([member.value for member in kind]) | TEXTS
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        bool: st.booleans(),
        int: st.integers(-(2**60), 2**60),
        float: st.integers(0, 2**40) | st.floats(0, 1e9),
        datetime: instants(),
        date: st.dates(date(2000, 1, 1)).map(str) | instants(),
    }
    return plain[kind]


def reference_to(leaf: Leaf, *, unknown: bool) -> st.SearchStrategy[Any]:
    """What a relationship points to; ids are few, so that included users are met."""
    ids = st.sampled_from(["u1", "u2", "u3"]) | TEXTS
    kinds = st.sampled_from([leaf.target, "wild"] if unknown else [leaf.target])
    one = st.fixed_dictionaries({"id": ids, "type": kinds}, optional={"meta": ANYTHING} if unknown else {})
    return st.lists(one, max_size=3) if typing.get_origin(leaf.type) else one


def of_node(node: Node, *, unknown: bool) -> st.SearchStrategy[dict[str, Any]]:
    """An object: what has to be there, of the rest something, null or nothing, and names we do not know."""
    needed, optional = {}, {}
    for name, child in node.children.items():
        if isinstance(child, Leaf):
            inner = reference_to(child, unknown=unknown) if child.target else of_type(child.type, unknown=unknown)
            required = child.default is None
        else:
            inner = of_node(child, unknown=unknown)
            required = any(leaf.default is None for leaf in child.leaves())
        (needed if required else optional)[name] = inner if required else inner | st.none()
        if isinstance(child, Leaf) and child.alternative:
            optional[child.alternative] = inner | st.none()
    known = st.fixed_dictionaries(needed, optional=optional)
    return st.builds(lambda a, b: {**b, **a}, known, UNKNOWN) if unknown else known


def of_shape(kind: Any, *, unknown: bool) -> st.SearchStrategy[dict[str, Any]]:
    """What a model is on the wire."""
    shape = shape_of(kind)
    whole = of_node(shape.root, unknown=unknown)
    if shape.tag is None:
        return whole
    tags = st.sampled_from([{"type": shape.tag}, {}, {"type": "wild"}] if unknown else [{"type": shape.tag}, {}])
    return st.builds(lambda raw, tag: {**{k: v for k, v in raw.items() if k != "type"}, **tag}, whole, tags)


@st.composite
def documents(draw: st.DrawFn, answer: Any) -> dict[str, Any]:
    """A document as the service may send it for an answer."""
    origin = typing.get_origin(answer)
    kind = typing.get_args(answer)[0] if origin else answer
    resource = of_shape(kind, unknown=draw(st.booleans()))
    document: dict[str, Any] = {"data": draw(st.lists(resource, max_size=4) if origin else resource)}
    strange = draw(st.booleans())
    users = of_shape(User, unknown=False).flatmap(
        lambda raw: st.sampled_from(["u1", "u2", "u3"]).map(lambda i: {**raw, "id": i, "type": "user"})
    )
    others = st.fixed_dictionaries({"id": TEXTS, "type": st.just("team")}, optional={"attributes": ANYTHING})
    if draw(st.booleans()):
        document["included"] = draw(st.lists(users | others if strange else users, max_size=4) | st.none())
    if origin is Page and draw(st.booleans()):
        counts = st.integers(0, 10**6) | st.none()
        page = st.fixed_dictionaries({}, optional=dict.fromkeys(("current", "size", "total"), counts))
        document["meta"] = draw(st.fixed_dictionaries({}, optional={"page": page, "total_cases": counts}))
    beside = draw(UNKNOWN.filter(lambda raw: "meta" not in raw)) if strange else {}
    return {**beside, **document}


def as_text(raw: Any) -> str:
    """Write JSON so that equal texts mean equal down to the types: 1 is not 1.0 and not true."""
    return json.dumps(raw, sort_keys=True)


def completed(example: Any, name: str = "") -> Any:
    """Put values in place of the reference's placeholders, by the table in `tests/data/placeholders.json`."""
    if isinstance(example, dict):
        return {key: completed(value, key) for key, value in example.items()}
    if isinstance(example, list):
        return [completed(value, name) for value in example]
    for row in SUBSTITUTIONS:
        if example == row["placeholder"] and name in row["members"]:
            return row["value"]
    return example


SUBSTITUTIONS = json.loads((DATA / "placeholders.json").read_text("utf-8"))["substitutions"]
OPERATIONS = {row["operation_id"]: row for row in json.loads((DATA / "operations.json").read_text("utf-8"))}


def answer_of(example: Any) -> Any:
    """The type of answer that an example document is."""
    data = example["data"]
    kind = RESOURCES[(data[0] if isinstance(data, list) else data)["type"]]
    if "meta" in example:
        return Page[kind]
    return list[kind] if isinstance(data, list) else kind


ANSWERS: list[Any] = [
    form for kind in RESOURCES.values() if kind is not User for form in (kind, list[kind], Page[kind])
]


def decode_plain(body: bytes, answer: Any) -> Any:
    """Decode by the functions over plain objects."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return decode(body, answer)
    return decode(document, answer) if isinstance(document, dict) else decode(body, answer)
