"""The names that people write in rules, and the ids that the service wants instead."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, define, field, frozen

from casemgmt_async.jobs.actions import as_uuid
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.statuses import status_code

__all__ = ["ON_CALL", "UNRESOLVED", "CaseTypeNames", "NameBook", "WantedName"]

ON_CALL = "on-call:"
UNRESOLVED = ""
"""Stands for an id as long as names are only collected."""


@frozen
class WantedName:
    """A name that a rule uses."""

    kind: str
    """`user`, `matched user`, who may be disabled, `project` or `status`."""
    name: str
    """The name as it was written."""
    where: str
    """The rule and key that use it."""


@frozen
class CaseTypeNames:
    """What a case type is called, and the statuses that its cases can have."""

    id: str
    name: str
    statuses: tuple[str, ...] = ()
    """Names of statuses; empty if the service did not report them."""


@define
class NameBook:
    """Ids by name. Without ids, as before a plan is made, it collects the names that are wanted."""

    users: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """The ids of users that actions name, by these names; several for a team on call."""
    matched_users: Mapping[str, tuple[str, ...]] = field(kw_only=True, factory=dict)
    """The same for the users that matches name: cases can still be assigned to a disabled user."""
    projects: Mapping[str, str] = field(factory=dict)
    """The ids of projects by their keys."""
    types: tuple[CaseTypeNames, ...] = ()
    """The case types."""
    labels: Mapping[str, str] = field(factory=dict)
    """What to show in the place of an id."""
    wanted: list[WantedName] = field(factory=list)
    """The names that no id is known of."""
    codes: Mapping[str | None, frozenset[str]] = field(
        init=False,
        default=Factory(
            lambda self: {each.id: frozenset(map(status_code, each.statuses)) for each in self.types}, takes_self=True
        ),
    )
    """The codes of the statuses of each case type, by its id."""

    @property
    def types_tell_statuses(self) -> bool:
        """Whether the statuses of every case type are known."""
        return bool(self.types) and all(each.statuses for each in self.types)

    def user(self, where: str, name: object) -> tuple[str, ...]:
        """Find the ids of a user, or of a team on call."""
        return self._find("user", where, name, self.users)

    def matched_user(self, where: str, name: object) -> tuple[str, ...]:
        """Find the ids of a user, who may be disabled, or of a team on call."""
        return self._find("matched user", where, name, self.matched_users)

    def project(self, where: str, name: object) -> str:
        """Find the id of a project."""
        return self._find("project", where, name, {key: (id_,) for key, id_ in self.projects.items()})[0]

    def status(self, where: str, name: str) -> None:
        """Note a status, which has to be one that some case type allows."""
        known = {status_code(status) for each in self.types for status in each.statuses}
        if status_code(name) not in known:
            self.wanted.append(WantedName("status", name, where))

    def _find(self, kind: str, where: str, name: object, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        if not isinstance(name, str) or not name.strip():
            raise RulesError(f"{where} must be the name or the id of a {kind}, not {name!r}")
        if (found := as_uuid(name)) is not None:
            return (found,)
        if name in known:
            return known[name]
        self.wanted.append(WantedName(kind, name, where))
        return (UNRESOLVED,)

    def allows(self, type_id: str | None, status: str) -> bool:
        """Whether cases of a type can have a status; True if nobody knows."""
        codes = self.codes.get(type_id)
        return not codes or status_code(status) in codes
