"""The reading half of the converter: hooks that flatten resources into models.

They take the plain objects of a parsed body. What does not fit raises `Misfit` with its place.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, Final

import attrs
import cattrs
import msgspec

from casemgmt_async.codec.shape import Document, Leaf, Node, PageDocument, Shape, as_page, key_of, origin_of, shape_of
from casemgmt_async.codec.values import Misfit, day, instant
from casemgmt_async.models.base import OpenEnum
from casemgmt_async.models.page import Page
from casemgmt_async.models.users import User

__all__ = ["converter", "is_a"]

converter: Final = cattrs.Converter(detailed_validation=False)
told: Final[ContextVar[dict[str, User]]] = ContextVar("told")
"""The users that the document being read tells of, by id."""

SEQUENCES: Final = (list, tuple)
Structure = Callable[[Any, Any], Any]


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
        except (msgspec.MsgspecError, ValueError, OverflowError):
            raise Misfit(f"{raw!r:.60} is no {kind.__name__}") from None

    return structure


def open_enum(raw: Any, kind: Any) -> Any:
    """Read an enum's value, known or not."""
    return kind(scalar(raw, str))


def sequence(raw: Any, kind: Any) -> Any:
    """Read an array; null is an empty one, as services written in Go have it."""
    if raw is None:
        raw = []
    if not isinstance(raw, list):
        raise Misfit(f"Expected `array`, got `{json_name(raw)}`")
    item = typing.get_args(kind)[0]
    return origin_of(kind)(structure_at(index, entry, item) for index, entry in enumerate(raw))


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
    wired = any(attribute.name == "_wire" for attribute in attrs.fields(origin_of(model) or model))

    def structure(raw: Any, _: Any) -> Any:
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        flatten(shape, shape.root, raw, values, extra)
        for leaf in shape.leaves:
            if leaf.name not in values:
                if leaf.default is None:
                    raise Misfit("Expected a value, got nothing or `null`", *leaf.path)
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
        if entry is None and not (isinstance(child, Leaf) and origin_of(child.type) in SEQUENCES):
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
    if origin_of(leaf.type) is None:
        return read_reference(leaf, leaf.type, raw, keep_at(shape, leaf.path, extra))
    if not isinstance(raw, list | None):
        raise Misfit(f"Expected `array`, got `{json_name(raw)}`")
    found = []
    for index, entry in enumerate(raw or ()):
        try:
            keep = keep_at(shape, (*leaf.path, str(index)), extra)
            found.append(read_reference(leaf, typing.get_args(leaf.type)[0], entry, keep))
        except Misfit as misfit:
            misfit.path.append(index)
            raise
    return tuple(found)


def keep_at(shape: Shape, path: tuple[str, ...], extra: dict[str, Any]) -> Callable[[str, Any], None]:
    """Make the function that keeps what has no field, of an object at a path."""

    def keep(key: str, entry: Any) -> None:
        extra[key_of(shape, (*path, key))] = entry

    return keep


def read_reference(leaf: Leaf, kind: Any, raw: Any, keep: Callable[[str, Any], None]) -> Any:
    """Read what a relationship points to: an id, or a user as far as the document tells."""
    for key, entry in members(raw):
        if key != "id" and not (key == "type" and right_type(entry, leaf.target or "")):
            keep(key, entry)
    identity = structure_at("id", raw.get("id"), str)
    return user_of(identity) if kind is User else identity


def user_of(identity: str) -> User:
    """Give the one user object that this document has for an id."""
    users = told.get({})
    return users.get(identity) or users.setdefault(identity, User(identity))


def document_hook(model: Any) -> Structure:
    """Make the hook that reads a document: the users it tells of first, then what points to them."""
    inner = model_hook(model)

    def structure(raw: Any, kind: Any) -> Any:
        rest = dict(members(raw))
        others: list[Any] = []
        mark = told.set({})
        try:
            if (included := rest.pop("included", None)) is not None:
                others = read_included(included)
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


def is_document(kind: Any) -> bool:
    """Say whether a type is that of a document, with its argument."""
    return origin_of(kind) in (Document, PageDocument)


def is_a(base: Any) -> Callable[[Any], bool]:
    """Make a test for the subclasses of a class."""
    return lambda kind: isinstance(kind, type) and issubclass(kind, base)


for simple in (str, int, float, bool):
    converter.register_structure_hook(simple, scalar)
converter.register_structure_hook(datetime, from_text(instant))
converter.register_structure_hook(date, from_text(day))
converter.register_structure_hook_func(is_a(OpenEnum), open_enum)
converter.register_structure_hook_func(lambda kind: origin_of(kind) in SEQUENCES, sequence)
converter.register_structure_hook_func(lambda kind: origin_of(kind) in (dict, Mapping), mapping)
converter.register_structure_hook_factory(attrs.has, model_hook)
converter.register_structure_hook_factory(lambda kind: origin_of(kind) is Page, page_hook)
converter.register_structure_hook_factory(is_document, document_hook)
