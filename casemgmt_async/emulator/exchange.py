"""What the server hands to the world and gets back: requests, replies, refusals and effects.

The server turns HTTP into a `Request`, the world answers with a `Reply`, and every change that really
happened leaves an `Effect`, from which the ledger tells what a client's calls came to.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final, Literal

from attrs import define, field, frozen

from casemgmt_async.routes import Route

__all__ = ["BAD_JSON", "BadJson", "Effect", "EffectKind", "Refused", "Reply", "Request"]

EffectKind = Literal["create", "update", "delete"]


class BadJson(enum.Enum):
    """A type of one value, so that a checker can tell it from a body."""

    BAD_JSON = "BAD_JSON"


BAD_JSON: Final = BadJson.BAD_JSON
"""Stands in `Request.body` for a body that is no JSON."""


@define
class Request:
    """One request, as far as the world has to know it."""

    route: Route
    """Which of the 66 operations."""
    ids: dict[str, str] = field(factory=dict)
    """The path parameters by name, percent-decoded."""
    query: dict[str, str] = field(factory=dict)
    """The query parameters by name, percent-decoded; the last one of a name counts."""
    body: Any = None
    """The parsed JSON, None where there was no body, or `BAD_JSON`."""
    seq: int = 0
    """The number of the request in the server's log; effects carry it on."""


@define
class Reply:
    """One answer, before it becomes HTTP."""

    status: int
    """The HTTP status."""
    body: Any = None
    """A dict or list to be sent as JSON, bytes that are JSON already, or None for an empty body."""
    headers: dict[str, str] = field(factory=dict)
    """Headers of its own, beside those the server adds to all."""


@frozen
class Effect:
    """One thing that really changed in the world."""

    seq: int
    """The number of the request that did it; -1 for a change made in-process (seeding leaves none)."""
    route: str
    """The name of the route, or of the in-process function, that did it."""
    entity: str
    """The id of what changed: a case's UUID, a comment's cell id, a link's id, ..."""
    kind: EffectKind
    """Whether it was made, changed or removed. A request that changes nothing leaves no effect."""
    detail: dict[str, Any] = field(factory=dict)
    """What was changed, by name; for things that belong to a case, also `case`, its UUID."""


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the emulator
    """Ends a handler: the request is answered with an error status.

    `errors` are objects in the recorded shape (`{"status", "title", "detail"}` or `{"code", "title"}`);
    the world rewrites them where the documented shape is switched on.
    """

    def __init__(self, status: int, errors: Sequence[dict[str, str]]) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = list(errors)
