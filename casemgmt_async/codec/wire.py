"""The hook of a model, and the msgspec structs that read its JSON text.

msgspec reads the text of one resource into a struct that accepts exactly the documented members and
types; generated code turns that into the model. Where the text does not fit the struct, it is read as
plain objects instead, which costs more for that one resource.

A member without a field that comes again and again is learned: it becomes a member of the struct.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, Union

import attrs
import cattrs
import msgspec
from msgspec import UNSET, UnsetType

from casemgmt_async.codec.generate import Function, structure_function
from casemgmt_async.codec.hooks import Hook, MappingHook, Scope, SequenceHook, TextHook, hook_for
from casemgmt_async.codec.plain import Plain
from casemgmt_async.codec.shape import Leaf, Node, Path, Shape, key_of, origin_of, shape_of
from casemgmt_async.codec.users import Users, current_users
from casemgmt_async.codec.values import ShapeError, checked

__all__ = ["LEARNED_AFTER", "MOST_LEARNED", "Form", "ModelHook", "Models"]

LEARNED_AFTER: Final = 3
"""How many documents must have an unknown member before it is learned. New code costs as much as several pages."""
MOST_LEARNED: Final = 64
"""How many unknown members of a model are learned; a service that adds fields does not reach it."""
MOST_NOTED: Final = 256
"""How many unknown members of a model are noted before that begins again."""
NEVER: Final[tuple[int | None, int]] = (None, 0)
ODD: Final = (msgspec.MsgspecError, ShapeError, ValueError, OverflowError)
"""What the struct or its function raises for a text that has to be read as plain objects."""
OPTIONS: Final[dict[str, Any]] = {"gc": False, "kw_only": True, "eq": False}

Learned = dict[Path, list[str]]


@attrs.frozen(eq=False)
class Form:
    """A struct for the text of a model, and what reads it. Never changes; a model that learns gets a new one."""

    struct: Any
    """The msgspec struct."""
    parse: Callable[[bytes], Any]
    """Reads JSON text into the struct."""
    structure: Function
    """Makes the model of the struct."""


class Models:
    """The model hooks of one converter."""

    def __init__(self, converter: cattrs.Converter) -> None:
        self.converter = converter
        self.hooks: dict[Any, ModelHook] = {}

    def hook(self, model: Any) -> ModelHook:
        """Return the hook of a model; this is the hook factory.

        cattrs calls it once, and once more after somebody registered a hook: code that knows the old hooks is dropped.
        """
        if model in self.hooks:
            self.hooks[model].forget()
        else:
            self.hooks[model] = ModelHook(model, self)
        return self.hooks[model]


class ModelHook(Hook):
    """Structures one model from plain objects, from its struct or from JSON text."""

    def __init__(self, model: Any, models: Models) -> None:
        super().__init__(model)
        self.shape = shape_of(model)
        self.models = models
        self.learned: Learned = {}
        self.met: dict[tuple[Path, str], tuple[int | None, int]] = {}
        self.parts: frozenset[ModelHook] = frozenset()
        """The hooks of all models in the struct."""
        self.compiling = False
        self.forget()

    def forget(self) -> None:
        """Drop the generated code."""
        self.plain_function: Function | None = None
        self.form_now: Form | None = None

    def read(self, raw: Any) -> Any:
        """Structure plain objects, or the struct of this model."""
        return self.read_with(raw, current_users.get())

    def read_with(self, raw: Any, users: Users) -> Any:
        """Structure plain objects, or the struct of this model, with the users of the document."""
        if isinstance(raw, msgspec.Struct):
            try:
                structure = getattr(type(raw), "__structure__", None)
                if structure:
                    return structure(raw, users)
            except ODD:
                pass
            raw = msgspec.to_builtins(raw)
        return (self.plain_function or self.compile_plain())(raw, users)

    def parse(self, text: Any) -> Any:
        """Read JSON text into the struct, or into plain objects where it does not fit."""
        form = self.form_now or self.form()
        try:
            return form.parse(text)
        except ODD:
            pass
        return msgspec.json.decode(text)

    # --- in place ---

    def wire(self) -> Any:
        return Any if self.compiling else self.form().struct

    def plain_expression(self, value: str, scope: Scope) -> str:
        late = self.compiling or self.shape.tag
        function = self.read_with if late else self.plain_function or self.compile_plain()
        return f"{scope.name('structure_' + self.kind.__name__, function)}({value}, users)"

    def expression(self, value: str, scope: Scope) -> str:
        function = self.read_with if self.compiling else self.form().structure
        return f"{scope.name('structure_' + self.kind.__name__, function)}({value}, users)"

    # --- code ---

    def field_hooks(self) -> dict[str, Hook]:
        """Return the converter's hooks for the fields."""
        converter = self.models.converter
        return {leaf.name: hook_for(converter, leaf.type) for leaf in self.shape.leaves if not leaf.target}

    def compile_plain(self) -> Function:
        """Generate the function over plain objects."""
        self.compiling, name = True, f"structure_{self.kind.__name__}"
        try:
            self.plain_function = structure_function(
                self.shape, self.field_hooks(), Plain(self.shape.home, self.meet), name
            )
        finally:
            self.compiling = False
        return self.plain_function

    def form(self) -> Form:
        """Return the struct and the function over it, generated when they are first needed."""
        if self.form_now is None:
            self.compiling = True  # a model inside itself is read as plain objects
            try:
                hooks = self.field_hooks()
                access = StructAccess(self.shape, hooks, self.learned)
                struct = access.structs[()]
                self.parts = frozenset({self}).union(*(models_in(hook) for hook in hooks.values()))
                structure = structure_function(self.shape, hooks, access, f"structure_{self.kind.__name__}_struct")
            finally:
                self.compiling = False
            struct.__structure__ = staticmethod(structure)
            self.form_now = Form(struct, msgspec.json.Decoder(struct).decode, structure)
        return self.form_now

    def meet(self, path: Path, name: str, users: Users) -> None:
        """Note a member without a field; learn it when several documents had it."""
        document = users.serial
        before, count = self.met.get((path, name), NEVER)
        if before == document:
            return
        if len(self.met) >= MOST_NOTED:
            self.met.clear()
        self.met[path, name] = document, count + 1
        known = self.learned.get(path, [])
        if not name.isprintable() or "\\" in name or '"' in name:
            return  # msgspec cannot have it as the name of a member
        if count + 1 >= LEARNED_AFTER and name not in known and sum(map(len, self.learned.values())) < MOST_LEARNED:
            self.learned = {**self.learned, path: [*known, name]}
            for hook in self.models.hooks.values():
                if self in hook.parts:
                    hook.form_now = None


