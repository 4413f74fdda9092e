"""Checks of request data. Each check takes a value and its name, and returns the value or refuses the request.

Answers that have been recorded are copied: a wrong JSON:API type, a wrong priority or status, a thing that is not
found, a path parameter that is not a UUID.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any, Final

from casemgmt_async.emulator.messages import BAD_JSON, ApiRequest, bad_request, refuse

__all__ = [
    "Check",
    "attributes_of",
    "boolean",
    "custom_attribute",
    "data_of",
    "day",
    "filled",
    "instant",
    "integer",
    "list_of",
    "map_of",
    "nullable",
    "number_query",
    "object_of",
    "one_of",
    "related",
    "resource",
    "text",
    "truth_query",
    "uuid",
    "uuid_path",
]

Check = Callable[[Any, str], Any]
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CUSTOM_TYPES: Final = ("URL", "TEXT", "NUMBER", "SELECT")
PATH_NAMES: Final = {"cell_id": "CommentID", "custom_attribute_id": "CustomAttributeId"}
"""How error texts call the path parameters for which one has been recorded."""


def text(value: Any, name: str) -> str:
    """Accept a string."""
    if not isinstance(value, str):
        bad_request(f"{name} must be a string")
    return value


def filled(value: Any, name: str) -> str:
    """Accept a string that is not blank."""
    if not text(value, name).strip():
        bad_request(f"{name} cannot be empty")
    return str(value)


def uuid(value: Any, name: str) -> str:
    """Accept a UUID; returns it in lower case."""
    if not isinstance(value, str) or not UUID.fullmatch(value):
        bad_request(f'{name}: invalid UUID "{value}"')
    return value.lower()


def boolean(value: Any, name: str) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        bad_request(f"{name} must be a boolean")
    return value


def integer(low: int, high: int) -> Check:
    """Make a check for whole numbers from `low` to `high`."""

    def check(value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            bad_request(f"{name} must be a whole number from {low} to {high}")
        return value

    return check


def one_of(values: Collection[str], what: str) -> Check:
    """Make a check for an enum. The refusal is the one recorded for priorities."""

    def check(value: Any, name: str) -> str:
        if text(value, name) not in values:
            refuse(400, title="Generic Error", detail=f"invalid {what} {value}. Must be one of {', '.join(values)}")
        return str(value)

    return check


def list_of(item: Check, low: int = 0, high: int | None = None) -> Check:
    """Make a check for a list of `low` to `high` items."""

    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            bad_request(f"{name} must be an array")
        if len(value) < low or (high is not None and len(value) > high):
            bad_request(f"{name} must have {low} to {high} items" if high else f"{name} cannot be empty")
        return [item(each, f"{name}[{position}]") for position, each in enumerate(value)]

    return check


def map_of(item: Check) -> Check:
    """Make a check for an object with arbitrary names."""

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            bad_request(f"{name} must be an object")
        return {key: item(each, f"{name}.{key}") for key, each in value.items()}

    return check


def object_of(required: Mapping[str, Check] | None = None, optional: Mapping[str, Check] | None = None) -> Check:
    """Make a check for an object with named members. Members without a check are dropped."""
    required, optional = required or {}, optional or {}

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            bad_request(f"{name} must be an object")
        for key in required:
            if key not in value:
                bad_request(f"{name}.{key} is required")
        checks = {**required, **optional}
        return {key: checks[key](each, f"{name}.{key}") for key, each in value.items() if key in checks}

    return check


def nullable(item: Check) -> Check:
    """Make a check that also accepts null."""
    return lambda value, name: None if value is None else item(value, name)


def day(value: Any, name: str) -> str:
    """Accept a calendar date, `YYYY-MM-DD`."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text(value, name)):
        bad_request(f'{name}: invalid date "{value}", expected YYYY-MM-DD')
    try:
        date.fromisoformat(value)
    except ValueError:
        bad_request(f'{name}: invalid date "{value}", expected YYYY-MM-DD')
    return str(value)


