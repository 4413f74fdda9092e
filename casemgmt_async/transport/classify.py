"""Classify an answer: can it be read, and if not, what kind of failure is it? A function of the answer alone."""

from __future__ import annotations

import enum
import json
import time
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from multidict import istr

from casemgmt_async.errors import CaseManagementError, DecodeError, ErrorDetail, status_error
from casemgmt_async.transport.attempt import RawResponse, Request
from casemgmt_async.transport.rate_limit import read_rate_limit, read_retry_after

__all__ = ["Failure", "FailureKind", "ParseErrors", "Redact", "classify", "is_json", "read_request_id"]

ParseErrors = Callable[[bytes, str | None], Sequence[ErrorDetail]]
"""Parses the errors in a body; the second argument is its content type."""
Redact = Callable[[str], str]
"""Replaces the credentials in a text."""

CONTENT_TYPE: Final = istr("Content-Type")
REQUEST_IDS: Final = (istr("X-Request-Id"), istr("DD-Request-Id"), istr("X-Datadog-Trace-Id"))
OPENING: Final = b"{["
CLOSING: Final = b"}]"
MAX_BODY: Final = 4096
"""Characters of a body that an error keeps."""
MAX_TYPE: Final = 100
"""Characters of a content type that an error keeps."""
MAX_PARSED: Final = 1_000_000
"""Bytes of an error body that are read at all; an error entry of the service is far shorter."""


class FailureKind(enum.Enum):
    """Why an attempt failed; the retry decision depends on it."""

    NOT_SENT = "not sent"
    """Nothing was sent."""
    LIMITED = "rate limited"
    """429: refused for now. The service did nothing."""
    FAILED = "failed"
    """5xx or 408: the request may have taken effect."""
    LOST = "lost"
    """The request was sent and no complete answer arrived: it may have taken effect."""
    UNREADABLE = "unreadable"
    """A complete success that does not have the expected shape: the request took effect."""
    REFUSED = "refused"
    """Any other status. The service did nothing."""


@frozen
class Failure:
    """A failed attempt."""

    kind: FailureKind
    error: CaseManagementError
    wait: float | None = None
    """Seconds for which the service asks the client to wait, or None if it does not ask."""


def classify(
    answer: RawResponse,
    request: Request,
    parse_errors: ParseErrors,
    redact: Redact,
    now: Callable[[], float] = time.time,
) -> Failure | None:
    """Return the failure that an answer stands for, or None if it is a success that can be read.

    `now` gives the Unix time, for headers that contain a date.
    """
    status = answer.status
    if 200 <= status < 300:
        return incomplete(answer, request, redact)
    wait = read_rate_limit(answer.headers, now).wait if status == 429 else read_retry_after(answer.headers, now)
    body = redact(answer.body[:MAX_PARSED].decode("utf-8", "replace"))
    error = status_error(
        status,
        parse_errors(body.encode(), answer.headers.get(CONTENT_TYPE)),
        route=request.route.name,
        request_id=read_request_id(answer, redact),
        retry_after=wait,
        ids=dict(zip(request.route.parameters, request.ids, strict=True)),
        body=body[:MAX_BODY],
    )
    if status == 429:
        return Failure(FailureKind.LIMITED, error, wait)
    if status >= 500 or status == 408:
        return Failure(FailureKind.FAILED, error, wait)
    return Failure(FailureKind.REFUSED, error)


def read_request_id(answer: RawResponse, redact: Redact) -> str | None:
    """The service's id of the request, in one of the headers in which it has been seen."""
    found = next((text for name in REQUEST_IDS if (text := answer.headers.get(name))), None)
    return None if found is None else redact(found)


def incomplete(answer: RawResponse, request: Request, redact: Redact) -> Failure | None:
    """Return the failure of a 2xx answer whose body is missing, cut short or not JSON; None if it is complete."""
    body = answer.body
    if body and body[0] in OPENING and body[-1] in CLOSING and answer.is_framed:
        return None
    route = request.route.name
    if len(body) < 64:
        body = body.strip()
    if not body:
        error = DecodeError("the body is empty", route=route)
        return Failure(FailureKind.LOST, error) if request.expects_body else None
    if answer.is_framed and body[:1] in OPENING and body.rstrip()[-1:] in CLOSING:
        return None
    if is_json(body) and body.lstrip()[:1] in OPENING:
        return None
    kind = redact(answer.headers.get(CONTENT_TYPE, "no content type"))[:MAX_TYPE]
    text = f"the body of {len(answer.body)} bytes ({kind}) is not JSON, or is cut short"
    return Failure(FailureKind.LOST, DecodeError(text, route=route))


def is_json(body: bytes) -> bool:
    """Whether the bytes are one complete JSON document. Slow; used only if something else is wrong already."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
