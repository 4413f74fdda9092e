"""Custom attributes as a case type configures them; their values on a case are `CustomAttribute`."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, Resource, inside
from casemgmt_async.models.cases import CustomAttributeType

__all__ = ["AttributeOption", "CustomAttributeConfig"]


@frozen
class AttributeOption(Model):
    """One value that an attribute of the type SELECT allows."""

    value: str | None = None
    """Value."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class CustomAttributeConfig(Resource):
    """A custom attribute that a case type has: its key, its name and the type of its values."""

    resource_type: ClassVar[str] = "custom_attribute"

    key: str | None = None
    """The key, as case operations take it."""
    display_name: str | None = None
    """Display name."""
    description: str | None = None
    """What the attribute is for."""
    type: CustomAttributeType | None = None
    """The type of its values."""
    is_multi: bool | None = None
    """Whether a case can have several values."""
    options: tuple[AttributeOption, ...] = inside("type_data", "options", factory=tuple)
    """The values that a SELECT allows."""
    map_from: str | None = None
    """The field of a case that the values are copied from."""
    case_type_id: str | None = None
    """The id of the case type that has it."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
