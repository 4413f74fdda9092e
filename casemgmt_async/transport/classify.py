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
from casemgmt_async.transport.attempt import RawResponse
from casemgmt_async.transport.rate_limit import read_rate_limit, read_retry_after

__all__ = ["Failure", "FailureKind", "ParseErrors", "classify", "is_json"]

ParseErrors = Callable[[bytes, str | None], Sequence[ErrorDetail]]
"""Parses the errors in a body; the second argument is its content type."""

CONTENT_TYPE: Final = istr("Content-Type")
REQUEST_IDS: Final = (istr("X-Request-Id"), istr("DD-Request-Id"), istr("X-Datadog-Trace-Id"))


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
    route: str,
    expects_body: bool,
    parse_errors: ParseErrors,
    now: Callable[[], float] = time.time,
) -> Failure | None:
    """Return the failure that an answer stands for, or None if it is a success that can be read.

    `expects_body` says whether a success must have a body. `now` gives the Unix time, for headers that contain a date.
    """
    status = answer.status
    if 200 <= status < 300:
        return incomplete(answer, route, expects_body)
    wait = read_rate_limit(answer.headers, now).wait if status == 429 else read_retry_after(answer.headers, now)
    request_id = next((text for name in REQUEST_IDS if (text := answer.headers.get(name))), None)
    details = parse_errors(answer.body, answer.headers.get(CONTENT_TYPE))
    error = status_error(status, details, route=route, request_id=request_id, retry_after=wait)
    if status == 429:
        return Failure(FailureKind.LIMITED, error, wait)
    if status >= 500 or status == 408:
        return Failure(FailureKind.FAILED, error, wait)
    return Failure(FailureKind.REFUSED, error)


def incomplete(answer: RawResponse, route: str, expects_body: bool) -> Failure | None:
    """Return the failure of a 2xx answer whose body is missing, cut short or not JSON; None if it is complete."""
    body = answer.body.strip() if len(answer.body) < 64 else answer.body
    if not body:
        return Failure(FailureKind.LOST, DecodeError("the body is empty", route=route)) if expects_body else None
    if answer.is_framed and body[:1] in b"{[" and body.rstrip()[-1:] in b"}]":
        return None
    if is_json(body) and body.lstrip()[:1] in b"{[":
        return None
    return Failure(FailureKind.LOST, DecodeError("the body is not JSON, or is cut short", route=route))


def is_json(body: bytes) -> bool:
    """Whether the bytes are one complete JSON document. Slow; used only if something else is wrong already."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
