"""Derive the type of a custom attribute, and whether it is multi-valued, from the value that a caller passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, TypeAlias

from casemgmt_async.endpoints.bodies import is_given
from casemgmt_async.endpoints.checks import FILLED, FLAG, allow_none, is_filled, shown
from casemgmt_async.endpoints.literals import CustomAttributeTypeName
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models import UNSET, CustomAttribute, CustomAttributeType, Unset

__all__ = ["AttributeValue", "custom_attribute", "typed_attributes"]

AttributeValue: TypeAlias = str | float | Sequence[str] | Sequence[float]
"""Plain value of a custom attribute: a text or a number, or a list of them."""

TAKES_NUMBERS: Final = {
    CustomAttributeType.NUMBER: True,
    CustomAttributeType.TEXT: False,
    CustomAttributeType.URL: False,
    CustomAttributeType.SELECT: False,
}


def custom_attribute(
    argument: str,
    value: Any,
    type: CustomAttributeType | CustomAttributeTypeName | Unset | None = None,
    is_multi: bool | Unset | None = None,
) -> CustomAttribute:
    """Make a custom attribute from a plain value; `type` and `is_multi` are derived from it when they are left out.

    Raises `InvalidArgumentError` if they do not fit the value.
    """
    allow_none(FILLED, type=type)
    allow_none(FLAG, is_multi=is_multi)
    many = isinstance(value, (list, tuple))
    items = value if many else [value]
    numbers = bool(items) and all(map(is_number, items))
    if not numbers and not all(isinstance(item, str) for item in items):
        raise InvalidArgumentError(
            argument, f"must be text, a finite number, a list of texts or a list of numbers, not {shown(value)}"
        )
    if not items and not is_given(type):
        raise InvalidArgumentError(argument, "must not be empty if `type` is left out")
    derived = CustomAttributeType.NUMBER if numbers else CustomAttributeType.TEXT
    kind = derived if type is None or isinstance(type, Unset) else CustomAttributeType(type)
    if items and TAKES_NUMBERS.get(kind, numbers) is not numbers:
        raise InvalidArgumentError(
            argument, f"must be {'a number' if TAKES_NUMBERS[kind] else 'text'} for the type {kind}"
        )
    if is_given(is_multi) and is_multi is not many:
        raise InvalidArgumentError(argument, f"must {'' if is_multi else 'not '}be a list where is_multi is {is_multi}")
    return CustomAttribute(type=kind, value=list(items) if many else value, is_multi=many)


def is_number(item: Any) -> bool:
    """Say whether a value is a finite number; True and False are not numbers."""
    return type(item) is int or (isinstance(item, float) and isfinite(item))


def typed_attributes(
    argument: str, values: Mapping[str, CustomAttribute | AttributeValue] | Unset | None
) -> dict[str, CustomAttribute] | Unset:
    """Apply `custom_attribute` to a mapping of keys to plain values or `CustomAttribute` objects."""
    if values is None or isinstance(values, Unset):
        return UNSET
    if not isinstance(values, Mapping) or not all(map(is_filled, values)):
        raise InvalidArgumentError(argument, f"must map keys, which are texts, to values, not {shown(values)}")
    return {key: checked_attribute(f"{argument}[{key!r}]", value) for key, value in values.items()}


def checked_attribute(argument: str, value: Any) -> CustomAttribute:
    """Make a custom attribute from a plain value, or check one that is complete."""
    if isinstance(value, CustomAttribute):
        return custom_attribute(argument, value.value, value.type, value.is_multi)
    return custom_attribute(argument, value)
