"""Unstructure hooks: models as JSON:API resources, and everything else as plain objects.

A resource that was decoded is written over what it was read from, so a member that did not change
stays exactly as it was received: null or absent, with all digits of its timestamps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import attrs
import cattrs

from casemgmt_async.codec.shape import Leaf, Path, Shape, path_of, shape_of
from casemgmt_async.codec.values import DocumentWire, plain
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.base import OpenEnum, Resource, wire_of
from casemgmt_async.models.plain import instant_text
from casemgmt_async.models.unset import UNSET
from casemgmt_async.models.users import User

__all__ = ["ModelWriter", "add_unstructure_hooks", "drop", "put"]


class ModelWriter:
    """Unstructures the models of one converter."""

    def __init__(self, converter: cattrs.Converter) -> None:
        self.converter = converter

    def hook(self, model: Any) -> Callable[[Any], dict[str, Any]]:
        """Return the unstructure hook of a model; this is the hook factory."""
        return functools.partial(self.resource, shape_of(model))

    def resource(self, shape: Shape, value: Any) -> dict[str, Any]:
        """Write a model over what it was read from."""
        wire = wire_of(value)
        if isinstance(wire, DocumentWire):
            return self.write_over(shape, value, plain(wire.document)["data"])
        return self.write_over(shape, value, None if wire is None else plain(wire))

    def write_over(self, shape: Shape, value: Any, received: dict[str, Any] | None) -> dict[str, Any]:
        """Write a model over plain objects, which are changed."""
        before = None if received is None else self.converter.structure(received, shape.model)
        raw = {} if received is None else received
        if shape.tag and before is None:
            raw["type"] = shape.tag
        for leaf in shape.leaves:
            entry = getattr(value, leaf.name)
            if before is not None:
                changed = not same(leaf, entry, getattr(before, leaf.name))
            else:
                changed = leaf.default is None or entry != leaf.default()
            if changed:
                put(raw, written_path(leaf, raw), functools.partial(self.field, leaf, entry))
        if shape.extra:
            # Keys with two slashes are members of the document and not of the resource.
            extra = {key: entry for key, entry in value.extra.items() if not (shape.tag and key.startswith("//"))}
            write_extra(shape.home, raw, extra, {} if before is None else before.extra, self.entry)
        return raw

    def field(self, leaf: Leaf, value: Any, old: Any) -> Any:
        """Write a field in place of its old value."""
        if leaf.target is None:
            return self.entry(value, old)
        if isinstance(value, tuple | list):
            return [{"id": reference(entry), "type": leaf.target} for entry in value]
        return None if value is None else {"id": reference(value), "type": leaf.target}

    def entry(self, value: Any, old: Any) -> Any:
        """Write a value, keeping those members of the old one that did not change."""
        if attrs.has(type(value)) and not isinstance(value, Resource) and isinstance(old, dict):
            return self.write_over(shape_of(type(value)), value, plain(old))
        if isinstance(value, Mapping) and isinstance(old, dict):
            return {key: self.entry(entry, old.get(key)) for key, entry in value.items()}
        return self.converter.unstructure(value)


def written_path(leaf: Leaf, raw: dict[str, Any]) -> Path:
    """Return the place where a field is written: its second name where it was received under that."""
    if leaf.alternative is None:
        return leaf.path
    above: Any = raw
    for part in leaf.path[:-1]:
        above = member(above, part)
    second = isinstance(above, dict) and above.get(leaf.alternative) is not None and above.get(leaf.path[-1]) is None
    return (*leaf.path[:-1], leaf.alternative) if second else leaf.path


def same(leaf: Leaf, value: Any, before: Any) -> bool:
    """Whether a field did not change; users are compared by id."""
    if leaf.target is None:
        return bool(value == before)
    return bool(reference(value) == reference(before))


def reference(value: Any) -> Any:
    """Return the id, or the ids, of what a relationship points to."""
    if isinstance(value, tuple | list):
        return [reference(entry) for entry in value]
    return value.id if isinstance(value, User) else value


def put(raw: Any, path: Path, write: Callable[[Any], Any]) -> None:
    """Write at a path; make the objects that lead there."""
    *above, name = path
    for part in above:
        inner = member(raw, part)
        if not isinstance(inner, dict | list):
            inner = raw[part] = {}
        raw = inner
    raw[name] = write(member(raw, name))


def member(raw: Any, name: str) -> Any:
    """Return a member of an object, or an item of an array by the digits of its index."""
    if isinstance(raw, list):
        return raw[int(name)] if name.isdecimal() and int(name) < len(raw) else None
    return raw.get(name) if isinstance(raw, dict) else None


def write_extra(
    home: Path,
    raw: dict[str, Any],
    extra: Mapping[str, Any],
    before: Mapping[str, Any],
    write: Callable[[Any, Any], Any],
) -> None:
    """Write the members without a field that changed."""
    for key in before.keys() - extra.keys():
        drop(raw, path_of(home, key))
    for key, value in extra.items():
        if not (key in before and before[key] == value):
            put(raw, path_of(home, key), functools.partial(write, value))


def drop(raw: Any, path: Path) -> None:
    """Remove the member at a path."""
    *above, name = path
    for part in above:
        raw = member(raw, part)
    if isinstance(raw, dict):
        raw.pop(name, None)


def finite(value: float) -> float:
    """Refuse a number that JSON cannot express; msgspec would send null."""
    if not math.isfinite(value):
        raise InvalidArgumentError("body", f"{value} cannot be sent: JSON has no such number")
    return value


def aware(moment: datetime) -> str:
    """Write a time; refuse one without a time zone."""
    if moment.tzinfo is None:
        raise InvalidArgumentError("body", f"{moment} needs a time zone, such as tzinfo=datetime.UTC")
    return instant_text(moment)


def add_unstructure_hooks(converter: cattrs.Converter) -> None:
    """Register the unstructure hooks."""

    def mapping(body: Mapping[Any, Any]) -> dict[str, Any]:
        return {key: converter.unstructure(value) for key, value in body.items() if value is not UNSET}

    def sequence(items: Any) -> list[Any]:
        return [converter.unstructure(item) for item in items]

    def is_a(base: Any) -> Callable[[Any], bool]:
        return lambda kind: isinstance(kind, type) and issubclass(kind, base)

    converter.register_unstructure_hook(datetime, aware)
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_unstructure_hook(float, finite)
    converter.register_unstructure_hook_func(is_a(OpenEnum), str)
    converter.register_unstructure_hook_func(is_a(Mapping), mapping)
    converter.register_unstructure_hook_func(is_a((list, tuple)), sequence)
    converter.register_unstructure_hook_factory(attrs.has, ModelWriter(converter).hook)
