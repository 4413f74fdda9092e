"""Plain objects (dicts, lists and scalars): how generated code gets at their members and checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from casemgmt_async.codec.hooks import TEXT, Hook, Scope
from casemgmt_async.codec.shape import Path, Shape, key_of, pointer
from casemgmt_async.codec.users import Users
from casemgmt_async.codec.values import ShapeError, checked, wrong

__all__ = ["Plain", "check_object", "references"]

Unknown = Callable[[Path, str, Users], None]
"""Called for each member without a field, with the path of its object, its name and the users of the document."""


class Plain:
    """Access to plain objects."""

    checks = True

    def __init__(self, home: Path, unknown: Unknown) -> None:
        self.home = home
        self.met = unknown

    def member(self, node: str, _: Path, name: str, /) -> str:
        return f"{node}.get({name!r})"

    def value(self, hook: Hook, value: str, scope: Scope, /) -> str:
        return hook.plain_expression(value, scope)

    def loop(self, _: Hook | None, __: str, ___: str, ____: Scope, /) -> list[str]:
        return []  # a comprehension can be part of the test of the type

    def absent(self, _: Hook | None, value: str, __: Scope, default: str = "None", /) -> str:  # noqa: ARG002
        return f"{value} is None"

    def passed(self, value: str, _: Scope, /) -> str | None:
        usual = "value if value.__class__ is "
        return f"value if value is None or value.__class__ is {value.removeprefix(usual)}" if usual in value else None

    def unknown(self, node: str, path: Path, known: frozenset[str], shape: Shape, scope: Scope, /) -> Iterable[str]:
        names = scope.name("_".join(("KNOWN", *path)), known)
        few = [f"{name!r} in {node}" for name in sorted(known)] if len(known) < 3 else []
        # The first test is for speed: it is true for what the service usually sends.
        usual = f"len({node}) == {len(known)} and {' and '.join(few)} or " if few else ""
        yield f"if not ({usual}{node}.keys() <= {names}):"
        extra = "extra" if shape.extra else "{}"
        yield f"    {scope.name('keep', self.keep)}({extra}, {node}, {names}, {path!r}, users)"

    def empty(self, _: Path, /) -> Any:
        return {}

    def keep(
        self, extra: dict[str, Any], node: dict[str, Any], known: frozenset[str], path: Path, users: Users
    ) -> None:
        """Keep the members without a field in `extra`."""
        for name in sorted(node.keys() - known):
            try:
                value = checked(node[name])
            except ShapeError as error:
                error.within(name)
                raise
            extra[key_of(self.home, (*path, name))] = value
            self.met(path, name, users)


def check_object(raw: Any) -> None:
    """Refuse what is not an object."""
    if not isinstance(raw, dict):
        wrong("object", raw)


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
