"""Links between cases, and from cases to incidents and pages."""

from __future__ import annotations

from typing import Final

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, allow_none, one_of, require
from casemgmt_async.endpoints.literals import LinkRelationshipName
from casemgmt_async.models import CaseLink, LinkEntityType, LinkRelationship
from casemgmt_async.session import CaseSession

__all__ = [
    "create_case_link",
    "delete_case_link",
    "list_case_links",
]


def __dir__() -> list[str]:
    return __all__


RELATIONSHIP: Final = one_of(LinkRelationship)


async def list_case_links(
    session: CaseSession,
    *,
    entity_id: str,
    entity_type: LinkEntityType = LinkEntityType.CASE,
    relationship: LinkRelationship | LinkRelationshipName | None = None,
) -> list[CaseLink]:
    """List the links of a case or another entity, in either direction.

    `GET /api/v2/cases/link`. `entity_id` must be a UUID; the key of a case is not accepted. `relationship`
    selects the links of one kind.
    """
    require(FILLED, entity_id=entity_id, entity_type=entity_type)
    allow_none(RELATIONSHIP, relationship=relationship)
    query = {"entity_type": entity_type, "entity_id": entity_id, "relationship": relationship}
    return await session.call(routes.LIST_CASE_LINKS, list[CaseLink], query=query)


async def create_case_link(
    session: CaseSession,
    *,
    parent_entity_id: str,
    child_entity_id: str,
    relationship: LinkRelationship | LinkRelationshipName,
    parent_entity_type: LinkEntityType = LinkEntityType.CASE,
    child_entity_type: LinkEntityType = LinkEntityType.CASE,
) -> CaseLink:
    """Link two entities; at least one of them must be a case.

    `POST /api/v2/cases/link`. The ids are UUIDs. The relationship reads from parent to child: with
    `BLOCKS`, the parent blocks the child. Names that are not documented are refused; to send a
    newer one, pass `LinkRelationship("NAME")`.
    """
    require(FILLED, parent_entity_id=parent_entity_id, child_entity_id=child_entity_id)
    require(FILLED, parent_entity_type=parent_entity_type, child_entity_type=child_entity_type)
    require(RELATIONSHIP, relationship=relationship)
    body = document(
        "link",
        parent_entity_id=parent_entity_id,
        parent_entity_type=parent_entity_type,
        child_entity_id=child_entity_id,
        child_entity_type=child_entity_type,
        relationship=relationship,
    )
    return await session.call(routes.CREATE_CASE_LINK, CaseLink, body=body)


async def delete_case_link(session: CaseSession, link_id: str) -> None:
    """Delete a link.

    `DELETE /api/v2/cases/link/{link_id}`.
    """
    await session.call(routes.DELETE_CASE_LINK, None, link_id)
