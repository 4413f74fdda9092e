"""The data that a snapshot contains."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import define, field

from casemgmt_async.emulator.state.case_types import CaseTypeRecord, CustomAttributeRecord
from casemgmt_async.emulator.state.ledger import Effect
from casemgmt_async.emulator.state.people import TeamRecord, UserRecord
from casemgmt_async.emulator.state.records import CaseRecord, CellRecord, Resource

__all__ = ["Tables"]


@define(eq=False)
class Tables:
    """All data of an emulated organisation."""

    random: Random
    """Decides ids and seeded values."""
    order_random: Random
    """Decides the order of ties and of lists in messages. It is separate, so that a search changes no id."""
    latest: int = 0
    """The latest timestamp that was given out, in nanoseconds."""
    me: str = ""
    """The id of the calling user."""
    users: dict[str, UserRecord] = field(factory=dict)
    teams: dict[str, TeamRecord] = field(factory=dict)
    case_types: dict[str, CaseTypeRecord] = field(factory=dict)
    custom_attributes: dict[str, CustomAttributeRecord] = field(factory=dict)
    projects: dict[str, Resource] = field(factory=dict)
    numbers: dict[str, int] = field(factory=dict)
    """The number of the latest case of each project, by project id."""
    cases: list[CaseRecord] = field(factory=list)
    serials: dict[str, int] = field(factory=dict)
    """Positions in `cases`, by id and by key."""
    cells: dict[str, CellRecord] = field(factory=dict)
    links: dict[str, Resource] = field(factory=dict)
    favorites: dict[str, None] = field(factory=dict)
    automation_rules: dict[str, dict[str, Resource]] = field(factory=dict)
    """By project id, then by id."""
    notification_rules: dict[str, dict[str, Resource]] = field(factory=dict)
    """By project id, then by id."""
    views: dict[str, Resource] = field(factory=dict)
    windows: dict[str, Resource] = field(factory=dict)
    tickets: list[tuple[float, int, str, dict[str, Any]]] = field(factory=list)
    """Tickets that are still IN_PROGRESS: due time, serial of the case, name of the field, the completed value."""
    effects: list[Effect] = field(factory=list)
