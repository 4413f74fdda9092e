"""Links between cases, and from cases to other things."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, OpenEnum, Resource

__all__ = ["CaseLink", "LinkEntityType", "LinkRelationship"]


class LinkEntityType(OpenEnum):
    """Type of what a link can join."""

    CASE = "CASE"
    INCIDENT = "INCIDENT"
    PAGE = "PAGE"
    AGENT_CONVERSATION = "AGENT_CONVERSATION"


class LinkRelationship(OpenEnum):
    """Relationship of the parent of a link to the child."""

    RELATES_TO = "RELATES_TO"
    CAUSES = "CAUSES"
    BLOCKS = "BLOCKS"
    DUPLICATES = "DUPLICATES"
    PARENT_OF = "PARENT_OF"
    SUCCESSOR_OF = "SUCCESSOR_OF"
    ESCALATES_TO = "ESCALATES_TO"


@frozen
class CaseLink(Resource):
    """A link from a parent to a child."""

    resource_type: ClassVar[str] = "link"

    parent_entity_id: str
    """Id of the parent."""
    parent_entity_type: LinkEntityType
    """Type of the parent."""
    child_entity_id: str
    """Id of the child."""
    child_entity_type: LinkEntityType
    """Type of the child."""
    relationship: LinkRelationship
    """Relationship of the parent to the child."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
