"""Case types, the statuses they allow, and their custom attributes."""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field

from casemgmt_async.emulator.messages import bad_request
from casemgmt_async.emulator.state.records import CASE_TYPE_CODES, STATUSES, Resource

__all__ = [
    "BUILT_IN_TYPES",
    "CaseTypeRecord",
    "CustomAttributeRecord",
    "name_of_status",
    "status_of_name",
]

Statuses = dict[str, tuple[str, ...]]
PLAIN_STATUSES: Final[Statuses] = {"open": ("Open",), "in_progress": ("In Progress",), "closed": ("Closed",)}
"""The names of the statuses that a type allows, by group. The first one is the default of its group."""
GROUP_STATUS: Final = {"open": "OPEN", "in_progress": "IN_PROGRESS", "closed": "CLOSED"}
"""The status of a case whose status name is none of the usual ones, by group."""
STATUS_BY_NAME: Final = {name: status for status, (name, _) in STATUSES.items()}
GROUP_BY_CODE: Final = {"SG_OPEN": "open", "SG_IN_PROGRESS": "in_progress", "SG_CLOSED": "closed"}


@define(kw_only=True, eq=False)
class CaseTypeRecord:
    """One type of cases."""

    id: str
    name: str
    description: str = ""
    emoji: str = ""
    internal: bool = False
    """Whether the type is built into the service."""
    statuses: Statuses = field(factory=PLAIN_STATUSES.copy)

    def resource(self, *, with_statuses: bool) -> Resource:
        """The type as it is sent; older answers lack `internal` and `statuses_config`."""
        attributes: dict[str, Any] = {"description": self.description, "emoji": self.emoji, "name": self.name}
        if with_statuses:
            attributes["internal"] = self.internal
            attributes["statuses_config"] = {
                group: {"status_options": [{"name": name} for name in names], "default": names[0]}
                for group, names in self.statuses.items()
            }
        return {"id": self.id, "type": "case_type", "attributes": attributes}


@define(kw_only=True, eq=False)
class CustomAttributeRecord:
    """One custom attribute that a case type has."""

    id: str
    case_type_id: str
    key: str
    display_name: str
    is_multi: bool
    type: str
    description: str | None = None
    type_data: dict[str, Any] | None = None
    map_from: str | None = None

    def resource(self) -> Resource:
        """The attribute as it is sent. Fields without a value are absent."""
        attributes = {
            "case_type": CASE_TYPE_CODES.get(self.case_type_id, "TUNKNOWN"),
            "case_type_id": self.case_type_id,
            "description": self.description,
            "display_name": self.display_name,
            "is_multi": self.is_multi,
            "key": self.key,
            "map_from": self.map_from,
            "type": self.type,
            "type_data": self.type_data,
        }
        return {
            "id": self.id,
            "type": "custom_attribute",
            "attributes": {name: value for name, value in attributes.items() if value is not None},
        }


def built_in(number: int, name: str, **statuses: tuple[str, ...]) -> CaseTypeRecord:
    """Make a built-in type."""
    identity = f"00000000-0000-0000-0000-{number:012d}"
    return CaseTypeRecord(id=identity, name=name, internal=True, statuses={**PLAIN_STATUSES, **statuses})


BUILT_IN_TYPES: Final = (
    built_in(1, "Standard"),
    built_in(2, "Event Management"),
    built_in(3, "Security"),
    built_in(
        4,
        "Change Request",
        in_progress=("In Progress", "Pending Approval", "Approved", "Implementing"),
        closed=("Closed", "Completed", "Declined", "Cancelled"),
    ),
    built_in(5, "Error Tracking"),
)


def status_of_name(kind: CaseTypeRecord, name: str) -> str:
    """The status that a status name means for a type; refuses the request with 400 if the type does not allow it."""
    for group, names in kind.statuses.items():
        if name in names:
            usual = STATUS_BY_NAME.get(name)
            return usual if usual and GROUP_BY_CODE[STATUSES[usual][1]] == group else GROUP_STATUS[group]
    allowed = [name for names in kind.statuses.values() for name in names]
    return bad_request(f'invalid status_name "{name}". Must be one of {", ".join(allowed)}')


def name_of_status(kind: CaseTypeRecord | None, status: str) -> str:
    """The name that a type gives a status: the usual one if the type has it, otherwise the default of its group."""
    name, code = STATUSES[status]
    if kind is None or code not in GROUP_BY_CODE:
        return name
    names = kind.statuses[GROUP_BY_CODE[code]]
    return name if name in names or status != GROUP_STATUS[GROUP_BY_CODE[code]] else names[0]
