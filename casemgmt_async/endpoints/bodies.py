"""JSON:API documents for the bodies of requests."""

from __future__ import annotations

from typing import Any

from casemgmt_async.models import UNSET, Unset

__all__ = ["document", "is_given", "reference"]


def document(kind: str, /, relationships: dict[str, Any] | Unset = UNSET, **attributes: Any) -> dict[str, Any]:
    """Wrap attributes into a JSON:API document. None and `UNSET` are left out: they ask for no change."""
    given = {name: value for name, value in attributes.items() if is_given(value)}
    return {"data": {"type": kind, "attributes": given or UNSET, "relationships": relationships}}


def reference(kind: str, id: str | Unset | None) -> dict[str, Any] | Unset:
    """Make a relationship to another resource; `UNSET` if no id is given."""
    return {"data": {"type": kind, "id": id}} if is_given(id) else UNSET


def is_given(value: Any) -> bool:
    """Say whether an argument has a value to send: None and `UNSET` are not sent."""
    return value is not None and value is not UNSET
