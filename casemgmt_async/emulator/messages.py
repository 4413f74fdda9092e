"""Messages between the HTTP side and the emulated service: requests, replies and refusals.

The HTTP side parses bytes into an `ApiRequest`. A handler returns a `Reply`, or raises `Refused` to answer with an
error status.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from attrs import define, field

from casemgmt_async.routes import Route

__all__ = ["BAD_JSON", "ApiRequest", "BadJson", "Refused", "Reply", "bad_request", "not_found", "refuse"]


class BadJson(enum.Enum):
    """The type of `BAD_JSON`; an enum, so that type checkers can tell the marker from a body."""

    BAD_JSON = "BAD_JSON"


BAD_JSON: Final = BadJson.BAD_JSON
"""The value of `ApiRequest.body` for a body that is not valid JSON."""


@define
class ApiRequest:
    """One request to an operation, without its HTTP details."""

    route: Route
    """The operation, of the reference or one of its neighbours."""
    ids: dict[str, str] = field(factory=dict)
    """The path parameters by name, percent-decoded."""
    query: dict[str, str] = field(factory=dict)
    """The query parameters by name, percent-decoded. If a name occurs twice, the last value counts."""
    body: Any = None
    """The parsed JSON, None without a body, or `BAD_JSON`."""
    seq: int = 0
    """The number of the request in the log. Effects carry the same number."""


@define
class Reply:
    """One answer of the service, without its HTTP details."""

    status: int
    """The HTTP status."""
    body: Any = None
    """A dict or list to encode as JSON, bytes that are already JSON, or None for an empty body."""
    headers: dict[str, str] = field(factory=dict)
    """Additional headers."""


class Refused(Exception):  # noqa: N818 - an answer of the service, not a failure of the emulator
    """Raised by a handler to answer with an error status.

    `errors` are objects in the recorded shapes, such as `{"status", "title", "detail"}` or `{"code", "title"}`. The
    switch `error_shape` turns them into plain strings.
    """

    def __init__(self, status: int, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = list(errors)


def refuse(status: int, /, **error: Any) -> NoReturn:
    """Refuse the request with one error object."""
    raise Refused(status, [error])


def bad_request(detail: str) -> NoReturn:
    """Refuse the request with 400, in the shape recorded for request bodies."""
    refuse(400, status="400", title="Bad Request", detail=detail)


def not_found(what: str) -> NoReturn:
    """Refuse the request with 404, in the recorded shape."""
    refuse(404, code="resource_not_found", title=f"{what} not found")
