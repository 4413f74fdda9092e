"""The states of an operation, and the rows that a journal keeps."""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Collection
from typing import Any, Final, NamedTuple, TypeAlias

from attrs import frozen

__all__ = ["Operation", "OperationRow", "Outcome", "State", "SubjectRow", "parsed"]


class State(enum.StrEnum):
    """How far an operation has come."""

    PLANNED = "planned"
    """Decided, not begun."""
    SENDING = "sending"
    """Recorded before it was sent. If a job finds it at its start, the outcome is not known yet."""
    DONE = "done"
    """The service did it."""
    REJECTED = "rejected"
    """The service refused it."""
    UNKNOWN = "unknown"
    """It was sent, and its outcome could not be found out."""
    SKIPPED = "skipped"
    """It was not sent, for the reason given."""


SubjectRow: TypeAlias = tuple[int, str, str, str | None, str | None, float | None, int | None]
"""Number; name (the id of the case, or the key of the row); label, what people call it; id of the case, once there
is one; project; when the case had been changed last, in Unix seconds; the number of the kind of case it was."""


OperationRow: TypeAlias = tuple[int, str, int, str, str]
"""Number of the subject, rule, stage, action, payload as JSON. Plain tuples, since there are many of them."""


parsed: Final = functools.lru_cache(maxsize=1024)(json.loads)
"""Payloads as data; many cases share one, and nobody changes it."""


class Operation(NamedTuple):
    """One change to one case."""

    number: int
    """Its number in the journal; the operations of one case are done in this order."""
    subject: int
    """The number of the subject."""
    name: str
    """The id of the case, or the key of the row."""
    case_id: str | None
    """The id of the case, once there is one."""
    project_id: str | None
    """The project of the case."""
    action: str
    """The name of the action."""
    payload: str
    """What the action is given, as JSON."""
    state: str
    """How far it has come: one of `State`."""
    sent_at: float | None = None
    """When it was sent last, in Unix seconds by this machine."""
    rule: str = ""
    """The rule that asks for it."""

    @property
    def value(self) -> Any:
        """What the action is given."""
        return parsed(self.payload)


@frozen
class Outcome:
    """The outcome of one operation, or of many with the same outcome."""

    numbers: Collection[int]
    """The numbers of the operations."""
    state: State
    """How they ended."""
    result: str | None = None
    """The id of what was made."""
    error: str | None = None
    """Why it is not done."""
