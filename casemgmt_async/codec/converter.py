"""The contract: one cattrs converter whose hooks flatten resources and unflatten them again.

`structure` takes the plain objects of a parsed body, `unstructure` gives them back. Everything
the fast path does has to come out as it does here.
"""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, Final

import attrs
import cattrs
import msgspec

from casemgmt_async.codec.shape import Document, Leaf, Node, PageDocument, Shape, key_of, path_of, shape_of
from casemgmt_async.codec.values import Misfit, Whole, day, day_text, instant, instant_text, plain
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.base import OpenEnum, Resource
from casemgmt_async.models.page import Page
from casemgmt_async.models.unset import UNSET
from casemgmt_async.models.users import User

__all__ = ["as_page", "converter", "reference", "rewrite"]

converter: Final = cattrs.Converter(detailed_validation=False)
"""The converter. Models are structured from the JSON:API resource, not from the document around it."""

told: Final[ContextVar[dict[str, User]]] = ContextVar("told")
"""The users that the document being read tells of, by id."""

Structure = Callable[[Any, Any], Any]


# --- reading ---------------------------------------------------------------------------------


def structure_at(key: str | int, raw: Any, kind: Any) -> Any:
    """Structure something and, where it does not fit, say where it stood."""
    try:
        return converter.structure(raw, kind)
    except Misfit as misfit:
        misfit.path.append(key)
        raise


def scalar(raw: Any, kind: Any) -> Any:
    """Read a text, a number or a boolean, strictly."""
    try:
        return msgspec.convert(raw, int | float if kind is float else kind)
    except msgspec.ValidationError as error:
        raise Misfit(str(error)) from None


def from_text(read: Callable[[str], Any]) -> Structure:
    """Make a hook for something that is written as a text."""

    def structure(raw: Any, kind: Any) -> Any:
        try:
            return read(scalar(raw, str))
        except (ValueError, OverflowError):
            raise Misfit(f"{raw!r:.60} is no {kind.__name__}") from None

    return structure


def open_enum(raw: Any, kind: Any) -> Any:
    """Read an enum's value, known or not."""
    return kind(scalar(raw, str))


def sequence(raw: Any, kind: Any) -> Any:
    """Read an array."""
    if not isinstance(raw, list):
        raise Misfit(f"Expected `array`, got `{json_name(raw)}`")
    item = typing.get_args(kind)[0]
    return typing.get_origin(kind)(structure_at(index, entry, item) for index, entry in enumerate(raw))


def mapping(raw: Any, kind: Any) -> Any:
    """Read an object whose names are data."""
    item = typing.get_args(kind)[1]
    return {key: structure_at(key, entry, item) for key, entry in members(raw)}


def members(raw: Any) -> Iterable[tuple[str, Any]]:
    """Give the members of an object."""
    if not isinstance(raw, dict):
        raise Misfit(f"Expected `object`, got `{json_name(raw)}`")
    return raw.items()


def json_name(raw: Any) -> str:
    """Name the JSON type of a value."""
    names = {dict: "object", list: "array", str: "str", bool: "bool", type(None): "null"}
    return names.get(type(raw), type(raw).__name__)


def model_hook(model: Any) -> Structure:
    """Make the hook that flattens one model."""
    shape = shape_of(model)
    wired = any(attribute.name == "_wire" for attribute in attrs.fields(typing.get_origin(model) or model))

    def structure(raw: Any, _: Any) -> Any:
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        flatten(shape, shape.root, raw, values, extra)
        for leaf in shape.leaves:
            if leaf.name not in values:
                if leaf.default is None:
                    raise Misfit("Object missing required field", *leaf.path)
                values[leaf.name] = leaf.default()
        return shape.model(**values, extra=extra, **({"_wire": raw} if wired else {}))

    return structure


def flatten(shape: Shape, node: Node, raw: Any, values: dict[str, Any], extra: dict[str, Any]) -> None:
    """Read an object: fields into `values`, what has none into `extra`."""
    for key, entry in members(raw):
        child = node.children.get(key)
        if child is None:
            if not (shape.tag and node is shape.root and key == "type"):
                shape.meet(node.path, key)
            elif right_type(entry, shape.tag):
                continue
            extra[key_of(shape, (*node.path, key))] = entry
            continue
        if entry is None:
            continue
        try:
            if isinstance(child, Node):
                flatten(shape, child, entry, values, extra)
            else:
                values[child.name] = read_leaf(shape, child, entry, extra)
        except Misfit as misfit:
            misfit.path.append(key)
            raise


