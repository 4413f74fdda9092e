"""What a web app answers when a call to the service fails: one table for every framework.

The caller of the app learns which kind of thing happened and when to come back. What the service
said stays inside: it goes to the log `casemgmt_async.integrations`, where the app's owner reads it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from casemgmt_async import (
    CaseManagementError,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    RequestTimeoutError,
)

__all__ = ["ANSWERS", "Answer", "answer_for"]

log = logging.getLogger("casemgmt_async.integrations")


@frozen
class Answer:
    """What the app says to its own caller."""

    status: int
    """The HTTP status."""
    detail: str
    """What happened, in words that give nothing of the service away."""
    headers: Mapping[str, str] = field(factory=dict)
    """Headers beside the body: `Retry-After`, where coming back later helps."""

    @property
    def body(self) -> dict[str, str]:
        """The JSON body, in the shape that FastAPI gives its own errors."""
        return {"detail": self.detail}


ANSWERS: Final[Mapping[type[CaseManagementError], Answer]] = {
    InvalidArgumentError: Answer(400, "The request is not acceptable."),
    NotFoundError: Answer(404, "There is no such thing."),
    RateLimitError: Answer(503, "Case management is busy. Try again later."),
    RequestTimeoutError: Answer(504, "Case management did not answer in time."),
    OutcomeUnknownError: Answer(502, "The answer was lost: it may or may not have happened. Look before trying again."),
    CaseManagementError: Answer(502, "Case management could not be used."),
}
"""What an error becomes; an error that is not here goes by its nearest parent."""

SOON: Final = 1
"""Seconds until a new try, where the service named none."""


def answer_for(error: CaseManagementError) -> Answer:
    """Say what the app answers for `error`, and log what the service said if the caller is not to blame.

    `ANSWERS` decides, with three additions: an `InvalidArgumentError` names its argument and rule
    (both are this library's words), a `RateLimitError` has `Retry-After` in whole seconds, and an
    `OutcomeUnknownError` for want of time is a 504 like every time-out.
    """
    answer = next(ANSWERS[parent] for parent in type(error).__mro__ if parent in ANSWERS)
    if isinstance(error, InvalidArgumentError):
        answer = Answer(answer.status, str(error))
    elif isinstance(error, RateLimitError):
        seconds = SOON if error.retry_after is None or math.isinf(error.retry_after) else error.retry_after
        answer = Answer(answer.status, answer.detail, {"Retry-After": str(max(0, math.ceil(seconds)))})
    elif isinstance(error, OutcomeUnknownError) and isinstance(error.__cause__, TimeoutError):
        answer = Answer(ANSWERS[RequestTimeoutError].status, answer.detail)
    if answer.status >= 500:
        log.warning("answering %d: %s: %s", answer.status, type(error).__name__, error)
    return answer