def instant(value: Any, name: str) -> str:
    """Accept a date and time with an offset, in RFC 3339; returns it unchanged."""
    try:
        parsed = datetime.fromisoformat(text(value, name))
    except ValueError:
        bad_request(f'{name}: invalid date-time "{value}"')
    if parsed.tzinfo is None:
        bad_request(f'{name}: date-time "{value}" has no offset')
    return str(value)


def custom_attribute(value: Any, name: str) -> dict[str, Any]:
    """Accept a typed value: its type, whether there can be several values, and one or several values of that type."""
    if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"] not in CUSTOM_TYPES:
        refuse(400, status="400", title="Bad Request")  # recorded for FLOAT, without a detail
    shape = {"type": one_of(CUSTOM_TYPES, "custom attribute type"), "is_multi": boolean, "value": lambda each, _: each}
    given: dict[str, Any] = object_of(shape)(value, name)
    number = given["type"] == "NUMBER"
    if given["is_multi"] != isinstance(given["value"], list):
        bad_request(f"{name}.value must be {'an array' if given['is_multi'] else 'a single value'}")
    for each in given["value"] if given["is_multi"] else [given["value"]]:
        fits = isinstance(each, int | float) and not isinstance(each, bool) if number else isinstance(each, str)
        if not fits:
            bad_request(f"{name}.value must be {'a number' if number else 'a string'} for type {given['type']}")
    return given


def data_of(request: ApiRequest, kind: str) -> dict[str, Any]:
    """The `data` of a JSON:API body; refuses another type than `kind`."""
    if request.body is BAD_JSON:
        bad_request("invalid JSON body")
    if request.body is None:
        bad_request("request body is required")
    return resource(request.body, kind)


def resource(envelope: Any, kind: str, name: str = "") -> dict[str, Any]:
    """The `data` of an envelope; refuses another type than `kind`."""
    data = envelope.get("data") if isinstance(envelope, dict) else None
    if not isinstance(data, dict):
        bad_request(f"{name}data must be an object")
    if data.get("type") != kind:
        bad_request(f'got type "{data.get("type") or ""}" expected one of "{kind}"')
    return data


def attributes_of(
    data: Mapping[str, Any], required: Mapping[str, Check] | None = None, optional: Mapping[str, Check] | None = None
) -> dict[str, Any]:
    """The checked `attributes` of a resource. If nothing is required they can be absent."""
    if not required and "attributes" not in data:
        return {}
    given: dict[str, Any] = object_of(required, optional)(data.get("attributes"), "attributes")
    return given


def related(data: Mapping[str, Any], name: str, kind: str) -> str | None:
    """The UUID in a relationship of a body; None if the body does not have the relationship."""
    relationships = data.get("relationships") or {}
    envelope = relationships.get(name) if isinstance(relationships, dict) else None
    if not envelope or (isinstance(envelope, dict) and envelope.get("data", 0) is None):
        return None
    return uuid(resource(envelope, kind, f"relationships.{name}.").get("id"), f"relationships.{name}.data.id")


def uuid_path(request: ApiRequest, name: str) -> str:
    """A path parameter that must be a UUID; returns it in lower case."""
    value = request.ids[name]
    if not UUID.fullmatch(value):
        shown = PATH_NAMES.get(name) or "".join(map(str.capitalize, name.removesuffix("_id").split("_"))) + "ID"
        detail = f'invalid parameter "{shown}" in "path"; expected type "uuid"'
        refuse(400, status="400", title="Invalid Parameter", detail=detail)
    return value.lower()


def number_query(request: ApiRequest, name: str, default: int, low: int, high: int | None = None) -> int:
    """A query parameter that must be a whole number, in ASCII digits, from `low` to `high`."""
    value = request.query.get(name)
    if value is None or value == "":
        return default
    if not re.fullmatch(r"[0-9]{1,18}", value) or int(value) < low or (high is not None and int(value) > high):
        bad_request(f'{name}: "{value}" must be a whole number from {low}' + (f" to {high}" if high else ""))
    return int(value)


def truth_query(request: ApiRequest, name: str, *, default: bool) -> bool:
    """A query parameter that must be `true` or `false`."""
    value = request.query.get(name, "true" if default else "false")
    if value not in {"true", "false"}:
        bad_request(f'{name}: "{value}" must be true or false')
    return value == "true"