def right_type(raw: Any, expected: str) -> bool:
    """Say whether a resource has the type we expect. Another is kept; what is no text is refused."""
    try:
        return bool(scalar(raw, str) == expected)
    except Misfit as misfit:
        misfit.path.append("type")
        raise


def read_leaf(shape: Shape, leaf: Leaf, raw: Any, extra: dict[str, Any]) -> Any:
    """Read a field."""
    if leaf.target is None:
        return converter.structure(raw, leaf.type)
    if typing.get_origin(leaf.type) is None:
        return read_reference(shape, leaf, leaf.type, raw, extra, leaf.path)
    if not isinstance(raw, list):
        raise Misfit(f"Expected `array`, got `{json_name(raw)}`")
    found = []
    for index, entry in enumerate(raw):
        try:
            place = (*leaf.path, str(index))
            found.append(read_reference(shape, leaf, typing.get_args(leaf.type)[0], entry, extra, place))
        except Misfit as misfit:
            misfit.path.append(index)
            raise
    return tuple(found)


def read_reference(shape: Shape, leaf: Leaf, kind: Any, raw: Any, extra: dict[str, Any], place: tuple[str, ...]) -> Any:
    """Read what a relationship points to: an id, or a user as far as the document tells."""
    for key, entry in members(raw):
        if key != "id" and not (key == "type" and right_type(entry, leaf.target or "")):
            extra[key_of(shape, (*place, key))] = entry
    identity = structure_at("id", raw.get("id"), str)
    return user_of(identity) if kind is User else identity


def user_of(identity: str) -> User:
    """Give the one user object that this document has for an id."""
    users = told.get({})
    return users.get(identity) or users.setdefault(identity, User(identity))


def document_hook(model: Any) -> Structure:
    """Make the hook that reads a document: the users it tells of first, then what points to them."""
    inner = model_hook(model)
    many = typing.get_origin(typing.get_args(model)[0]) is list

    def structure(raw: Any, kind: Any) -> Any:
        rest = dict(members(raw))
        others: list[Any] = []
        mark = told.set({})
        try:
            if (included := rest.pop("included", None)) is not None:
                others = read_included(included)
            if many and rest.get("data", UNSET) is None:
                rest["data"] = []  # how some write an empty list
            document = inner(rest, kind)
        finally:
            told.reset(mark)
        extra = {**document.extra, "included": others} if others else document.extra
        return attrs.evolve(document, extra=extra, _wire=raw)

    return structure


def read_included(included: Any) -> list[Any]:
    """Read the users that a document tells of; give back what is no user."""
    if not isinstance(included, list):
        raise Misfit(f"Expected `array`, got `{json_name(included)}`", "included")
    others = []
    for index, entry in enumerate(included):
        if isinstance(entry, dict) and entry.get("type", "user") != "user":
            others.append(entry)
            continue
        try:
            user = structure_at(index, entry, User)
        except Misfit as misfit:
            misfit.path.append("included")
            raise
        told.get()[user.id] = user
    return others


def page_hook(model: Any) -> Structure:
    """Make the hook that reads a page."""
    inner: Any = PageDocument[list[typing.get_args(model)[0]]]  # type: ignore[misc]
    return lambda raw, _: as_page(converter.structure(raw, inner))


def as_page(document: PageDocument[list[Any]]) -> Page[Any]:
    """Make a page of its document."""
    return Page(
        document.data,
        document.number,
        document.size,
        document.total_pages,
        document.total_items,
        document.extra,
        _wire=document._wire,
    )


# --- writing ---------------------------------------------------------------------------------


def unflatten(model: Any, received: Any = None) -> dict[str, Any]:
    """Write a model or a value; what did not change since it was received stays letter by letter."""
    wire = received if received is not None else getattr(model, "_wire", None)
    if isinstance(wire, Whole):
        wire = plain(wire.document)["data"]
    return rewrite(model, type(model), plain(wire) if wire is not None else None)


def rewrite(model: Any, kind: Any, received: dict[str, Any] | None) -> dict[str, Any]:
    """Write a model of a kind over what was received, which is changed."""
    shape = shape_of(kind)
    before = None if received is None else converter.structure(received, kind)
    raw = received or {}
    if shape.tag and before is None:
        raw["type"] = shape.tag
    for leaf in shape.leaves:
        value = getattr(model, leaf.name)
        if before is not None:
            changed = not same(leaf, value, getattr(before, leaf.name))
        else:
            changed = leaf.default is None or value != leaf.default()
        if changed:
            put(raw, leaf.path, functools.partial(write_leaf, leaf, value))
    write_extra(shape, raw, model.extra, before.extra if before is not None else {})
    return raw


