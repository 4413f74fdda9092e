"""The writing half of the converter: hooks that give models back as they were received.

What did not change stays letter by letter: null or absent, with all digits of its timestamps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import attrs

from casemgmt_async.codec.flatten import converter, is_a
from casemgmt_async.codec.shape import Leaf, Shape, path_of, shape_of
from casemgmt_async.codec.values import Whole, day_text, instant_text, plain
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.base import OpenEnum, Resource, wire_of
from casemgmt_async.models.unset import UNSET
from casemgmt_async.models.users import User

__all__ = ["rewrite"]


def unflatten(model: Any, received: Any = None) -> dict[str, Any]:
    """Write a model or a value; what did not change since it was received stays letter by letter."""
    wire = received if received is not None else wire_of(model)
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


def put(raw: Any, path: tuple[str, ...], write: Callable[[Any], Any]) -> None:
    """Write at a path, making the objects that lead there."""
    *above, name = path
    for part in above:
        inner = member(raw, part)
        if not isinstance(inner, dict | list):
            inner = raw[part] = {}
        raw = inner
    raw[name] = write(member(raw, name))


def member(raw: Any, name: str) -> Any:
    """Give a member of an object, or an item of an array by the digits of its index."""
    if isinstance(raw, list):
        return raw[int(name)] if name.isdecimal() and int(name) < len(raw) else None
    return raw.get(name) if isinstance(raw, dict) else None


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
        raw = member(raw, part)
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


converter.register_unstructure_hook_func(attrs.has, unflatten)
converter.register_unstructure_hook(datetime, aware)
converter.register_unstructure_hook(date, day_text)
converter.register_unstructure_hook(float, finite)
converter.register_unstructure_hook_func(is_a(OpenEnum), str)
converter.register_unstructure_hook_func(is_a(Mapping), given)
converter.register_unstructure_hook_func(is_a((list, tuple)), lambda items: [converter.unstructure(i) for i in items])
