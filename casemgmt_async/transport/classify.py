"""What an answer means, decided from nothing but the answer."""

from __future__ import annotations

import email.utils
import enum
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen
from multidict import istr

from casemgmt_async.errors import CaseManagementError, DecodeError, ErrorDetail, status_error
from casemgmt_async.transport.attempt import RawResponse

__all__ = ["Explain", "Failure", "FailureKind", "classify", "seconds", "until_reset"]

Explain = Callable[[bytes, str | None], Sequence[ErrorDetail]]
"""Reads the errors out of a body and its content type."""

_RETRY_AFTER: Final = istr("Retry-After")
_RESET: Final = istr("X-RateLimit-Reset")
_DATE: Final = istr("Date")
_TYPE: Final = istr("Content-Type")
_REQUEST_IDS: Final = (istr("X-Request-Id"), istr("DD-Request-Id"), istr("X-Datadog-Trace-Id"))
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{0,30})?").fullmatch
_UNIX: Final = 1_000_000_000  # a reset as large as this is a moment, not a number of seconds


class FailureKind(enum.Enum):
    """What can go wrong with one attempt, as far as the next step depends on it."""

    NOT_SENT = "not sent"
    """Nothing left the machine."""
    LIMITED = "rate limited"
    """429: refused for now; nothing was done."""
    FAILED = "failed"
    """5xx or 408: it may have been done."""
    LOST = "lost"
    """It was sent, and no whole answer came: it may have been done."""
    UNREADABLE = "unreadable"
    """A whole answer that says success and is not what it should be: it was done."""
    REFUSED = "refused"
    """Any other status: nothing was done."""


@frozen
class Failure:
    """Why an attempt did not give a result."""

    fault: FailureKind
    error: CaseManagementError
    wait: float | None = None
    """For how many seconds the service wants to be left alone, where it said so."""


def classify(
    answer: RawResponse, route: str, due: bool, explain: Explain, now: Callable[[], float] = time.time
) -> Failure | None:
    """Say what is wrong with an answer, or None where it can be read.

    `due` says whether a success must have a body. `now` is Unix time, for the waits that name a moment.
    """
    status = answer.status
    if 200 <= status < 300:
        return _suspicion(answer, route, due)
    wait = _asked_wait(answer.headers, status, now)
    request_id = next((text for name in _REQUEST_IDS if (text := answer.headers.get(name))), None)
    details = explain(answer.body, answer.headers.get(_TYPE))
    error = status_error(status, details, route=route, request_id=request_id, retry_after=wait)
    if status == 429:
        return Failure(FailureKind.LIMITED, error, wait)
    if status >= 500 or status == 408:
        return Failure(FailureKind.FAILED, error, wait)
    return Failure(FailureKind.REFUSED, error)


def _suspicion(answer: RawResponse, route: str, due: bool) -> Failure | None:
    body = answer.body.strip() if len(answer.body) < 64 else answer.body
    if not body:
        return Failure(FailureKind.LOST, DecodeError("the body is empty", route=route)) if due else None
    if answer.is_framed and body[:1] in b"{[" and body.rstrip()[-1:] in b"}]":
        return None
    if is_json(body) and body.lstrip()[:1] in b"{[":
        return None
    return Failure(FailureKind.LOST, DecodeError("the body is not JSON, or is cut short", route=route))


def is_json(body: bytes) -> bool:
    """Whether the bytes are JSON and whole; for bodies already under suspicion."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _asked_wait(headers: Mapping[str, str], status: int, now: Callable[[], float]) -> float | None:
    asked = [_retry_after(headers.get(_RETRY_AFTER), now)]
    if status == 429:
        asked.append(until_reset(headers, now))
    return max((wait for wait in asked if wait is not None), default=None)


def _retry_after(text: str | None, now: Callable[[], float]) -> float | None:
    wait = seconds(text)
    if wait is None and text:
        moment = _moment(text)
        wait = None if moment is None else max(0.0, moment - now())
    return wait


def until_reset(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Seconds until the window of the rate limit ends; the header tells them, or a Unix time."""
    reset = seconds(headers.get(_RESET))
    if reset is None or reset < _UNIX:
        return reset
    moment = _moment(headers.get(_DATE, ""))
    return max(0.0, reset - (now() if moment is None else moment))


def seconds(text: str | None) -> float | None:
    """A header's number, or None where it has none that makes sense."""
    return float(text) if text and _NUMBER(text.strip()) else None


def _moment(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
