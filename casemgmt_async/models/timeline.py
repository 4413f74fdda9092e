"""The timeline of a case."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, OpenEnum, Resource, inside
from casemgmt_async.models.users import Author

__all__ = ["CellType", "TimelineCell"]


class CellType(OpenEnum):
    """What a cell of the timeline tells."""

    COMMENT = "COMMENT"


@frozen
class TimelineCell(Resource):
    """One thing that happened to a case, such as a comment."""

    resource_type: ClassVar[str] = "timeline_cell"

    type: CellType | None = None
    """What it tells."""
    author: Author | None = None
    """Who wrote it."""
    message: str | None = inside("cell_content", "message")
    """The text of a comment, in Markdown."""
    content: str | None = None
    """The cell's content once more, as the JSON text the service sent."""
    created_at: datetime | None = None
    """When it was made."""
    modified_at: datetime | None = None
    """When it was changed last."""
    deleted_at: datetime | None = None
    """When it was deleted."""
    extra: Extra = field(factory=dict)
    """What the service sent besides; of cells of other types, their content."""