def models_in(hook: Hook) -> frozenset[ModelHook]:
    """Return the hooks of the models in what a hook reads."""
    if isinstance(hook, SequenceHook | MappingHook):
        return models_in(hook.item)
    return hook.parts if isinstance(hook, ModelHook) else frozenset()


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

    def absent(self, hook: Hook | None, value: str, scope: Scope, default: str = "None", /) -> str:
        collection = isinstance(hook, SequenceHook | MappingHook) and default in ("()", "[]", "{}")
        if hook is None or collection or isinstance(hook, TextHook | ModelHook):
            return f"not {value}"  # nothing that msgspec reads for it is false, but an empty collection
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

    def struct(self, path: Path, fields: dict[str, tuple[Any, ...]]) -> Any:
        """Make a struct; its members are sorted, as the service sorts them and msgspec finds them fastest so."""
        fields |= dict.fromkeys(self.learned.get(path, ()), (Any, UNSET))
        names = {name: attribute_name(name, index) for index, name in enumerate(sorted(fields))}
        self.attributes.update({(path, name): attribute for name, attribute in names.items()})
        struct = msgspec.defstruct(
            "_".join((self.shape.model.__name__, *path)),
            [(attribute, *fields[name]) for name, attribute in names.items()],
            rename={attribute: name for name, attribute in names.items()},
            forbid_unknown_fields=True,
            namespace={"__reduce__": as_plain, "__structure__": None},
            **OPTIONS,
        )
        self.structs[path] = struct
        return struct


def optional(kind: Any) -> tuple[Any, Any]:
    """Return type and default of a member that may be absent or null."""
    return Union[kind, None, UnsetType], UNSET  # noqa: UP007 - `|` is not for all types


def as_plain(struct: msgspec.Struct) -> tuple[Any, tuple[Any]]:
    """Pickle and copy a struct as plain objects, because its class is made at run time."""
    return dict, (msgspec.to_builtins(struct),)


def attribute_name(name: str, index: int) -> str:
    """Return the attribute of a struct for the member `name`."""
    good = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return name if good else f"member{index}"
