"""Links between cases, and from cases to other things."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, OpenEnum, Resource

__all__ = ["CaseLink", "LinkEntityType", "LinkRelationship"]


class LinkEntityType(OpenEnum):
    """What a link can join."""

    CASE = "CASE"
    INCIDENT = "INCIDENT"
    PAGE = "PAGE"
    AGENT_CONVERSATION = "AGENT_CONVERSATION"


class LinkRelationship(OpenEnum):
    """What the parent of a link is to the child."""

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
    """The id of the parent."""
    parent_entity_type: LinkEntityType
    """What the parent is."""
    child_entity_id: str
    """The id of the child."""
    child_entity_type: LinkEntityType
    """What the child is."""
    relationship: LinkRelationship
    """What the parent is to the child."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""
