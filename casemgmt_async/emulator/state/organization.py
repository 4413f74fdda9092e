"""What all parts of an emulated organisation share: its data, clock, switches, new ids and timestamps."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from casemgmt_async.emulator.messages import ApiRequest, not_found
from casemgmt_async.emulator.state.ledger import Effect, EffectKind
from casemgmt_async.emulator.state.records import Resource, encode
from casemgmt_async.emulator.state.tables import Tables
from casemgmt_async.emulator.switches import Switches

__all__ = ["Organization"]


class Organization:
    """The data of one emulated organisation, without its cases' search index."""

    def __init__(self, seed: int, clock: Callable[[], float], switches: Switches) -> None:
        self.seed = seed
        self.clock = clock
        """Returns the time in Unix seconds."""
        self.switches = switches
        self.request: ApiRequest | None = None
        """The request that is being answered; None between requests."""
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
    def users(self) -> dict[str, Resource]:
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

    def included(self, user_ids: list[str]) -> list[bytes]:
        """The known users with these ids, as JSON."""
        return [encode(self.users[user]) for user in user_ids if user in self.users]
