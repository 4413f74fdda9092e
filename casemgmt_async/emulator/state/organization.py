"""What all parts of an emulated organisation share: its data, clock, switches, new ids and timestamps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, bad_request, not_found, refuse
from casemgmt_async.emulator.state.case_types import CaseTypeRecord, CustomAttributeRecord
from casemgmt_async.emulator.state.ledger import Effect, EffectKind
from casemgmt_async.emulator.state.people import UserRecord, unknown_user
from casemgmt_async.emulator.state.records import Resource, encode
from casemgmt_async.emulator.state.tables import Tables
from casemgmt_async.emulator.switches import Switches

__all__ = ["Organization"]


class Organization:
    """The data of one emulated organisation, without the search index of its cases."""

    def __init__(self, seed: int, clock: Callable[[], float], switches: Switches) -> None:
        self.seed = seed
        self.clock = clock
        """Returns the time in Unix seconds."""
        self.switches = switches
        self.request: ApiRequest | None = None
        """The request that is being answered; None between requests."""
        self.user_searches: dict[Any, list[UserRecord]] = {}
        """The results of searches for users, until the users change."""
        self.tables = Tables(Random(seed), Random(seed))  # noqa: S311 - reproducible, not secret

    @property
    def effects(self) -> list[Effect]:
        """All changes, in order."""
        return self.tables.effects

    @property
    def me(self) -> str:
        """The id of the calling user."""
        return self.tables.me

    @property
    def users(self) -> dict[str, UserRecord]:
        """The organisation's users by id."""
        return self.tables.users

    def uuid(self) -> str:
        """Make a new id."""
        digits = f"{self.tables.random.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def now(self) -> int:
        """The time in nanoseconds, later at every call even if the clock stands still."""
        self.tables.latest = max(self.tables.latest + 1, int(self.clock() * 1e9))
        return self.tables.latest

    def created_now(self) -> int:
        """The time for a `created_at`: whole microseconds, as recorded; later at every call."""
        self.tables.latest = max(self.tables.latest // 1000 + 1, int(self.clock() * 1e6)) * 1000
        return self.tables.latest

    def effect(self, kind: EffectKind, entity: str, **detail: object) -> None:
        """Record a change in the ledger, under the request that is being answered."""
        seq, name = (self.request.seq, self.request.route.name) if self.request else (-1, "actor")
        self.tables.effects.append(Effect(seq, name, entity, kind, detail))

    def project(self, project_id: str) -> Resource:
        """The project with this id; refuses the request with 404 if there is none."""
        return self.tables.projects.get(project_id.lower()) or not_found("project")

    def project_named(self, name: str | None) -> Resource:
        """The project with this id or key; None for the first project."""
        projects = self.tables.projects.values()
        matches = (each for each in projects if name is None or name in {each["id"], each["attributes"]["key"]})
        return next(matches, None) or not_found("project")

    def user_named(self, name: str) -> UserRecord:
        """The user with this id, handle, e-mail address or name; `me` for the calling user. Raises `LookupError`."""
        if name == "me":
            return self.users[self.me]
        users = self.users.values()
        matches = (each for each in users if name in {each.id, each.handle, each.email, each.name})
        found = next(matches, None)
        if found is None:
            raise LookupError(f"no user {name!r}: use an id, a handle, an e-mail address, a name, or 'me'")
        return found

    def case_type(self, type_id: str) -> CaseTypeRecord:
        """The case type with this id; refuses the request with 404 if there is none."""
        return self.tables.case_types.get(type_id.lower()) or not_found("case_type")

    def custom_attribute(self, type_id: str, key: str) -> CustomAttributeRecord:
        """The custom attribute that a type has under a key; refuses the request with 404 if there is none."""
        attributes = self.tables.custom_attributes.values()
        found = (each for each in attributes if each.case_type_id == type_id and each.key == key)
        return next(found, None) or refuse(
            404, code="resource_not_found", title="custom attribute not found", meta={"key": key}
        )

    def check_custom_attributes(self, type_id: str, values: dict[str, dict[str, Any]]) -> None:
        """Refuse values under keys that the type does not have, or of another kind than it has."""
        for key, value in values.items():
            configured = self.custom_attribute(type_id, key)
            if (value["type"], value["is_multi"]) != (configured.type, configured.is_multi):
                many = "several values" if configured.is_multi else "one value"
                bad_request(f'custom attribute "{key}" must have type {configured.type} and {many}')

    def user(self, user_id: str) -> Resource:
        """A user as answers about cases include it. Unknown users are inactive and blank."""
        found = self.users.get(user_id)
        return unknown_user(user_id) if found is None else found.included()

    def included(self, user_ids: Iterable[str]) -> list[bytes]:
        """The users with these ids, as JSON; none if a switch leaves them out."""
        return [encode(self.user(user)) for user in user_ids if self.switches.included]
