"""The hook of a model: JSON text, structs or plain objects to the model.

msgspec reads the text of one resource into a struct that accepts exactly the documented members and
types; generated code turns that into the model. Text that does not fit is read again, which costs more for
that one resource: into a struct that accepts other attributes too, or else into plain objects.

A member without a field that comes again and again is learned: it becomes a member of the struct.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import cattrs
import msgspec

from casemgmt_async.codec.generate import Function, structure_function
from casemgmt_async.codec.hooks import Hook, MappingHook, Scope, SequenceHook, hook_for
from casemgmt_async.codec.plain import Plain
from casemgmt_async.codec.shape import Path, shape_of
from casemgmt_async.codec.structs import Learned, OpenAccess, StructAccess
from casemgmt_async.codec.users import Users, current_users
from casemgmt_async.codec.values import ShapeError, plain

__all__ = ["LEARNED_AFTER", "MOST_LEARNED", "Form", "ModelHook", "Models"]

LEARNED_AFTER: Final = 3
"""How many documents must have an unknown member before it is learned. New code costs as much as several pages."""
MOST_LEARNED: Final = 64
"""How many unknown members of a model are learned; a service that adds fields does not reach it."""
MOST_NOTED: Final = 256
"""Number of unknown members of a model that are noted; then the notes are dropped."""
NEVER: Final[tuple[int | None, int]] = (None, 0)
ODD: Final = (msgspec.MsgspecError, ShapeError, ValueError, OverflowError)
"""What the struct or its function raises for a text that has to be read as plain objects."""


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
    """Structures one model from plain objects, from its structs or from JSON text."""

    never_false = True

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
        self.open_form_now: Form | None = None

    def read(self, raw: Any) -> Any:
        """Structure plain objects, or a struct of this model."""
        return self.read_with(raw, current_users.get())

    def read_with(self, raw: Any, users: Users) -> Any:
        """Structure plain objects, or a struct of this model, with the users of the document."""
        if isinstance(raw, msgspec.Struct):
            try:
                structure = getattr(type(raw), "__structure__", None)
                if structure:
                    return structure(raw, users)
            except ODD:
                pass
            raw = plain(raw)
        return (self.plain_function or self.compile_plain())(raw, users)

    def parse(self, text: Any) -> Any:
        """Read JSON text into the struct, or as `parse_odd` does where it does not fit."""
        form = self.form_now or self.form()
        try:
            return form.parse(text)
        except ODD:
            return self.parse_odd(text)

    def parse_odd(self, text: Any) -> Any:
        """Read JSON text that does not fit the struct: into the open struct, or into plain objects."""
        form = self.open_form_now or self.open_form()
        if form is not None:
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
            self.form_now = self.compile_form(lambda hooks: StructAccess(self.shape, hooks, self.learned))
        return self.form_now

    def open_form(self) -> Form | None:
        """Return the struct that accepts any attribute, and the function over it; None without attributes."""
        attributes = self.shape.attributes
        if self.open_form_now is None and attributes is not None:
            keep = Plain(self.shape.home, self.meet).keep
            self.open_form_now = self.compile_form(
                lambda hooks: OpenAccess(self.shape, attributes, hooks, self.learned, keep)
            )
        return self.open_form_now

    def compile_form(self, make: Callable[[dict[str, Hook]], StructAccess]) -> Form:
        """Make the structs and generate the function over them."""
        self.compiling = True  # a model inside itself is read as plain objects
        try:
            hooks = self.field_hooks()
            access = make(hooks)
            self.parts = frozenset({self}).union(*(models_in(hook) for hook in hooks.values()))
            structure = structure_function(self.shape, hooks, access, f"structure_{self.kind.__name__}_struct")
        finally:
            self.compiling = False
        struct = access.structs[()]
        struct.__structure__ = staticmethod(structure)
        return Form(struct, access.decoder(), structure)

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
                    hook.form_now = hook.open_form_now = None


def models_in(hook: Hook) -> frozenset[ModelHook]:
    """Return the hooks of the models in what a hook reads."""
    if isinstance(hook, SequenceHook | MappingHook):
        return models_in(hook.item)
    return hook.parts if isinstance(hook, ModelHook) else frozenset()