def same(leaf: Leaf, value: Any, before: Any) -> bool:
    """Say whether a field is what it was; users are the same by their ids."""
    if leaf.target is None:
        return bool(value == before)
    return bool(reference(value) == reference(before))


def reference(value: Any) -> Any:
    """Reduce what a relationship points to to ids."""
    if isinstance(value, (tuple, list)):
        return [reference(entry) for entry in value]
    return value.id if isinstance(value, User) else value


def write_leaf(leaf: Leaf, value: Any, old: Any) -> Any:
    """Write a field in place of what was there."""
    if leaf.target is None:
        return write_over(value, old)
    if isinstance(value, (tuple, list)):
        return [{"id": reference(entry), "type": leaf.target} for entry in value]
    return None if value is None else {"id": reference(value), "type": leaf.target}


def write_over(value: Any, old: Any) -> Any:
    """Write a value, keeping of the old one what did not change."""
    if attrs.has(type(value)) and not isinstance(value, Resource) and isinstance(old, dict):
        return unflatten(value, old)
    if isinstance(value, Mapping) and isinstance(old, dict):
        return {key: write_over(entry, old.get(key)) for key, entry in value.items()}
    return converter.unstructure(value)


def put(raw: dict[str, Any], path: tuple[str, ...], write: Callable[[Any], Any]) -> None:
    """Write at a path, making the objects that lead there."""
    *above, name = path
    for part in above:
        if not isinstance(raw.get(part), dict):
            raw[part] = {}
        raw = raw[part]
    raw[name] = write(raw.get(name))


def write_extra(shape: Shape, raw: dict[str, Any], extra: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Write what has no field: only what changed."""
    for key in before.keys() - extra.keys():
        drop(raw, path_of(shape, key))
    for key, value in extra.items():
        if not key.startswith("//") and not (key in before and before[key] == value):
            put(raw, path_of(shape, key), functools.partial(write_over, value))


def drop(raw: Any, path: tuple[str, ...]) -> None:
    """Remove what stands at a path."""
    *above, name = path
    for part in above:
        raw = raw.get(part) if isinstance(raw, dict) else None
    if isinstance(raw, dict):
        raw.pop(name, None)


def finite(value: float) -> float:
    """Refuse numbers that JSON has no text for, instead of sending null."""
    if not math.isfinite(value):
        raise InvalidArgumentError("body", f"{value} is no number that can be sent")
    return value


def aware(moment: datetime) -> str:
    """Write a time; refuse one that could mean any moment."""
    if moment.tzinfo is None:
        raise InvalidArgumentError("body", f"{moment} needs a time zone")
    return instant_text(moment)


def given(body: Mapping[Any, Any]) -> dict[str, Any]:
    """Write an object, without what is not given."""
    return {key: converter.unstructure(value) for key, value in body.items() if value is not UNSET}


def is_document(kind: Any) -> bool:
    """Say whether a type is that of a document, with its argument."""
    return typing.get_origin(kind) in (Document, PageDocument)


def is_a(base: Any) -> Callable[[Any], bool]:
    """Make a test for the subclasses of a class."""
    return lambda kind: isinstance(kind, type) and issubclass(kind, base)


for simple in (str, int, float, bool):
    converter.register_structure_hook(simple, scalar)
converter.register_structure_hook(datetime, from_text(instant))
converter.register_structure_hook(date, from_text(day))
converter.register_structure_hook_func(is_a(OpenEnum), open_enum)
converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) in (list, tuple), sequence)
converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) in (dict, Mapping), mapping)
converter.register_structure_hook_factory(attrs.has, model_hook)
converter.register_structure_hook_factory(lambda kind: typing.get_origin(kind) is Page, page_hook)
converter.register_structure_hook_factory(is_document, document_hook)

converter.register_unstructure_hook_func(attrs.has, unflatten)
converter.register_unstructure_hook(datetime, aware)
converter.register_unstructure_hook(date, day_text)
converter.register_unstructure_hook(float, finite)
converter.register_unstructure_hook_func(is_a(OpenEnum), str)
converter.register_unstructure_hook_func(is_a(Mapping), given)
converter.register_unstructure_hook_func(is_a((list, tuple)), lambda items: [converter.unstructure(i) for i in items])
