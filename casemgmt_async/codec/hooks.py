"""Structure hooks for everything inside a resource.

cattrs calls a hook with plain objects. The code that the generator writes for a struct does not call
these hooks: it contains what they do (`wire` and `expression`), and so gives the same result. A hook
that a user registered is called by both.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import cattrs
import msgspec

from casemgmt_async.codec.values import ShapeError, checked, day, in_utc, instant, wrong

__all__ = [
    "SCALARS",
    "TEXT",
    "USER_ERRORS",
    "AnyHook",
    "EnumHook",
    "Hook",
    "MappingHook",
    "Scope",
    "SequenceHook",
    "TextHook",
    "hook_for",
]

USER_ERRORS: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, cattrs.BaseValidationError)
"""What a hook of a user may raise for a value that does not fit."""
SAME: Final = "item"
SAME_OR_EMPTY: Final = "(item or [])"
"""The code for an item that is not converted."""


class Scope:
    """The names that a generated function uses, and their values."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def name(self, hint: str, value: Any) -> str:
        """Return the name of an object, which begins with `hint`."""
        hint = "".join(letter if letter.isalnum() else "_" for letter in hint)
        name, count = hint, 1
        while name in self.names and self.names[name] != value:
            count += 1
            name = f"{hint}{count}"
        self.names[name] = value
        return name


class Hook:
    """A structure hook, and how to write it in place.

    This class wraps the hook that a user registered for a type; the subclasses are ours.
    """

    nullable = False
    """Whether null is a value, and not the same as absent."""
    never_false = False
    """Whether all that msgspec reads for it is true in a condition."""

    def __init__(self, kind: Any, structure: Callable[[Any, Any], Any] | None = None) -> None:
        self.kind = kind
        self.structure = structure

    def __call__(self, raw: Any, kind: Any = None) -> Any:
        return self.read(raw) if kind is None or kind == self.kind else self.narrowed(kind).read(raw)

    def narrowed(self, kind: Any) -> Hook:
        """Return the hook for a subclass, for which cattrs calls the hook of its base."""
        return Hook(kind, lambda raw, kind: kind(self.read(raw)))

    def read(self, raw: Any) -> Any:
        """Structure plain objects. Raises `ShapeError`."""
        assert self.structure is not None
        try:
            return self.structure(raw, self.kind)
        except USER_ERRORS as error:
            raise ShapeError(str(error) or type(error).__name__) from error

    def wire(self) -> Any:
        """Return the type that msgspec reads for it."""
        return Any

    def expression(self, value: str, scope: Scope, /) -> str:
        """Write the code that converts what msgspec read."""
        return self.plain_expression(value, scope)

    def loop(self, target: str, value: str, scope: Scope, /) -> list[str]:  # noqa: ARG002
        """Write the lines that assign what `expression` gives, where a loop is faster; empty where it is not."""
        return []

    def plain_expression(self, value: str, scope: Scope) -> str:
        """Write the code that converts a plain object."""
        return f"{scope.name('read_' + getattr(self.kind, '__name__', 'value'), self.read)}({value})"


class AnyHook(Hook):
    """Any JSON value, as it came, unless it is nested too deeply."""

    nullable = True
    FLAT: Final = frozenset({str, int, float, bool, type(None)})

    def read(self, raw: Any) -> Any:
        return checked(raw)

    def plain_expression(self, value: str, scope: Scope) -> str:
        flat = scope.name("FLAT", self.FLAT)
        return f"{value} if {value}.__class__ in {flat} else {scope.name('checked', checked)}({value})"


class ScalarHook(Hook):
    """A text, a number or a boolean, without conversion."""

    def read(self, raw: Any) -> Any:
        if raw.__class__ is self.kind:
            return raw
        try:
            return msgspec.convert(raw, self.wire())
        except msgspec.ValidationError as error:
            raise ShapeError(str(error)) from None

    def wire(self) -> Any:
        return int | float if self.kind is float else self.kind

    def expression(self, value: str, _: Scope, /) -> str:
        return value

    def plain_expression(self, value: str, scope: Scope) -> str:
        return f"{value} if {value}.__class__ is {self.kind.__name__} else {super().plain_expression(value, scope)}"


SCALARS: Final[dict[Any, ScalarHook]] = {kind: ScalarHook(kind) for kind in (str, int, float, bool)}
TEXT: Final = SCALARS[str]


class TextHook(Hook):
    """A time or a date, which is written as a text."""

    never_false = True

    def read(self, raw: Any) -> Any:
        try:
            return instant(raw) if self.kind is datetime else day(raw)
        except (msgspec.MsgspecError, ValueError, OverflowError, TypeError):
            TEXT.read(raw)  # raises for a value of another type, which is the rare case
            raise ShapeError(f"not a {self.kind.__name__}: {raw!r:.60}") from None

    def wire(self) -> Any:
        return Annotated[str, msgspec.Meta(min_length=1)]

    def expression(self, value: str, scope: Scope, /) -> str:
        if self.kind is date:
            return f"{scope.name('day', day)}({value})"
        from_text, utc = scope.name("from_text", datetime.fromisoformat), scope.name("UTC", UTC)
        return f"moment if (moment := {from_text}({value})).tzinfo is {utc} else {scope.name('in_utc', in_utc)}(moment)"


