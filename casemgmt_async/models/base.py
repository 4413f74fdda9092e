"""What every model shares: open enums, the base of resources, and the place of a field in a document.

A field without a place is the attribute of its own name: adding one to a model is one line. The
functions here say where the others stand. They only describe; the codec reads them from the
fields' metadata and is the only one who acts on them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen

__all__ = ["PLACE", "RELATED", "Extra", "OpenEnum", "Resource", "inside", "related", "wire_of"]

PLACE: Final = "casemgmt.place"
"""Metadata: the names that lead to the field from the attributes, or from a value's own object."""
RELATED: Final = "casemgmt.related"
"""Metadata: the relationship that the field stands for, and the type of what it points to."""


class OpenEnum(enum.StrEnum):
    """Texts of which we know some.

    A value we do not know becomes a member too, equal to its text and to any other of the same
    text, and is sent back as it came. Such members are not kept anywhere: compare with `==`.
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
        """Whether this library has a name for the value."""
        return self._value_ in type(self)._value2member_map_


@frozen
class Resource:
    """What has an identity of its own."""

    resource_type: ClassVar[str]
    """The JSON:API type."""

    id: str
    """The service's identifier."""
    _wire: Any = field(default=None, kw_only=True, alias="_wire", repr=False, eq=False)
    # ^ what the service sent, so that what is not changed is given back letter by letter

    def __init_subclass__(cls) -> None:
        cls.__hash__ = Resource.__hash__  # type: ignore[method-assign]  # equal resources have equal ids

    def __hash__(self) -> int:
        return hash(self.id)


def wire_of(answer: Any) -> Any:
    """Give what a model, a page or a list was made from; None for what was not received."""
    return getattr(answer, "_wire", None)


def inside(*names: str, **options: Any) -> Any:
    """Place a field deeper in, or under another name: `inside("result", "issue_key")`."""
    if "factory" not in options:
        options.setdefault("default", None)
    return field(metadata={PLACE: names}, **options)


def related(name: str, target: str, **options: Any) -> Any:
    """Place a field in the relationship `name`, which points to resources of the type `target`.

    The field's own type says the rest: a `User` or a text (its id), or a tuple of either.
    """
    if "factory" not in options:
        options.setdefault("default", None)
    return field(metadata={RELATED: (name, target)}, **options)


Extra = Mapping[str, Any]
"""What the service sent and a model has no field for.

An unknown attribute stands under its name, anything else under its JSON pointer, such as
`/relationships/incidents`; what stands beside `data` in the document, under a pointer with two
slashes, such as `//meta`.
"""
