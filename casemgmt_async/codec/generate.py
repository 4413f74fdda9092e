"""The generator of structure functions, as `cattrs.gen` has one.

For each model it can write two functions. Both have the same lines, in the same order; they differ
in how they get at a member (`Access`):

- over plain objects, where each value has to be checked and each error needs its path;
- over the msgspec struct of the model (see `wire`), where msgspec has checked the types already.

`docs/models.md` shows both for one model.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import attrs

from casemgmt_async.codec.hooks import TEXT, USER_ERRORS, Hook, MappingHook, Scope, SequenceHook
from casemgmt_async.codec.plain import check_object, references
from casemgmt_async.codec.shape import Leaf, Node, Path, Shape, key_of, origin_of
from casemgmt_async.codec.users import Users
from casemgmt_async.codec.values import ShapeError, checked, missing
from casemgmt_async.models.base import ReceivedExtra
from casemgmt_async.models.users import User

__all__ = ["Access", "Function", "structure_function"]


Function = Callable[[Any, Users], Any]
"""A generated function. It takes what was parsed and the users of the document."""


class Access(Protocol):
    """How generated code gets at the members of an object."""

    checks: bool
    """Whether the code has to check types."""

    def member(self, node: str, path: Path, name: str, /) -> str:
        """Write the code for a member, None where it is absent."""
        ...

    def value(self, hook: Hook, value: str, scope: Scope, /) -> str:
        """Write the code that converts a value."""
        ...

    def loop(self, hook: Hook | None, target: str, value: str, scope: Scope, /) -> list[str]:
        """Write the lines that assign a converted value, where a loop is faster; empty where it is not."""
        ...

    def absent(self, hook: Hook | None, value: str, scope: Scope, default: str = "None", /) -> str:
        """Write the test whether a member is absent or null; without a hook, of an object."""
        ...

    def passed(self, value: str, scope: Scope, /) -> str | None:
        """Write the shortest code for a value that is None where absent; None where there is none shorter."""
        ...

    def unknown(self, node: str, path: Path, known: frozenset[str], shape: Shape, scope: Scope, /) -> Iterable[str]:
        """Write the lines that keep the members without a field."""
        ...

    def empty(self, path: Path, /) -> Any:
        """Return what stands for an object that is absent."""
        ...


def structure_function(shape: Shape, hooks: Mapping[str, Hook], access: Access, name: str) -> Function:
    """Generate the function that makes a model of what `access` reads."""
    return FunctionWriter(shape, hooks, access, name).function()


class FunctionWriter:
    """Writes one function."""

    def __init__(self, shape: Shape, hooks: Mapping[str, Hook], access: Access, name: str) -> None:
        self.shape = shape
        self.hooks = hooks
        self.access = access
        self.name = name
        self.scope = Scope()
        self.lines: list[str] = []
        self.draft = draft_of(shape.model)
        """The class to fill in; None where the constructor has to be called."""

    def function(self) -> Function:
        """Write the function and compile it."""
        body = self.body()
        if self.access.checks:
            error, first, located = self.scope.name("ShapeError", ShapeError), "at = ()", "error.within(*at)"
            if collections := self.collections():
                first = "at, value = (), None"
                place, readers = self.scope.name("place_error", place_error), self.scope.name("READERS", collections)
                located = f"{place}(error, at, {readers}.get(at), value)"
            body = [first, "try:", *indented(body), f"except {error} as error:", f"    {located}", "    raise"]
        source = "\n".join([f"def {self.name}(raw, users):", *indented(body)]) + "\n"
        file = f"<casemgmt_async {self.name} {id(self):x}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # for tracebacks and docs
        exec(compile(source, file, "exec"), self.scope.names)  # noqa: S102 - made from our tables, with names quoted
        function: Function = self.scope.names[self.name]
        return function

    def body(self) -> list[str]:
        """Write the lines of the function."""
        shape, scope, lines = self.shape, self.scope, self.lines
        model = scope.name(shape.model.__name__, shape.model)
        if self.draft is None:
            lines.append("values = {}")
        else:
            new, draft = scope.name("new", object.__new__), scope.name(f"{shape.model.__name__}Draft", self.draft)
            lines.append(f"obj = {new}({draft})")
        if shape.extra:
            made = f"{scope.name('ReceivedExtra', ReceivedExtra)}()" if shape.tag else "{}"
            lines.append(f"{'obj.extra' if self.draft else VALUES.format('extra')} = extra = {made}")
            if shape.tag:
                lines.append("extra.wire = raw")
        if self.access.checks:
            self.check_object("raw")
        self.node(shape.root, "raw")
        if self.draft is None:
            self.at(())
            lines.append(f"return {scope.name('construct', construct)}({model}, values)")
        else:
            lines.extend([f"obj.__class__ = {model}", "return obj"])
        return lines

    def collections(self) -> dict[Path, Callable[[Any], Any]]:
        """Return what reads the fields that hold several values, by path: an error in them has a longer path."""
        return {
            (*leaf.path[:-1], name): hook.read
            for leaf in self.shape.leaves
            if isinstance(hook := self.hooks.get(leaf.name), SequenceHook | MappingHook)
            for name in (leaf.path[-1], leaf.alternative)
            if name
        }

    # --- objects ---

    def node(self, node: Node, var: str) -> None:
        """Write the lines that read an object."""
        tag = self.shape.tag if node is self.shape.root else None
        known = node.names | {"type"} if tag else node.names
        self.lines.extend(self.access.unknown(var, node.path, known, self.shape, self.scope))
        if tag:
            self.tag(var, node.path, tag)
        for name in sorted(node.children):
            child = node.children[name]
            if isinstance(child, Leaf):
                self.reference(child, var) if child.target else self.leaf(child, var)
                continue
            inner = self.scope_free("_".join(child.path))
            self.at(child.path)
            read = self.access.member(var, node.path, name)
            if self.access.checks:
                empty = self.scope.name(f"no_{inner}", self.access.empty(child.path))
                self.lines.extend([f"{inner} = {read}", f"if {inner} is None:", f"    {inner} = {empty}"])
                self.check_object(inner, "elif")
            elif child.required:  # msgspec has refused a resource without it
                self.lines.append(f"{inner} = {read}")
            else:
                empty = self.scope.name(f"no_{inner}", self.access.empty(child.path))
                self.lines.append(f"{inner} = {read} or {empty}")
            self.node(child, inner)

    def tag(self, var: str, path: Path, tag: str) -> None:
        """Write the lines that keep a type which is not the expected one; the struct accepts no other."""
        if not self.access.checks:
            return
        self.at((*path, "type"))
        self.lines.append(f"type_ = {self.access.member(var, path, 'type')}")
        self.lines.append(f"if type_ != {tag!r} and type_ is not None:")
        kept, key = self.value_of(TEXT, "type_"), key_of(self.shape.home, (*path, "type"))
        self.lines.append(f"    extra[{key!r}] = {kept}" if self.shape.extra else f"    {kept}")

    def check_object(self, var: str, word: str = "if") -> None:
        self.lines.append(f"{word} {var}.__class__ is not dict:")
        self.lines.append(f"    {self.scope.name('check_object', check_object)}({var})")

    # --- fields ---

    def leaf(self, leaf: Leaf, var: str) -> None:
        """Write the lines that read a field."""
        node, hook = leaf.path[:-1], self.hooks[leaf.name]
        self.at(leaf.path)
        read = self.access.member(var, node, leaf.path[-1])
        value = self.value_of(hook, "value")
        empty = isinstance(hook, SequenceHook) and leaf.default is None and not self.access.checks
        if empty:
            value = f"{hook.make.__name__}() if value is None else {value}"  # type: ignore[attr-defined]
        self.lines.append(f"value = {read}")
        if leaf.alternative:
            self.alternative(leaf, var, hook)
        if leaf.default is None:
            self.require(f"{leaf.path[-1]!r} not in {var}" if hook.nullable else "value is None", leaf)
        self.store(leaf, hook, value)

    def alternative(self, leaf: Leaf, var: str, hook: Hook) -> None:
        """Write the lines that read a field under its second name."""
        path = (*leaf.path[:-1], leaf.alternative or "")
        self.lines.append(f"other = {self.access.member(var, path[:-1], path[-1])}")
        self.lines.append(f"if {self.access.absent(hook, 'value', self.scope)}:")
        self.lines.append("    value = other")
        if self.access.checks:
            self.lines.append(f"    at = {path!r}")
        if self.shape.extra:
            self.lines.append(f"elif not ({self.access.absent(hook, 'other', self.scope)}):")
            any_value = f"{self.scope.name('checked', checked)}(other)"
            self.lines.append(f"    extra[{key_of(self.shape.home, path)!r}] = {any_value}")

    def reference(self, leaf: Leaf, var: str) -> None:
        """Write the lines that read what a relationship points to."""
        path, scope = leaf.path, self.scope
        self.at(path)
        self.lines.append(f"linked = {self.access.member(var, path[:-1], path[-1])}")
        many = origin_of(leaf.type) is not None
        one = "users[{}]" if (leaf.type.__args__[0] if many else leaf.type) is User else "{}"
        if many and self.access.checks:
            read = scope.name("references", references)
            value = f"tuple([{one.format('item')} for item in {read}(linked, {leaf.target!r}, extra, {path!r})])"
        elif many:
            value = f"tuple([{one.format('item.id')} for item in linked])"
        else:
            if leaf.default is None:
                self.require("linked is None", leaf)
            value = one.format(self.linked(leaf))
        self.store(leaf, None, value, "linked")

    def linked(self, leaf: Leaf) -> str:
        """Write the lines that read the object of a relationship to one; return the code for its id."""
        path = leaf.path
        outer, self.lines = self.lines, []
        if self.access.checks:
            self.check_object("linked")
        self.lines.extend(self.access.unknown("linked", path, frozenset({"id", "type"}), self.shape, self.scope))
        self.tag("linked", path, leaf.target or "")
        identity = self.access.member("linked", path, "id")
        if self.access.checks:
            self.at((*path, "id"))
            self.lines.extend([f"id_ = {identity}", f"id_ = {self.value_of(TEXT, 'id_')}"])
            identity = "id_"
        lines, self.lines = self.lines, outer
        if lines:
            self.lines.extend([f"if not ({self.access.absent(None, 'linked', self.scope)}):", *indented(lines)])
        return identity

    # --- pieces ---

    def value_of(self, hook: Hook, var: str) -> str:
        return self.access.value(hook, var, self.scope)

    def at(self, path: Path) -> None:
        """Say where the following lines are, for errors."""
        if self.access.checks:
            self.lines.append(f"at = {path!r}")

    def require(self, condition: str, leaf: Leaf) -> None:
        """Write the test of a field without a default; msgspec has made it for one with a single name."""
        if leaf.alternative:
            condition = self.access.absent(self.hooks.get(leaf.name), "value", self.scope)
        if self.access.checks or leaf.alternative:
            self.lines.extend([f"if {condition}:", f"    {self.scope.name('missing', missing)}()"])

    def default(self, leaf: Leaf) -> str:
        """Write the default of a field."""
        if leaf.default is None:
            return "None"
        value = leaf.default()
        if value is None or value in ((), {}, [], 0):
            return repr(value)
        return f"{self.scope.name(f'default_{leaf.name}', leaf.default)}()"

    def store(self, leaf: Leaf, hook: Hook | None, value: str, var: str = "value") -> None:
        """Write the line that sets a field from the variable `var`, to its default where that is absent."""
        default = self.default(leaf)
        absent = self.access.absent(hook, var, self.scope, default)
        if self.draft is None:
            self.lines.append("if True:" if leaf.default is None else f"if not ({absent}):")
            self.lines.append(f"    {VALUES.format(leaf.alias)} = {value}")
        elif leaf.default is None:
            self.lines.append(f"obj.{leaf.name} = {value}")
        elif loop := self.access.loop(hook, f"obj.{leaf.name}", var, self.scope):
            self.lines.extend([f"if {absent}:", f"    obj.{leaf.name} = {default}", "else:", *indented(loop)])
        elif default == "None" and (short := self.access.passed(value, self.scope)):
            self.lines.append(f"obj.{leaf.name} = {short}")
        else:
            self.lines.append(f"obj.{leaf.name} = {default} if {absent} else {value}")

    def scope_free(self, hint: str) -> str:
        """Return a name for a local variable."""
        name = "".join(letter if letter.isalnum() else "_" for letter in hint)
        return f"{name}_" if name in RESERVED or not name.isidentifier() else name


VALUES: Final = "values['{}']"
RESERVED: Final = frozenset(
    {"obj", "extra", "users", "raw", "at", "value", "linked", "other", "type_", "id_", "values", "type"}
    | {"items", "item", "key", "moment"}
)


def indented(lines: Iterable[str]) -> list[str]:
    """Indent lines by one level."""
    return [f"    {line}" for line in lines]


def place_error(error: ShapeError, at: Path, read: Callable[[Any], Any] | None, value: Any) -> None:
    """Complete the path of an error; reading a collection again finds the place in it."""
    if read is not None:
        try:
            read(value)
        except ShapeError as again:
            error.path = again.path
    error.within(*at)


def construct(model: Any, values: dict[str, Any]) -> Any:
    """Call a constructor that may refuse the values."""
    try:
        return model(**values)
    except USER_ERRORS as error:
        raise ShapeError(str(error) or type(error).__name__) from error


def draft_of(model: Any) -> Any:
    """Make a class of the same layout whose fields can be set; the object turns into `model` at the end.

    It skips the constructor, so a model whose constructor does more than set the fields has none.
    """
    fields = attrs.fields(model)
    if hasattr(model, "__attrs_post_init__") or any(one.converter or one.validator or not one.init for one in fields):
        return None
    opened = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(model)(model.__name__, (model,), opened)