class EnumHook(Hook):
    """An open enum."""

    def narrowed(self, kind: Any) -> Hook:
        return EnumHook(kind)

    def read(self, raw: Any) -> Any:
        return self.kind(TEXT.read(raw))

    def wire(self) -> Any:
        return self.kind

    def expression(self, value: str, _: Scope, /) -> str:
        return value

    def plain_expression(self, value: str, scope: Scope) -> str:
        known = scope.name(self.kind.__name__, {member.value: member for member in self.kind})
        read = super().plain_expression(value, scope)
        return f"{value}.__class__ is str and {known}.get({value}) or {read}"


class SequenceHook(Hook):
    """An array, as a list or a tuple. Null is an empty one, as programs written in Go send it."""

    nullable = True

    def __init__(self, kind: Any, item: Hook) -> None:
        super().__init__(kind)
        self.item = item
        self.make: Any = typing.get_origin(kind)

    def read(self, raw: Any) -> Any:
        if raw is None:
            return self.make()
        if not isinstance(raw, list):
            wrong("array", raw)
        read = self.item.read
        try:
            return self.make([read(entry) for entry in raw])
        except ShapeError as error:
            error.within(place_of_error(read, enumerate(raw)))
            raise

    def wire(self) -> Any:
        return list[item_wire(self.item)]  # type: ignore[misc]

    def expression(self, value: str, scope: Scope, /) -> str:
        item = item_expression(self.item, scope)
        items = value if item == SAME else f"[{item} for item in {value}]"
        return items if self.make is list else f"tuple({items})"

    def loop(self, target: str, value: str, scope: Scope, /) -> list[str]:
        item = item_expression(self.item, scope)
        if item == SAME:
            return []
        made = "items" if self.make is list else "tuple(items)"
        return ["items = []", f"for item in {value}:", f"    items.append({item})", f"{target} = {made}"]

    def plain_expression(self, value: str, scope: Scope) -> str:
        items = f"[{self.item.plain_expression('item', scope)} for item in {value}]"
        made = items if self.make is list else f"tuple({items})"
        return f"{made} if {value}.__class__ is list else {super().plain_expression(value, scope)}"


class MappingHook(Hook):
    """An object whose member names are data."""

    def __init__(self, kind: Any, item: Hook) -> None:
        super().__init__(kind)
        self.item = item

    def read(self, raw: Any) -> Any:
        if not isinstance(raw, dict):
            wrong("object", raw)
        read = self.item.read
        try:
            return {key: read(entry) for key, entry in raw.items()}
        except ShapeError as error:
            error.within(place_of_error(read, raw.items()))
            raise

    def wire(self) -> Any:
        return dict[str, item_wire(self.item)]  # type: ignore[misc]

    def expression(self, value: str, scope: Scope, /) -> str:
        item = item_expression(self.item, scope)
        if item == SAME:
            return value
        made = f"{{key: {item} for key, item in {value}.items()}}"
        return f"{value} if all({value}.values()) else {made}" if item == SAME_OR_EMPTY else made

    def loop(self, target: str, value: str, scope: Scope, /) -> list[str]:
        item = item_expression(self.item, scope)
        if item in (SAME, SAME_OR_EMPTY):
            return []
        return ["items = {}", f"for key, item in {value}.items():", f"    items[key] = {item}", f"{target} = items"]

    def plain_expression(self, value: str, scope: Scope) -> str:
        made = f"{{key: {self.item.plain_expression('item', scope)} for key, item in {value}.items()}}"
        return f"{made} if {value}.__class__ is dict else {super().plain_expression(value, scope)}"


def item_wire(item: Hook) -> Any:
    """Return what msgspec reads for an item of a collection: an array may be null there."""
    return item.wire() | None if isinstance(item, SequenceHook) else item.wire()


def item_expression(item: Hook, scope: Scope) -> str:
    """Write the code that converts an item of a collection."""
    if isinstance(item, SequenceHook):
        return item.expression(SAME_OR_EMPTY, scope)
    return item.expression(SAME, scope)


def place_of_error(read: Callable[[Any], Any], entries: Iterable[tuple[Any, Any]]) -> Any:
    """Return the place of the first entry that does not fit. Looking for it again keeps the usual way short."""
    place = None
    for place, entry in entries:  # noqa: B007 - is returned
        try:
            read(entry)
        except ShapeError:
            break
    return place


def hook_for(converter: cattrs.Converter, kind: Any) -> Hook:
    """Return the hook that a converter has for a type."""
    hook = converter.get_structure_hook(kind)
    if not isinstance(hook, Hook):
        return Hook(kind, hook)
    return hook if hook.kind == kind else hook.narrowed(kind)
