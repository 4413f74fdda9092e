"""The msgspec structs of a model, which hold one resource as it was received, and what reads text into them.

There are two kinds. The closed struct accepts exactly the documented members and types: this is what fits a usual
answer. The open struct accepts other attributes as well, and keeps them as plain objects.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, Union

import msgspec
from msgspec import UNSET, UnsetType

from casemgmt_async.codec.hooks import Hook, MappingHook, Scope, SequenceHook
from casemgmt_async.codec.shape import Leaf, Node, Path, Shape, key_of, origin_of
from casemgmt_async.codec.values import checked, plain

__all__ = ["Learned", "OpenAccess", "StructAccess"]

OPTIONS: Final[dict[str, Any]] = {"gc": False, "kw_only": True, "eq": False}
OTHERS: Final = ""
"""Member of an open struct that holds the attributes without a field."""

Learned = dict[Path, list[str]]
"""Members without a field that a closed struct has nevertheless, by the path of their object."""
Keep = Callable[..., None]
"""Keeps the members without a field, as `Plain.keep` does."""


class StructAccess:
    """Access to the structs of a model, which it makes."""

    checks = False

    def __init__(self, shape: Shape, hooks: dict[str, Hook], learned: Learned) -> None:
        self.shape = shape
        self.hooks = hooks
        self.learned = learned
        self.attributes: dict[tuple[Path, str], str] = {}
        """Attribute of the struct of an object, by the path of the object and the name of the member."""
        self.structs: dict[Path, Any] = {}
        self.node_struct(shape.root)

    # --- access ---

    def member(self, node: str, path: Path, name: str, /) -> str:
        return f"{node}.{self.attributes[path, name]}"

    def value(self, hook: Hook, value: str, scope: Scope, /) -> str:
        return hook.expression(value, scope)

    def loop(self, hook: Hook | None, target: str, value: str, scope: Scope, /) -> list[str]:
        return hook.loop(target, value, scope) if hook else []

    def absent(self, hook: Hook | None, value: str, scope: Scope, default: str = "None", /) -> str:
        collection = isinstance(hook, SequenceHook | MappingHook) and default in ("()", "[]", "{}")
        if hook is None or collection or hook.never_false:
            return f"not {value}"
        return f"{value} is None or {value} is {scope.name('UNSET', UNSET)}"

    def passed(self, value: str, scope: Scope, /) -> str | None:
        return f"None if value is {scope.name('UNSET', UNSET)} else value" if value == "value" else None

    def unknown(self, node: str, path: Path, _: frozenset[str], shape: Shape, scope: Scope, /) -> Iterable[str]:
        for name in sorted(self.learned.get(path, ())):
            yield f"value = {self.member(node, path, name)}"
            yield f"if value is not {scope.name('UNSET', UNSET)}:"
            kept = f"extra[{key_of(shape.home, (*path, name))!r}] = " if shape.extra else ""
            yield f"    {kept}{scope.name('checked', checked)}(value)"

    def empty(self, path: Path, /) -> Any:
        return self.structs[path]()

    # --- structs ---

    def decoder(self) -> Callable[[Any], Any]:
        """Return what reads JSON text into the struct of the model."""
        return msgspec.json.Decoder(self.structs[()]).decode

    def node_struct(self, node: Node) -> Any:
        """Make the struct of an object."""
        fields: dict[str, tuple[Any, ...]] = {}
        for name, child in node.children.items():
            if isinstance(child, Node):
                fields[name] = (self.node_struct(child),) if child.required else optional(self.node_struct(child))
                continue
            kind, hook = self.leaf_type(child), self.hooks.get(child.name)
            if child.default is not None or child.alternative:
                fields[name] = optional(kind)
            else:
                fields[name] = (kind | None,) if hook and hook.nullable else (kind,)
            if child.alternative:
                fields[child.alternative] = fields[name]
        if node is self.shape.root and self.shape.tag:
            fields["type"] = optional(Literal[self.shape.tag])
        return self.struct(node.path, fields)

    def leaf_type(self, leaf: Leaf) -> Any:
        """Return what msgspec reads for a field."""
        if leaf.target is None:
            return self.hooks[leaf.name].wire()
        if origin_of(leaf.type) is None:
            return self.struct(leaf.path, {"id": (str,), "type": optional(Literal[leaf.target])})
        item = msgspec.defstruct(
            f"{self.shape.model.__name__}_{leaf.name}",
            [("id", str), ("type", *optional(Literal[leaf.target]))],
            forbid_unknown_fields=True,
            namespace={"__reduce__": as_plain},
            **OPTIONS,
        )
        return list[item]  # type: ignore[valid-type]

    def struct(self, path: Path, fields: dict[str, tuple[Any, ...]], *, closed: bool = True) -> Any:
        """Make a struct, which accepts no other members if it is closed.

        Its members are sorted, as the service sorts them and msgspec finds them fastest so.
        """
        fields |= dict.fromkeys(self.learned.get(path, ()), (Any, UNSET))
        names = {name: attribute_name(name, index) for index, name in enumerate(sorted(fields))}
        self.attributes.update({(path, name): attribute for name, attribute in names.items()})
        struct = msgspec.defstruct(
            "_".join((self.shape.model.__name__, *path)),
            [(attribute, *fields[name]) for name, attribute in names.items()],
            rename={attribute: name for name, attribute in names.items()},
            forbid_unknown_fields=closed,
            namespace={"__reduce__": as_plain, "__plain__": msgspec.to_builtins, "__structure__": None},
            **OPTIONS,
        )
        self.structs[path] = struct
        return struct


class OpenAccess(StructAccess):
    """Access to structs that accept any attribute of a resource."""

    def __init__(self, shape: Shape, attributes: Node, hooks: dict[str, Hook], learned: Learned, keep: Keep) -> None:
        self.known = attributes.names
        self.keep = keep
        super().__init__(shape, hooks, {path: names for path, names in learned.items() if path != shape.home})

    def unknown(self, node: str, path: Path, known: frozenset[str], shape: Shape, scope: Scope, /) -> Iterable[str]:
        if path != shape.home:
            yield from super().unknown(node, path, known, shape, scope)
            return
        others, extra = self.member(node, path, OTHERS), "extra" if shape.extra else "{}"
        keep, none_known = scope.name("keep", self.keep), scope.name("NO_NAMES", frozenset())
        yield f"if {others}:"
        yield f"    {keep}({extra}, {others}, {none_known}, {path!r}, users)"

    def decoder(self) -> Callable[[Any], Any]:
        decode, (name,) = super().decoder(), self.shape.home
        home, others = self.attributes[(), name], self.attributes[self.shape.home, OTHERS]
        known = self.known
        texts = msgspec.defstruct("Texts", [(home, dict[str, msgspec.Raw])], rename={home: name})
        cut = msgspec.json.Decoder(texts).decode

        def read(text: Any) -> Any:
            """Read a resource, then look at its text again for the attributes without a field."""
            struct = decode(text)
            if attributes := getattr(struct, home):
                members = getattr(cut(text), home)
                setattr(
                    attributes, others, {name: msgspec.json.decode(members[name]) for name in members.keys() - known}
                )
            return struct

        return read

    def struct(self, path: Path, fields: dict[str, tuple[Any, ...]], *, closed: bool = True) -> Any:
        if path == self.shape.home:
            return super().struct(path, {**fields, OTHERS: (Any, None)}, closed=False)
        struct = super().struct(path, fields, closed=closed)
        if not path:
            struct.__plain__ = staticmethod(self.plain)
        return struct

    def plain(self, struct: Any) -> Any:
        """Return the resource as plain objects."""
        raw = msgspec.to_builtins(struct)
        (home,) = self.shape.home
        if attributes := raw.get(home):
            attributes |= attributes.pop(OTHERS) or {}
        return raw


def optional(kind: Any) -> tuple[Any, Any]:
    """Return type and default of a member that may be absent or null."""
    return Union[kind, None, UnsetType], UNSET  # noqa: UP007 - `|` is not for all types


def as_plain(struct: msgspec.Struct) -> tuple[Any, tuple[Any]]:
    """Pickle and copy a struct as plain objects, because its class is made at run time."""
    return dict, (plain(struct),)


def attribute_name(name: str, index: int) -> str:
    """Return the attribute of a struct for the member `name`."""
    good = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return name if good else f"member{index}"
