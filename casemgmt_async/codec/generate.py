"""The generator of structure functions, as `cattrs.gen` has one.

For each model it can write two functions. Both have the same lines, in the same order; they differ
in how they get at a member (`Access`):

- over plain objects, where each value has to be checked and each error needs its path;
- over the msgspec struct of the model (see `wire`), where msgspec has checked the types already.

`docs/models.md` shows both for one model.
"""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final, Protocol

import attrs

from casemgmt_async.codec.hooks import TEXT, USER_ERRORS, Hook, Scope, SequenceHook
from casemgmt_async.codec.shape import Leaf, Node, Path, Shape, key_of, origin_of, pointer
from casemgmt_async.codec.values import ShapeError, checked, missing, wrong
from casemgmt_async.models.base import ReceivedExtra
from casemgmt_async.models.users import User

__all__ = ["Access", "Plain", "current_users", "structure_function"]


class Users(dict[str, User]):
    """Users of one document, by id."""

    __slots__ = ("serial",)

    def __init__(self) -> None:
        self.serial = next(serials)


serials: Final = itertools.count()
"""Numbers for documents, to tell whether two members came in the same one."""


class NoUsers(Users):
    """Users outside a document: nothing is shared."""

    __slots__ = ()

    def setdefault(self, _: str, user: User) -> User:
        return user


current_users: Final[ContextVar[Users]] = ContextVar("current_users", default=NoUsers())  # noqa: B039
"""The users of the document that is being read, by id: one object for each user."""
Unknown = Callable[[Path, str], None]
"""Called for each member without a field, with the path of its object and its name."""


class Access(Protocol):
    """How generated code gets at the members of an object."""

    checks: bool
    """Whether the code has to check types."""

    def member(self, node: str, path: Path, name: str) -> str:
        """Write the code for a member, None where it is absent."""

    def value(self, hook: Hook, value: str, scope: Scope) -> str:
        """Write the code that converts a value."""

    def absent(self, hook: Hook | None, value: str, scope: Scope, default: str = "None") -> str:
        """Write the test whether a member is absent or null; without a hook, of an object."""

    def passed(self, value: str, scope: Scope) -> str | None:
        """Write the shortest code for a value that is None where absent; None where there is none shorter."""

    def unknown(self, node: str, path: Path, known: frozenset[str], shape: Shape, scope: Scope) -> Iterable[str]:
        """Write the lines that keep the members without a field."""

    def empty(self, path: Path) -> Any:
        """Return what stands for an object that is absent."""


class Plain:
    """Access to plain objects: dicts, lists and scalars."""

    checks = True

    def __init__(self, unknown: Unknown) -> None:
        self.met = unknown

    def member(self, node: str, _: Path, name: str) -> str:
        return f"{node}.get({name!r})"

    def value(self, hook: Hook, value: str, scope: Scope) -> str:
        return hook.plain_expression(value, scope)

    def absent(self, _: Hook | None, value: str, __: Scope, default: str = "None") -> str:  # noqa: ARG002
        return f"{value} is None"

    def passed(self, value: str, _: Scope) -> str | None:
        usual = "value if value.__class__ is "
        return f"value if value is None or value.__class__ is {value.removeprefix(usual)}" if usual in value else None

    def unknown(self, node: str, path: Path, known: frozenset[str], shape: Shape, scope: Scope) -> Iterable[str]:
        names = scope.name("_".join(("KNOWN", *path)), known)
        few = [f"{name!r} in {node}" for name in sorted(known)] if len(known) < 3 else []
        # The first test is for speed: it is true for what the service usually sends.
        usual = f"len({node}) == {len(known)} and {' and '.join(few)} or " if few else ""
        yield f"if not ({usual}{node}.keys() <= {names}):"
        extra = "extra" if shape.extra else "{}"
        yield f"    {scope.name('keep', self.keep)}({extra}, {node}, {names}, {path!r}, {shape.home!r})"

    def empty(self, _: Path) -> Any:
        return {}

    def keep(self, extra: dict[str, Any], node: dict[str, Any], known: frozenset[str], path: Path, home: Path) -> None:
        """Keep the members without a field in `extra`."""
        for name in sorted([name for name in node if name not in known]):
            try:
                value = checked(node[name])
            except ShapeError as error:
                error.within(name)
                raise
            extra[name if path == home and name[:1] != "/" else pointer((*path, name))] = value
            self.met(path, name)


