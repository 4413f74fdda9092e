"""Bodies of error answers, in all forms that the service uses."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from casemgmt_async.errors import ErrorDetail

__all__ = ["decode_errors"]

LONGEST: Final = 1000
"""Maximum length of a text; the rest is cut off."""
MOST: Final = 100
"""Maximum number of errors that are read from one body."""


def decode_errors(body: bytes, _content_type: str | None = None) -> tuple[ErrorDetail, ...]:
    """Read the errors of the body of an error answer; never raises.

    Reads `{"errors": [...]}` with texts or objects as entries. For any other body, such as the HTML
    page of a proxy, the result is one entry with the start of the body. The media type is ignored,
    because proxies and the service itself send wrong ones.
    """
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return quote(body)
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    if isinstance(errors, list):
        found = tuple(detail for entry in errors[:MOST] if (detail := read_error(entry)))
        if found:
            return found
    return quote(body)


def read_error(entry: Any) -> ErrorDetail | None:
    """Read one error: a string, or an object; members without a field of their own are kept in `extra`."""
    if isinstance(entry, str):
        return ErrorDetail(entry[:LONGEST]) if entry else None
    if not isinstance(entry, dict):
        return None
    read = {name: text(entry.get(name)) for name in ("title", "detail", "code", "status")}
    title, detail, code, status = read.values()
    known = {name for name, value in read.items() if value is not None}
    if title is None:
        message = text(entry.get("message"))
        if detail is None and message is not None:
            known.add("message")
        title, detail = detail or message or code or "error", None
    meta = entry.get("meta")
    if isinstance(meta, dict):
        known.add("meta")
    extra = {name: value for name, value in entry.items() if name not in known}
    return ErrorDetail(title, detail, code, status, meta if isinstance(meta, dict) else None, extra)


def text(value: Any) -> str | None:
    """Read a member of an error object as a text; some services send numbers."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)[:LONGEST] or None
    return None


def quote(body: bytes) -> tuple[ErrorDetail, ...]:
    """Return the start of a body that is not in a known form."""
    start = body[: 4 * LONGEST].decode("utf-8", "replace").strip()[:LONGEST]
    return (ErrorDetail(start),) if start else ()
