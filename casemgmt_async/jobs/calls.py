"""How a call of a job ended: answered, refused, or lost. Every job decides by this one table."""

from __future__ import annotations

import enum
import re
from typing import Final, Generic, TypeVar

from attrs import frozen

from casemgmt_async import (
    AuthenticationError,
    DecodeError,
    InvalidArgumentError,
    OutcomeUnknownError,
    ServerError,
    StatusError,
    TransportError,
)

__all__ = ["CallResult", "CallStatus", "Interrupted", "classify_error", "one_line"]

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - not an error: the job stops, and this call was not made
    """The job stops, and this call was not made."""


class CallStatus(enum.Enum):
    """How a call ended."""

    ANSWERED = "answered"
    """The service did what was asked."""
    REFUSED = "refused"
    """The service, or a check before sending, refused it; nothing changed."""
    LOST = "lost"
    """No usable answer came: it may have taken effect or not."""
    NOT_SENT = "not sent"
    """It had no effect, and no further call can have one: the job stops, or its credentials are refused."""


REQUEST_ID: Final = re.compile(r" \[request [^\]]*\]")
CASE_ID: Final = re.compile(r"\(case_id='[^']*'\)|\bcase_id='[^']*', ")

STATUS_OF_ERROR: Final[tuple[tuple[tuple[type[Exception], ...], CallStatus], ...]] = (
    ((AuthenticationError, Interrupted), CallStatus.NOT_SENT),
    ((OutcomeUnknownError, ServerError, TransportError, DecodeError), CallStatus.LOST),
    ((StatusError, InvalidArgumentError), CallStatus.REFUSED),
)
"""The first row that names the error's class decides."""


def classify_error(error: BaseException) -> CallStatus | None:
    """Say how a call that raised this error ended; None for an error that is not about the call."""
    return next((status for kinds, status in STATUS_OF_ERROR if isinstance(error, kinds)), None)


@frozen
class CallResult(Generic[T]):
    """How one call ended, with the answer or the error."""

    status: CallStatus
    """Answered, refused or lost."""
    answer: T | None = None
    """The answer, if there is one."""
    error: Exception | None = None
    """Why there is none."""

    @property
    def reason(self) -> str:
        """The error as one line."""
        return "" if self.error is None else one_line(self.error)


def one_line(error: BaseException) -> str:
    """Give the text of an error as one line, for a journal and a report.

    The ids of the request and the case are left out: reports group failures by their text.
    """
    return " ".join(CASE_ID.sub("", REQUEST_ID.sub("", str(error))).split())[:500]
