"""Where each field of a model stands in a JSON:API document, compiled from the fields' metadata.

Both ways of decoding, and encoding, work from these tables: no resource has code of its own.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

import attrs
from attrs import field, frozen

from casemgmt_async.models.base import PLACE, RELATED, Resource, inside, wire_of
from casemgmt_async.models.page import Page

__all__ = [
    "ALONE",
    "Document",
    "Leaf",
    "Node",
    "PageDocument",
    "Shape",
    "as_page",
    "key_of",
    "origin_of",
    "path_of",
    "pointer",
    "shape_of",
    "strangers_met",
]

T = TypeVar("T")
Path = tuple[str, ...]


@frozen(eq=False)
class Leaf:
    """A field at its place."""

    name: str
    """The name of the field."""
    path: Path
    """The names that lead to it from the root of the value."""
    type: Any
    """What it is where it is not null."""
    default: Callable[[], Any] | None
    """Makes what it is where it is absent or null; None where that is not allowed."""
    target: str | None = None
    """The type of what a relationship points to."""


@frozen(eq=False)
class Node:
    """An object whose members we know."""

    path: Path
    """The names that lead to it from the root."""
    children: dict[str, Node | Leaf] = field(factory=dict)
    """Its members by name."""

    def leaves(self) -> Iterator[Leaf]:
        for child in self.children.values():
            if isinstance(child, Leaf):
                yield child
            else:
                yield from child.leaves()


@frozen(eq=False)
class Shape:
    """A model as the service writes it."""

    model: Any
    """The attrs class."""
    root: Node
    """The whole object."""
    home: Path
    """Where fields without a place are, and unknown names stand for themselves in `extra`."""
    tag: str | None
    """The JSON:API type, for resources."""
    leaves: tuple[Leaf, ...]
    """All fields that have a place."""
    strangers: dict[Path, list[str]] = field(factory=dict)
    """Names that were met and have no field, by the path of the object they were in."""

    def meet(self, path: Path, name: str) -> None:
        """Remember a name without a field, up to a number that no service would reach by adding fields."""
        known = self.strangers.setdefault(path, [])
        if name not in known and sum(map(len, self.strangers.values())) < MOST_STRANGERS:
            known.append(name)


@frozen
class Document(Generic[T]):
    """What surrounds a resource, or a list of them."""

    data: T
    """The resource or resources."""
    extra: Mapping[str, Any] = field(factory=dict)
    """What else there was, by JSON pointer."""
    _wire: Any = field(default=None, kw_only=True, alias="_wire", repr=False, eq=False)


@frozen
class PageDocument(Document[T]):
    """What surrounds a page of resources."""

    number: int = inside("meta", "page", "current", default=0)
    size: int | None = inside("meta", "page", "size")
    total_pages: int | None = inside("meta", "page", "total")
    total_items: int | None = inside("meta", "total_cases")


MOST_STRANGERS: Final = 64
HOMELESS: Final = frozenset({"extra", "_wire"})
UNIONS: Final = (typing.Union, types.UnionType)


def origin_of(kind: Any) -> Any:
    """Give what a generic type was made from; None for a plain one."""
    return typing.get_origin(kind)


def present(kind: Any) -> Any:
    """Strip None from a type."""
    if origin_of(kind) in UNIONS:
        (kind,) = (arm for arm in typing.get_args(kind) if arm is not type(None))
    return kind


def absent(attribute: attrs.Attribute[Any]) -> Callable[[], Any] | None:
    """Say what stands for a field that is absent."""
    default: Any = attribute.default
    if default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return typing.cast("Callable[[], Any]", default.factory)
    return lambda: default


shapes: Final[dict[Any, Shape]] = {}


def shape_of(model: Any) -> Shape:
    """Give the table of a model; `model` may have its type argument, as in `Document[Case]`."""
    if model not in shapes:
        shapes[model] = compile_shape(model)
    return shapes[model]


def strangers_met() -> int:
    """Count the names without a field that were met so far."""
    return sum(len(names) for shape in shapes.values() for names in shape.strangers.values())


def compile_shape(model: Any) -> Shape:
    """Make the table of a model from the metadata of its fields."""
    cls = origin_of(model) or model
    argument = (typing.get_args(model) or (None,))[0]
    hints = typing.get_type_hints(cls)
    resource = issubclass(cls, Resource)
    root = Node(())
    home: Path = ("attributes",) if resource else ()
    for attribute in attrs.fields(cls):
        if attribute.name in HOMELESS:
            continue
        kind = present(hints[attribute.name])
        kind = argument if kind is T else kind
        name, target = attribute.metadata.get(RELATED, (None, None))
        if target:
            path: Path = ("relationships", name, "data")
        elif resource and attribute.name == "id":
            path = ("id",)
        else:
            path = home + (attribute.metadata.get(PLACE) or (attribute.name,))
        plant(root, Leaf(attribute.name, path, kind, absent(attribute), target))
    return Shape(model, root, home, cls.resource_type if resource else None, tuple(root.leaves()))


def plant(root: Node, leaf: Leaf) -> None:
    """Put a leaf into the tree, with the nodes that lead to it."""
    node = root
    for depth, name in enumerate(leaf.path[:-1], 1):
        child = node.children.setdefault(name, Node(leaf.path[:depth]))
        assert isinstance(child, Node), f"{leaf.path} passes through a field"
        node = child
    node.children[leaf.path[-1]] = leaf


def key_of(shape: Shape, path: Path) -> str:
    """Name something without a field, as `extra` does."""
    *above, name = path
    if tuple(above) == shape.home and not name.startswith("/"):
        return name
    return pointer(path)


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def path_of(shape: Shape, key: str) -> Path:
    """Find the place that a name in `extra` stands for; the inverse of `key_of`."""
    if not key.startswith("/"):
        return (*shape.home, key)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in key[1:].split("/"))


def as_page(document: PageDocument[Any]) -> Page[Any]:
    """Make a page of its document."""
    return Page(
        document.data,
        document.number,
        document.size,
        document.total_pages,
        document.total_items,
        document.extra,
        _wire=wire_of(document),
    )


ALONE: Final = Shape(Document, Node(()), (), None, ())
"""As much of a document's table as it takes to name what stands in it beside the data."""
