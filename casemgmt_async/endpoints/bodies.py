"""The JSON:API documents that requests are made of."""

from __future__ import annotations

from typing import Any

from casemgmt_async.models import UNSET, Unset

__all__ = ["document", "reference"]


def document(kind: str, /, relationships: dict[str, Any] | Unset = UNSET, **attributes: Any) -> dict[str, Any]:
    """Wrap attributes into a document of a kind; what is UNSET never reaches the wire."""
    return {"data": {"type": kind, "attributes": attributes or UNSET, "relationships": relationships}}


def reference(kind: str, id: str | Unset) -> dict[str, Any] | Unset:
    """Point to another resource, or to none."""
    return UNSET if isinstance(id, Unset) else {"data": {"type": kind, "id": id}}
