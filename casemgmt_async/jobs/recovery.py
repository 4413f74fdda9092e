"""Looking for what was sent and whose answer was lost: comments and links, before they are sent again."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from casemgmt_async import CaseSession, LinkRelationship, links, timeline

__all__ = ["DOUBT", "SETTLE", "SKEW", "Finding", "Found", "find_comment", "find_link"]

SETTLE: Final = 30.0
"""Seconds after which a request that was cut off will not take effect any more."""
SKEW: Final = 120.0
"""Seconds by which the clocks of this machine and the service may differ."""
DOUBT: Final = 86_400.0
"""Seconds before the sending within which the same text could be ours after all, if a clock is far off."""


class Found(enum.Enum):
    """What a search for a lost thing came to."""

    THERE = "there"
    """It is there: it happened."""
    ABSENT = "absent"
    """It is certainly not there: it can be sent again."""
    UNCERTAIN = "uncertain"
    """Something like it is there, or the search could not be completed."""


@frozen
class Finding:
    """What was found."""

    found: Found
    """Whether it is there."""
    id: str | None = None
    """Its id."""
    why: str | None = None
    """What makes it uncertain."""


async def find_comment(
    session: CaseSession, case_id: str, text: str, sent_at: float, taken: Collection[str]
) -> Finding:
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
                return Finding(Found.THERE, cell.id)
            earlier = datetime.fromtimestamp(made, UTC)
    if earlier is None:
        return Finding(Found.ABSENT)
    why = f"the same comment was made at {earlier:%Y-%m-%d %H:%M:%S} UTC, before this one was sent"
    return Finding(Found.UNCERTAIN, why=why)


async def find_link(session: CaseSession, parent: str, child: str, relationship: LinkRelationship) -> Finding:
    """Look for a link with the same ends and meaning; there is no use for a second one."""
    for link in await links.list_case_links(session, entity_id=parent):
        if (link.parent_entity_id, link.child_entity_id, link.relationship) == (parent, child, relationship):
            return Finding(Found.THERE, link.id)
    return Finding(Found.ABSENT)
