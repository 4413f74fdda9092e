"""Tables of the models: where each field is in the JSON object, compiled from the metadata of the fields."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
from attrs import field, frozen

from casemgmt_async.models.base import ALTERNATIVE, PLACE, RELATED, Resource

__all__ = ["Leaf", "Node", "Path", "Shape", "key_of", "origin_of", "path_of", "pointer", "shape_of"]

Path = tuple[str, ...]
UNIONS: Final = (typing.Union, types.UnionType)


@frozen(eq=False)
class Leaf:
    """A field at its place."""

    name: str
    """Name of the field."""
    alias: str
    """Name of the argument of the constructor."""
    path: Path
    """Member names that lead to it from the object of the model."""
    type: Any
    """Type without `None`."""
    default: Callable[[], Any] | None
    """Makes the value of an absent field; None where the field is required."""
    target: str | None = None
    """JSON:API type of the resource that a relationship points to."""
    alternative: str | None = None
    """Second name of the last step of the path."""


@frozen(eq=False)
class Node:
    """An object whose members are known."""

    path: Path
    """Member names that lead to it from the object of the model."""
    children: dict[str, Node | Leaf] = field(factory=dict)
    """Its members by name, without alternative names."""

    def leaves(self) -> Iterator[Leaf]:
        for child in self.children.values():
            if isinstance(child, Leaf):
                yield child
            else:
                yield from child.leaves()

    @property
    def required(self) -> bool:
        """Whether it is required because it has a required member."""
        return any(leaf.default is None for leaf in self.leaves())

    @property
    def names(self) -> frozenset[str]:
        """All member names that are known."""
        others = (child.alternative for child in self.children.values() if isinstance(child, Leaf))
        return frozenset(self.children) | {name for name in others if name}


@frozen(eq=False)
class Shape:
    """The table of a model."""

    model: Any
    """The attrs class."""
    root: Node
    """The object of the model."""
    home: Path
    """Path of the object whose unknown members have their plain name as key in `extra`."""
    tag: str | None
    """JSON:API type, for resources."""
    leaves: tuple[Leaf, ...]
    """All fields but `extra`."""
    extra: bool
    """Whether the model has a field `extra`; without one, unknown members are ignored."""

    @property
    def attributes(self) -> Node | None:
        """The attributes of a resource; None where no field is in them."""
        child = self.root.children.get("attributes") if self.tag else None
        return child if isinstance(child, Node) else None


shapes: Final[dict[Any, Shape]] = {}


def shape_of(model: Any) -> Shape:
    """Return the table of a model."""
    if model not in shapes:
        shapes[model] = compile_shape(model)
    return shapes[model]


def compile_shape(model: Any) -> Shape:
    """Make the table of a model from the metadata of its fields."""
    hints = typing.get_type_hints(model)
    resource = issubclass(model, Resource)
    root = Node(())
    home: Path = ("attributes",) if resource else ()
    fields = [attribute for attribute in attrs.fields(model) if attribute.init]
    for attribute in fields:
        if attribute.name == "extra":
            continue
        name, target = attribute.metadata.get(RELATED, (None, None))
        if target:
            path: Path = ("relationships", name, "data")
        elif resource and attribute.name == "id":
            path = ("id",)
        else:
            path = home + (attribute.metadata.get(PLACE) or (attribute.name,))
        kind, alternative = without_none(hints[attribute.name]), attribute.metadata.get(ALTERNATIVE)
        add_leaf(root, Leaf(attribute.name, attribute.alias, path, kind, default_of(attribute), target, alternative))
    tag = model.resource_type if resource else None
    return Shape(model, root, home, tag, tuple(root.leaves()), extra=any(one.name == "extra" for one in fields))


def add_leaf(root: Node, leaf: Leaf) -> None:
    """Add a leaf to the tree, with the nodes that lead to it."""
    node = root
    for depth, name in enumerate(leaf.path[:-1], 1):
        child = node.children.setdefault(name, Node(leaf.path[:depth]))
        if isinstance(child, Leaf):
            raise TypeError(f"field {leaf.name!r} is inside field {child.name!r}")
        node = child
    if leaf.path[-1] in node.children:
        raise TypeError(f"field {leaf.name!r} has the same place as another field: {'.'.join(leaf.path)}")
    node.children[leaf.path[-1]] = leaf


def origin_of(kind: Any) -> Any:
    """Return the generic class of a type with arguments; None for a plain type."""
    return typing.get_origin(kind)


def without_none(kind: Any) -> Any:
    """Remove None from a union."""
    if origin_of(kind) not in UNIONS:
        return kind
    arms = [arm for arm in typing.get_args(kind) if arm is not type(None)]
    return typing.Union[tuple(arms)]  # noqa: UP007 - computed; of one type it is that type


def default_of(attribute: attrs.Attribute[Any]) -> Callable[[], Any] | None:
    """Return the function that makes the default of a field; None where it has none."""
    default: Any = attribute.default
    if default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return typing.cast("Callable[[], Any]", default.factory)
    return lambda: default


def key_of(home: Path, path: Path) -> str:
    """Return the key in `extra` of an unknown member."""
    plain = path[:-1] == home and path[-1][:1] != "/"
    return path[-1] if plain else pointer(path)


def path_of(home: Path, key: str) -> Path:
    """Return the path that a key in `extra` stands for; the inverse of `key_of`."""
    if not key.startswith("/"):
        return (*home, key)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in key[1:].split("/"))


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
