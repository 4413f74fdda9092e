"""Watch a search: learn of cases that come, change and leave."""

from __future__ import annotations

import asyncio
import enum
import itertools
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import attrs
from attrs import frozen

from casemgmt_async.endpoints import cases
from casemgmt_async.errors import (
    AuthenticationError,
    BadRequestError,
    CaseManagementError,
    ConfigurationError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from casemgmt_async.models import Case
from casemgmt_async.routes import SEARCH_CASES
from casemgmt_async.session import CaseSession

__all__ = ["CaseChange", "ChangeKind", "watch_cases"]

log: Final = logging.getLogger("casemgmt_async")
LASTING: Final = (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InvalidArgumentError,
    PermissionDeniedError,
)
"""Errors that the next poll would meet again."""
FAILURES: Final = 5
"""Polls that may fail in a row."""
AFFORDED_FOR: Final = 20
"""Polls after which the rate limit is looked at again."""
TELLING: Final = ("title", "status", "status_name", "priority", "project_id", "modified_at", "closed_at", "archived_at")
"""Fields that a single case and a search report alike, so that they show whether a case has changed."""


class ChangeKind(enum.StrEnum):
    """How a case changed between two polls."""

    FOUND = "found"
    """It matched at the first poll."""
    ADDED = "added"
    """It matches now and did not before."""
    CHANGED = "changed"
    """It still matches, and a field has another value."""
    REMOVED = "removed"
    """It no longer matches, or can no longer be read."""


@frozen
class CaseChange:
    """A change that a watch has seen."""

    kind: ChangeKind
    """How the case changed."""
    case: Case
    """The case as it is now; if it can no longer be read, as it was."""
    before: Case | None = None
    """The case at the poll before; None for FOUND and ADDED."""

    @property
    def fields(self) -> Mapping[str, tuple[Any, Any]]:
        """The fields that have another value, with the value before and the value now."""
        if self.before is None:
            return {}
        pairs = {
            field.name: (getattr(self.before, field.name), getattr(self.case, field.name))
            for field in attrs.fields(Case)
            if field.name != "extra" and not field.name.startswith("_")
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


async def watch_cases(
    session: CaseSession,
    *,
    filter: str | None = None,
    interval: float = 30.0,
    share: float = 0.1,
    existing: bool = False,
) -> AsyncGenerator[CaseChange, None]:
    """Poll a search without end, and yield each case that comes, changes or leaves.

    A poll reads all cases that match, 100 in a request. `interval` is the time between the beginnings of two polls,
    in seconds. It becomes longer if the polls would use more than `share` of the rate limit that the service reports.
    With `existing`, the cases of the first poll are yielded too, as FOUND.

    A case that no longer appears is read by itself: if it is as it was, other cases have moved it between two pages,
    and it is kept. So a change that is made and undone between two polls is not seen, and neither is a change before
    the service's index knows it.

    A poll that fails is logged and repeated; the fifth failure in a row is raised, and an error that would come again,
    such as refused credentials or a malformed query, at once.
    """
    if not interval > 0:
        raise InvalidArgumentError("interval", f"must be more than 0 seconds, not {interval!r}")
    if not 0 < share <= 1:
        raise InvalidArgumentError("share", f"must be more than 0 and at most 1, not {share!r}")
    loop = asyncio.get_running_loop()
    known: dict[str, Case] | None = None
    failures, least = 0, 0.0
    for poll in itertools.count():
        started = loop.time()
        try:
            found = {case.id: case async for case in cases.iter_cases(session, filter=filter)}
            changes = first(found, existing) if known is None else await compare(session, known, found)
            if poll % AFFORDED_FOR == 0:
                least = await affordable(session, len(found), share)
        except CaseManagementError as error:
            failures += 1
            if failures == FAILURES or isinstance(error, LASTING):
                raise
            log.warning("a poll of watch_cases failed and is repeated: %s", error)
        else:
            known, failures = found, 0
            for change in changes:
                yield change
        await asyncio.sleep(max(0.0, started + max(interval, least) - loop.time()))


def first(found: Mapping[str, Case], existing: bool) -> list[CaseChange]:
    """The changes to report of the first poll."""
    return [CaseChange(ChangeKind.FOUND, case) for case in found.values()] if existing else []


async def compare(session: CaseSession, known: Mapping[str, Case], found: dict[str, Case]) -> list[CaseChange]:
    """The changes between two polls; puts back into `found` what is still there."""
    changes = []
    for case_id, case in list(found.items()):
        before = known.get(case_id)
        if before is None:
            changes.append(CaseChange(ChangeKind.ADDED, case))
        elif (change := CaseChange(ChangeKind.CHANGED, case, before)).fields:
            changes.append(change)
    for case_id in [case_id for case_id in known if case_id not in found]:
        before = known[case_id]
        try:
            now = await cases.get_case(session, case_id)
        except NotFoundError:
            now = None
        if now is not None and all(getattr(now, name) == getattr(before, name) for name in TELLING):
            found[case_id] = before
        else:
            changes.append(CaseChange(ChangeKind.REMOVED, now or before, before))
    return changes


async def affordable(session: CaseSession, size: int, share: float) -> float:
    """Seconds between two polls of this size that use `share` of the rate limit; 0 if the service reports none."""
    answer = await session.raw(SEARCH_CASES, query={"page[size]": 1})
    limit = answer.rate_limit
    if not limit.limit or not limit.period:
        return 0.0
    return (size // 100 + 2) * limit.period / (limit.limit * share)
