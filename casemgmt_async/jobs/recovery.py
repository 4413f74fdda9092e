"""Look for comments and links whose answers were lost, before they are sent again."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from casemgmt_async import CaseSession, LinkRelationship, links, timeline
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.journal import Operation, State
from casemgmt_async.jobs.journal.triage_queries import results_of
from casemgmt_async.jobs.sending import Sender

__all__ = ["DOUBT", "SETTLE", "SKEW", "Found", "Recovered", "find_comment", "find_link", "resolve_comments"]

SETTLE: Final = 30.0
"""Seconds after which a request that was cut off will not take effect any more."""
SKEW: Final = 120.0
"""Seconds by which the clocks of this machine and the service may differ."""
DOUBT: Final = 86_400.0
"""Seconds before the sending within which the same text could be ours after all, if a clock is far off."""


class Found(enum.Enum):
    """The result of looking for a comment or link whose answer was lost."""

    THERE = "there"
    """It is there, so the request took effect."""
    ABSENT = "absent"
    """It is not there, so it can be sent again."""
    UNCERTAIN = "uncertain"
    """Something like it is there, or the search could not be completed."""


@frozen
class Recovered:
    """What was found."""

    found: Found
    """Whether it is there."""
    id: str | None = None
    """Its id."""
    why: str | None = None
    """What makes it uncertain."""


async def find_comment(
    session: CaseSession, case_id: str, text: str, sent_at: float, taken: Collection[str]
) -> Recovered:
    """Look for a comment of exactly this text that was made after `sent_at` and is not among those `taken`."""
    wanted, earlier = text.strip(), None
    async with timeline.iter_timeline(session, case_id, ascending=False).open() as cells:
        async for cell in cells:
            made = sent_at if cell.created_at is None else cell.created_at.timestamp()
            if made < sent_at - DOUBT:
                break
            if cell.id in taken or (cell.message or "").strip() != wanted:
                continue
            if made >= sent_at - SKEW:
                return Recovered(Found.THERE, cell.id)
            earlier = datetime.fromtimestamp(made, UTC)
    if earlier is None:
        return Recovered(Found.ABSENT)
    why = f"the same comment was made at {earlier:%Y-%m-%d %H:%M:%S} UTC, before this one was sent"
    return Recovered(Found.UNCERTAIN, why=why)


async def find_link(session: CaseSession, parent: str, child: str, relationship: LinkRelationship) -> Recovered:
    """Look for a link with the same ends and relationship, since a second one would be a duplicate."""
    for link in await links.list_case_links(session, entity_id=parent):
        if (link.parent_entity_id, link.child_entity_id, link.relationship) == (parent, child, relationship):
            return Recovered(Found.THERE, link.id)
    return Recovered(Found.ABSENT)


async def resolve_comments(sender: Sender, operations: Sequence[Operation], *, settle: float) -> Mapping[int, Found]:
    """Look for comments whose answers were lost: one that is there is done, one that is not is planned again.

    Returns what was found, by the number of the operation. A request that was cut off gets `settle` seconds to
    take effect before its absence is believed.
    """
    control, journal = sender.control, sender.journal
    findings: dict[int, Found] = {}
    youngest = max((operation.sent_at or 0.0 for operation in operations), default=0.0)
    if (wait := min(youngest + settle - control.clock(), settle)) > 0:
        await control.sleep(wait)

    async def resolve(operation: Operation) -> None:
        case_id, text, sent_at = str(operation.case_id), operation.value, operation.sent_at or 0.0
        taken = await results_of(journal, operation.subject, "comment")
        result = await control.attempt(lambda: find_comment(sender.session, case_id, text, sent_at, taken))
        finding = (
            result.answer if result.status is CallStatus.ANSWERED else Recovered(Found.UNCERTAIN, why=result.reason)
        )
        assert finding is not None
        control.step("looked")
        findings[operation.number] = finding.found
        match finding.found:
            case Found.THERE:
                await sender.end(operation, State.DONE, finding.id)
            case Found.ABSENT:
                await journal.unsend([operation.number])
            case Found.UNCERTAIN:
                await sender.end(operation, State.UNKNOWN, error=f"its answer was lost, and {finding.why}")

    await control.each(operations, resolve)
    return findings
