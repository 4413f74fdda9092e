"""Models as plain data."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import attrs

__all__ = ["instant_text", "plain_data"]


def plain_data(value: Any) -> Any:
    """Convert a value of a model to plain data that `json.dumps` accepts."""
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {attribute.name: plain_data(getattr(value, attribute.name)) for attribute in fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain_data(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(entry) for entry in value]
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def instant_text(moment: datetime) -> str:
    """Write a time as the service does: UTC, with a fraction only where there is one."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds" if utc.microsecond else "seconds")[:-6] + "Z"