def structure_function(shape: Shape, hooks: Mapping[str, Hook], access: Access, name: str) -> Callable[[Any], Any]:
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

    def function(self) -> Callable[[Any], Any]:
        """Write the function and compile it."""
        body = self.body()
        if self.access.checks:
            error = self.scope.name("ShapeError", ShapeError)
            body = [
                "at = ()",
                "try:",
                *indented(body),
                f"except {error} as error:",
                "    error.within(*at)",
                "    raise",
            ]
        source = "\n".join([f"def {self.name}(raw):", *indented(body)]) + "\n"
        file = f"<casemgmt_async {self.name} {id(self):x}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # for tracebacks and docs
        exec(compile(source, file, "exec"), self.scope.names)  # noqa: S102 - made from our tables, with names quoted
        function: Callable[[Any], Any] = self.scope.names[self.name]
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
        if any(leaf.target for leaf in shape.leaves):
            lines.append(f"users = {scope.name('current_users', current_users)}.get()")
        if self.access.checks:
            self.check_object("raw")
        self.node(shape.root, "raw")
        if self.draft is None:
            self.at(())
            lines.append(f"return {scope.name('construct', construct)}({model}, values)")
        else:
            lines.extend([f"obj.__class__ = {model}", "return obj"])
        return lines

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
            self.lines.append(f"{inner} = {self.access.member(var, node.path, name)}")
            if self.access.checks or not child.required:  # msgspec has refused a document without a required object
                empty = self.scope.name(f"no_{inner}", self.access.empty(child.path))
                self.lines.append(f"if {self.access.absent(None, inner, self.scope)}:")
                self.lines.append(f"    {inner} = {empty}")
            if self.access.checks:
                self.check_object(inner, "elif")
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
        user = scope.name("User", User)
        many = origin_of(leaf.type) is not None
        kind = leaf.type.__args__[0] if many else leaf.type
        one = "users.get({0}) or users.setdefault({0}, {1}({0}))" if kind is User else "{0}"
        if many and self.access.checks:
            read = scope.name("references", references)
            value = f"tuple([{one.format('item', user)} for item in {read}(linked, {leaf.target!r}, extra, {path!r})])"
        elif many:
            value = f"tuple([{one.format('item.id', user)} for item in linked])"
        else:
            if leaf.default is None:
                self.require("linked is None", leaf)
            outer, self.lines = self.lines, []
            if self.access.checks:
                self.check_object("linked")
            self.lines.extend(self.access.unknown("linked", path, frozenset({"id", "type"}), self.shape, scope))
            self.tag("linked", path, leaf.target or "")
            self.at((*path, "id"))
            self.lines.append(f"id_ = {self.access.member('linked', path, 'id')}")
            if (identity := self.value_of(TEXT, "id_")) != "id_":
                self.lines.append(f"id_ = {identity}")
            lines, self.lines = self.lines, outer
            self.lines.extend([f"if not ({self.access.absent(None, 'linked', scope)}):", *indented(lines)])
            value = one.format("id_", user)
        self.store(leaf, None, value, "linked")

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
)


def check_object(raw: Any) -> None:
    """Refuse what is not an object."""
    if not isinstance(raw, dict):
        wrong("object", raw)


def indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def references(raw: Any, target: str, extra: dict[str, Any], path: Path) -> list[str]:
    """Read the ids of a relationship to many; keep what else their objects hold in `extra`."""
    if not isinstance(raw, list):
        wrong("array", raw)
    found: list[str] = []
    try:
        for entry in raw:
            found.append(reference_id(entry, target, extra, (*path, str(len(found)))))
    except ShapeError as error:
        error.within(len(found))
        raise
    return found


def reference_id(raw: Any, target: str, extra: dict[str, Any], path: Path) -> str:
    """Read the id of one resource that a relationship points to."""
    if not isinstance(raw, dict):
        wrong("object", raw)
    for name in sorted(raw.keys() - {"id"}):
        try:
            if name == "type":
                kind = raw[name]
                if kind is None or TEXT.read(kind) == target:
                    continue
            extra[pointer((*path, name))] = checked(raw[name])
        except ShapeError as error:
            error.within(name)
            raise
    try:
        identity: str = TEXT.read(raw.get("id"))
    except ShapeError as error:
        error.within("id")
        raise
    return identity


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
