"""The HTTP responses of a web app whose call to Case Management failed: one table for every framework.

A caller of the app learns what kind of failure it was, whether the caller can correct it, and when to try again. What
the service said about the app's own credentials and about failures of the service is for the log alone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from casemgmt_async import (
    BadRequestError,
    CaseManagementError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    NameLookupError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    RequestTimeoutError,
    StatusError,
    UnprocessableError,
)

__all__ = ["ANSWERS", "Answer", "MissingSessionError", "answer_for"]

log = logging.getLogger("casemgmt_async.integrations")


class MissingSessionError(ConfigurationError):
    """The app has no session, because its start-up code was not installed or did not run."""


@frozen
class Answer:
    """The response of the app to its own caller."""

    status: int
    """The HTTP status."""
    detail: str
    """What happened."""
    headers: Mapping[str, str] = field(factory=dict)
    """Headers to add: `Retry-After` after a rate limit."""

    @property
    def body(self) -> dict[str, str]:
        """The JSON body, in the shape that FastAPI uses for its own errors."""
        return {"detail": self.detail}


ANSWERS: Final[Mapping[type[CaseManagementError], Answer]] = {
    InvalidArgumentError: Answer(400, "The request is not valid."),
    BadRequestError: Answer(400, "Case Management refused the request."),
    NotFoundError: Answer(404, "Not found."),
    ConflictError: Answer(409, "The request contradicts what exists already."),
    UnprocessableError: Answer(422, "Case Management refused the values in the request."),
    NameLookupError: Answer(422, "A name in the request is unknown or ambiguous."),
    RateLimitError: Answer(503, "Case Management accepts no more requests for now. Try again later."),
    RequestTimeoutError: Answer(504, "Case Management did not respond in time."),
    OutcomeUnknownError: Answer(
        502, "The response of Case Management was lost. The change may have been made: check before you try again."
    ),
    ConfigurationError: Answer(500, "This app is not set up correctly. Its log says why."),
    CaseManagementError: Answer(502, "Case Management could not be used."),
}
"""The response for each error. An error that is not in the table gets the response of its nearest parent."""

SOON: Final = 1
"""Seconds after which to try again, if the service gave no time."""
LONGEST: Final = 500
"""Characters of the service's explanation that a response repeats."""


def answer_for(error: CaseManagementError) -> Answer:
    """Choose the response of the app to `error`, and log it: at info if the caller can correct it, else at warning.

    `ANSWERS` decides, with these additions. 400, 404, 409 and 422 say what the service or this library found wrong.
    A `RateLimitError` has `Retry-After` in whole seconds. An `OutcomeUnknownError` after a time-out is a 504. A
    `ConfigurationError` is logged at error, and a `MissingSessionError` also says in its response what to do.
    """
    answer = next(ANSWERS[parent] for parent in type(error).__mro__ if parent in ANSWERS)
    if isinstance(error, InvalidArgumentError | NameLookupError | MissingSessionError):
        answer = Answer(answer.status, str(error))
    elif isinstance(error, RateLimitError):
        seconds = SOON if error.retry_after is None or math.isinf(error.retry_after) else error.retry_after
        answer = Answer(answer.status, answer.detail, {"Retry-After": str(max(0, math.ceil(seconds)))})
    elif isinstance(error, StatusError) and answer.status < 500 and error.errors:
        said = "; ".join(map(str, error.errors))[:LONGEST]
        answer = Answer(answer.status, f"{answer.detail.removesuffix('.')}: {said}")
    elif isinstance(error, OutcomeUnknownError) and isinstance(error.__cause__, TimeoutError):
        answer = Answer(ANSWERS[RequestTimeoutError].status, answer.detail)
    level = logging.ERROR if answer.status == 500 else logging.WARNING if answer.status > 500 else logging.INFO
    text = " ".join(str(error).split())  # it may quote an HTML page of a proxy
    log.log(level, "responding with %d: %s: %s", answer.status, type(error).__name__, text)
    return answer
