"""The fast path: from the bytes to the models, by code generated from the same tables.

msgspec reads the bytes into structs that have the form of the document and accept nothing else;
generated functions then move what is in them into the models. Whatever does not fit the structs
is left to the converter, whose word counts. Names that the converter met and no model has a field
for become members of the structs, so that a field the service adds costs its first page only.

Each model keeps the struct it was made from, which is how `encode` gives it back letter by letter.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, Union

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from casemgmt_async.codec.shape import Document, Leaf, Node, Shape, key_of, origin_of, shape_of
from casemgmt_async.codec.values import as_received, day, in_utc
from casemgmt_async.models.base import OpenEnum
from casemgmt_async.models.users import User

__all__ = ["Compiler", "Read"]

Read = Callable[[bytes], Any]

OPTIONS: Final[dict[str, Any]] = {"forbid_unknown_fields": True, "gc": False, "kw_only": True}
NAMESPACE: Final[dict[str, Any]] = {
    "UNSET": UNSET,
    "UTC": UTC,
    "User": User,
    "day": day,
    "from_text": datetime.fromisoformat,
    "in_utc": in_utc,
    "new": object.__new__,
}
TIME: Final = Annotated[str, msgspec.Meta(min_length=1)]
PLAIN: Final = (str, int, float, bool, Any)


class Compiler:
    """Makes the structs and functions of models, once each, until it is told to forget them."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, because there are more names to know. What was made before goes on working."""
        self.names: dict[str, Any] = dict(NAMESPACE)
        self.structs: dict[Any, type[msgspec.Struct]] = {}
        self.readers: dict[Any, str] = {}
        self.known: dict[Any, list[Node | Leaf | str]] = {}

    def decoder(self, model: Any) -> Read:
        """Make the function that reads a document: `Document[Case]`, for one."""
        parse = msgspec.json.Decoder(self.struct(model)).decode
        read = self.names[self.reader(model)]
        return lambda body: read(parse(body), {})

    def members(self, shape: Shape, node: Node) -> list[Node | Leaf | str]:
        """List the members of an object, those with fields and the names of those without.

        Struct and function have to mean the same list, whatever is met meanwhile. It is sorted because
        the service sorts too, and msgspec looks for a name from where it found the last one.
        """
        key = shape.model, node.path
        if key not in self.known:
            strangers = {name: name for name in shape.strangers.get(node.path, ())}
            named: dict[str, Node | Leaf | str] = {**node.children, **strangers}
            self.known[key] = [named[name] for name in sorted(named)]
        return self.known[key]

    # --- structs ---

    def struct(self, model: Any) -> type[msgspec.Struct]:
        """Give the struct of a model."""
        if model not in self.structs:
            shape = shape_of(model)
            self.structs[model] = self.node_struct(shape, shape.root)
        return self.structs[model]

    def node_struct(self, shape: Shape, node: Node) -> type[msgspec.Struct]:
        """Make the struct of an object: its members in order, then those that have no field."""
        fields: list[tuple[str, Any, Any]] = []
        for child in self.members(shape, node):
            if isinstance(child, str):
                fields.append((child, Any, UNSET))
            elif isinstance(child, Leaf):
                fields.append(self.member(child.path[-1], self.wire(child), required=child.default is None))
            else:
                fields.append(self.member(child.path[-1], self.node_struct(shape, child), required=needed(child)))
        if node is shape.root and shape.tag:
            fields.append(self.member("type", Literal[shape.tag], required=False))
        if node is shape.root and is_document(shape):
            fields.append(self.member("included", list[self.struct(User)], required=False))  # type: ignore[misc]
        struct = msgspec.defstruct(
            "_".join(("Wire", *node.path)),
            [
                (f"m{i}", kind) if default is None else (f"m{i}", kind, default)
                for i, (_, kind, default) in enumerate(fields)
            ],
            rename={f"m{i}": name for i, (name, _, _) in enumerate(fields)},
            namespace={"__reduce__": as_received},
            **OPTIONS,
        )
        self.structs[shape.model, node.path] = struct
        return struct

    @staticmethod
    def member(name: str, kind: Any, *, required: bool) -> tuple[str, Any, Any]:
        """Describe a member: one that has to be there, or may be absent or null."""
        return (name, kind, None) if required else (name, Union[kind, None, UnsetType], UNSET)  # noqa: UP007

    def wire(self, leaf: Leaf) -> Any:
        """Say what msgspec has to read for a field."""
        if leaf.target is None:
            return self.wire_type(leaf.type)
        pointer = msgspec.defstruct(
            "Wire_" + leaf.name,
            [("id", str), ("type", Union[Literal[leaf.target], UnsetType], UNSET)],  # noqa: UP007
            namespace={"__reduce__": as_received},
            **OPTIONS,
        )
        return list[pointer] if origin_of(leaf.type) else pointer  # type: ignore[valid-type]

    def wire_type(self, kind: Any) -> Any:
        """Say what msgspec has to read for a type. Times stay texts, so that no digit is lost."""
        origin, arguments = origin_of(kind), typing.get_args(kind)
        if attrs.has(kind):
            return self.struct(kind)
        if origin in (tuple, list):
            return list[self.wire_type(arguments[0])]  # type: ignore[misc]
        if origin is not None:
            return dict[str, self.wire_type(arguments[1])]  # type: ignore[misc]
        return {datetime: TIME, date: TIME, float: int | float}.get(kind, kind)

    # --- functions ---

    def reader(self, model: Any) -> str:
        """Give the name of the function that makes a model of its struct."""
        if model not in self.readers:
            name = self.readers[model] = f"read{len(self.readers)}"
            lines = self.body(model, name)
            exec("\n".join(lines), self.names)  # noqa: S102 - made of our own tables, names are quoted
        return self.readers[model]

    def body(self, model: Any, name: str) -> list[str]:
        """Write the function that makes a model of its struct."""
        shape = shape_of(model)
        cls = origin_of(model) or model
        self.struct(model)
        self.names[f"{name}_class"], self.names[f"{name}_open"] = cls, open_twin(cls)
        lines = [
            f"def {name}(n0, users, UNSET=UNSET, new=new, Open={name}_open, Model={name}_class):",
            "o = new(Open)",
            "x = o.extra = {}",
        ]
        if any(attribute.name == "_wire" for attribute in attrs.fields(cls)):
            lines.append("o._wire = n0")
        if is_document(shape):
            included = len(self.members(shape, shape.root)) + bool(shape.tag)
            lines += [f"for v in n0.m{included} or ():", f" v = {self.reader(User)}(v, users)", " users[v.id] = v"]
        self.node_lines(lines, shape, shape.root, name, "n0")
        return [lines[0], *(f" {line}" for line in (*lines[1:], "o.__class__ = Model", "return o"))]

    def node_lines(self, lines: list[str], shape: Shape, node: Node, name: str, var: str) -> None:
        """Write the lines that read an object."""
        for i, child in enumerate(self.members(shape, node)):
            place = f"{var}.m{i}"
            if isinstance(child, str):
                lines += [f"v = {place}", "if v is not UNSET:", f" x[{key_of(shape, (*node.path, child))!r}] = v"]
            elif isinstance(child, Leaf):
                lines += self.leaf_lines(child, place)
            else:
                inner = f"{var}_{i}"
                if needed(child):
                    lines.append(f"{inner} = {place}")
                else:
                    nothing = f"{name}_{inner}"
                    self.names[nothing] = self.structs[shape.model, child.path]()
                    lines.append(f"{inner} = {place} or {nothing}")
                self.node_lines(lines, shape, child, name, inner)

    def leaf_lines(self, leaf: Leaf, place: str) -> list[str]:
        """Write the lines that read a field."""
        target = f"o.{leaf.name}"
        default = "None" if leaf.default is None else repr(leaf.default())
        if leaf.type is datetime:
            read = ["v = from_text(v)", f"{target} = v if v.tzinfo is UTC else in_utc(v)"]
        else:
            read = [f"{target} = {self.reference(leaf) if leaf.target else self.value(leaf.type, 'v')}"]
        if leaf.default is None:
            return [f"v = {place}", *read]
        if read == [f"{target} = v"] and default == "None":
            return [f"v = {place}", f"{target} = None if v is UNSET else v"]
        return [
            f"v = {place}",
            "if v:",
            *(f" {line}" for line in read),
            "else:",
            f" {target} = {default}",
        ]

    def value(self, kind: Any, var: str) -> str:
        """Write the expression that makes a value of what msgspec read."""
        origin, arguments = origin_of(kind), typing.get_args(kind)
        if attrs.has(kind):
            return f"{self.reader(kind)}({var}, users)"
        if kind is date:
            return f"day({var})"
        if origin in (tuple, list):
            inner = self.value(arguments[0], "i")
            made = var if inner == "i" else f"[{inner} for i in {var}]"
            return f"tuple({made})" if origin is tuple else made
        if origin is not None:
            inner = self.value(arguments[1], "i")
            return var if inner == "i" else f"{{k: {inner} for k, i in {var}.items()}}"
        assert kind in PLAIN or issubclass(kind, OpenEnum), kind
        return var

    @staticmethod
    def reference(leaf: Leaf) -> str:
        """Write the expression that makes what a relationship points to; one object for each user."""
        user = "users.get(v.id) or users.setdefault(v.id, User(v.id))"
        if origin_of(leaf.type) is None:
            return user if leaf.type is User else "v.id"
        return f"tuple([{user if typing.get_args(leaf.type)[0] is User else 'v.id'} for v in v])"


def needed(node: Node) -> bool:
    """Say whether something in an object has to be there, and so the object."""
    return any(leaf.default is None for leaf in node.leaves())


def is_document(shape: Shape) -> bool:
    """Say whether a shape is that of a document, which tells of users."""
    return issubclass(origin_of(shape.model) or shape.model, Document)


def open_twin(cls: Any) -> Any:
    """Make a class of the same layout whose fields can be set; the object turns into `cls` at the end."""
    opened = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls)(cls.__name__, (cls,), opened)
