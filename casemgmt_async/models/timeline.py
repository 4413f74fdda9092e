"""The timeline of a case."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, OpenEnum, Resource, inside
from casemgmt_async.models.users import Author

__all__ = ["CellType", "TimelineCell"]


class CellType(OpenEnum):
    """Type of a timeline cell."""

    COMMENT = "COMMENT"


@frozen
class TimelineCell(Resource):
    """Entry of the timeline of a case, such as a comment."""

    resource_type: ClassVar[str] = "timeline_cell"

    type: CellType | None = None
    """Type of the cell."""
    author: Author | None = None
    """Author of the cell."""
    message: str | None = inside("cell_content", "message")
    """Text of a comment in Markdown."""
    content: str | None = None
    """Content of the cell as JSON text, as the service sends it beside `cell_content`."""
    created_at: datetime | None = None
    """Time of creation."""
    modified_at: datetime | None = None
    """Time of the last change."""
    deleted_at: datetime | None = None
    """Time of deletion."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for; for other types of cells, their content."""
