"""What all models share. How to write a model:

    @frozen
    class Watcher(Resource):
        '''A user who is notified of changes to a case.'''

        resource_type: ClassVar[str] = "watcher"          # the JSON:API type

        note: str | None = None                           # attributes.note
        '''Free text.'''
        team: str | None = inside("origin", "team")       # attributes.origin.team
        '''The team that added the watcher.'''
        user: User | None = related("user", "user")       # relationships.user.data, of the type "user"
        '''The user who watches.'''
        extra: Extra = field(factory=dict)                # everything else that the service sent
        '''Members that the service sent and this model has no field for.'''

- `Resource` is the base of objects with an id; it declares `id`. `Model` is the base of the objects inside.
- A field is read from the attribute of its own name. `inside` reads it from another path, `related`
  from a relationship.
- A field without a default must be in every answer. Give all others the default None, or an empty
  collection: absent and `null` both read as the default.
- Field types: `str`, `int`, `float`, `bool`, `datetime`, `date`, `Any`, an `OpenEnum`, another model,
  `tuple[X, ...]`, `list[X]`, `Mapping[str, X]`, each optionally `| None`. For other types register a
  structure hook and an unstructure hook at the converter (see `codec.make_converter`).
- The text below each field is shown by `help()`, by editors and in schemas.

The functions here only describe; the codec reads the metadata and does the conversion.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen

from casemgmt_async.models.descriptions import HelpText
from casemgmt_async.models.plain import plain_data

__all__ = [
    "ALTERNATIVE",
    "PLACE",
    "RELATED",
    "Extra",
    "Model",
    "OpenEnum",
    "ReceivedExtra",
    "Resource",
    "inside",
    "related",
    "wire_of",
]

PLACE: Final = "casemgmt.place"
"""Metadata: the path of the field, from `attributes` in a resource and from the object itself in other models."""
ALTERNATIVE: Final = "casemgmt.alternative"
"""Metadata: a second name for the last step of the path, read where the first is absent."""
RELATED: Final = "casemgmt.related"
"""Metadata: the name of the relationship and the JSON:API type it points to."""

Extra = Mapping[str, Any]
"""Members that the service sent and a model has no field for.

The key of an unknown attribute is its name. The key of anything else is its JSON pointer, such as
`/relationships/incidents`. The key of a member of the document outside `data` begins with two
slashes, such as `//meta`.
"""


class OpenEnum(enum.StrEnum):
    """An enum of texts that accepts values it does not list.

    A value that is not listed becomes a member too: equal to its text, and sent back unchanged. Such
    members are not cached, so compare with `==` and not with `is`.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        return member

    @property
    def known(self) -> bool:
        """Whether the enum lists the value."""
        return type(self).__members__.get(self.name) is self


class ReceivedExtra(dict[str, Any]):
    """The `extra` of a decoded answer; it also refers to the document that the answer was read from.

    `attrs.evolve` passes `extra` on, so a changed copy can still be encoded with every unchanged
    member as it was received. `copy()` and `|` keep that too; `{**extra}` does not.
    """

    __slots__ = ("included", "wire")

    wire: Any
    """The resource, the page or the document as it was parsed."""
    included: tuple[Any, ...]
    """Users in `included` of the document."""

    def copy(self) -> ReceivedExtra:
        """Return a shallow copy that remembers the same answer."""
        return self | {}

    def __or__(self, other: Mapping[str, Any]) -> ReceivedExtra:  # type: ignore[override]
        merged = ReceivedExtra({**self, **other})
        for name in self.__slots__:
            if hasattr(self, name):
                setattr(merged, name, getattr(self, name))
        return merged


class Model:
    """Base of all models: conversion to plain data, and help that lists the fields."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        text = cls.__dict__.get("__doc__")
        if isinstance(text, str):
            cls.__doc__ = HelpText(inspect.cleandoc(text))  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name as plain data that any JSON writer takes.

        Models inside become dicts, enums texts, tuples lists, and times texts in UTC such as
        `2026-01-24T00:47:45Z`. `casemgmt_async.encode` returns the JSON:API document instead.
        """
        data: dict[str, Any] = plain_data(self)
        return data


@frozen
class Resource(Model):
    """Base of all models with an id."""

    resource_type: ClassVar[str]
    """The JSON:API type."""

    id: str
    """Identifier given by the service."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__hash__ = Resource.__hash__  # type: ignore[method-assign]  # equal resources have equal ids

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def included(self) -> tuple[Any, ...]:
        """All users in `included` of an answer that holds this resource alone; empty for an item of a page or list."""
        return getattr(getattr(self, "extra", None), "included", ())


def inside(*names: str, also: str | None = None, **options: Any) -> Any:
    """Place a field deeper, or under another name: `inside("result", "issue_key")`.

    `also` is a second name for the last step, read where the first is absent.
    """
    if "factory" not in options:
        options.setdefault("default", None)
    return field(metadata={PLACE: names, ALTERNATIVE: also}, **options)


def related(name: str, target: str, **options: Any) -> Any:
    """Read a field from the relationship `name`, which points to resources of the JSON:API type `target`.

    The field's type is `User` or `str` (the id), or a tuple of either.
    """
    if "factory" not in options:
        options.setdefault("default", None)
    return field(metadata={RELATED: (name, target)}, **options)


def wire_of(answer: Any) -> Any:
    """Return what a resource, page or list was read from; None if it was not decoded."""
    return getattr(getattr(answer, "extra", None), "wire", None)
