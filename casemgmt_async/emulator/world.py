"""The world behind the emulator: everything the service would know, and its answers.

`World.answer` takes a request and gives the reply; when it returns, everything took effect. The rules of
the ten resources stand in the modules named after them, one function an operation.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from attrs import define, field

from casemgmt_async.emulator import (
    automation_rules,
    cases,
    links,
    maintenance_windows,
    notification_rules,
    projects,
    relationships,
    timeline,
    views,
    watchers,
)
from casemgmt_async.emulator.checks import not_found
from casemgmt_async.emulator.exchange import Effect, EffectKind, Refused, Reply, Request
from casemgmt_async.emulator.records import Case, Cell, Resource, encode
from casemgmt_async.emulator.seeding import establish, sow
from casemgmt_async.emulator.store import CaseStore
from casemgmt_async.emulator.switches import Switches
from casemgmt_async.routes import ROUTES

__all__ = ["HANDLERS", "World"]

Handler = Callable[["World", Request], Reply]

MODULES = (
    cases, timeline, relationships, watchers, links, projects,
    automation_rules, notification_rules, views, maintenance_windows,
)  # fmt: skip
BY_RESOURCE: Mapping[str, Any] = {module.__name__.rpartition(".")[2]: module for module in MODULES}
HANDLERS: Mapping[str, Handler] = {route.name: getattr(BY_RESOURCE[route.resource], route.name) for route in ROUTES}
"""The function that answers each operation, by the route's name."""


@define(eq=False)
class State:
    """All that a snapshot has to keep."""

    random: Random
    lots: Random
    """For the order among equals, so that looking changes no id."""
    latest: int = 0
    """The latest moment given out, in nanoseconds."""
    me: str = ""
    """The id of the user who calls."""
    users: dict[str, Resource] = field(factory=dict)
    projects: dict[str, Resource] = field(factory=dict)
    numbers: dict[str, int] = field(factory=dict)
    """The number of the latest case by project id."""
    cases: list[Case] = field(factory=list)
    serials: dict[str, int] = field(factory=dict)
    """Places in `cases`, by id and by key."""
    cells: dict[str, Cell] = field(factory=dict)
    links: dict[str, Resource] = field(factory=dict)
    favorites: dict[str, None] = field(factory=dict)
    automation_rules: dict[str, dict[str, Resource]] = field(factory=dict)
    """By project id, then by id; notification rules likewise."""
    notification_rules: dict[str, dict[str, Resource]] = field(factory=dict)
    views: dict[str, Resource] = field(factory=dict)
    windows: dict[str, Resource] = field(factory=dict)
    tickets: list[tuple[float, int, str, dict[str, Any]]] = field(factory=list)
    """Tickets that other systems have not made yet: when, for which case, under which name, and what."""
    effects: list[Effect] = field(factory=list)


class World:
    """The state of one emulated organisation.

    `seed` decides every id and every seeded value; `clock` tells the time in Unix seconds. One seed, one
    clock and one series of requests give the same answers to the byte.
    """

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time, switches: Switches | None = None) -> None:
        self.seed = seed
        self.clock = clock
        self._switches = switches or Switches()
        self.request: Request | None = None
        self.state: State = State(Random(seed), Random(seed))  # noqa: S311 - reproducible, not secret
        self.cases: CaseStore = CaseStore(self)
        establish(self)

    @property
    def switches(self) -> Switches:
        """What this world does where nobody knows; may be set at any time."""
        return self._switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self._switches = switches
        self.cases.forget()

    @property
    def effects(self) -> list[Effect]:
        """What really changed, in order."""
        return self.state.effects

    @property
    def me(self) -> str:
        """The id of the user who calls."""
        return self.state.me

    @property
    def users(self) -> dict[str, Resource]:
        """The organisation's users by id."""
        return self.state.users

    def answer(self, request: Request) -> Reply:
        """Answer a request; when this returns, everything took effect."""
        self.request = request
        try:
            self.cases.settle_tickets()
            return HANDLERS[request.route.name](self, request)
        except Refused as refused:
            return self.refusal(refused)
        finally:
            self.request = None

    def refusal(self, refused: Refused) -> Reply:
        """The error answer, in the shape that is switched on."""
        errors: list[Any] = refused.errors
        if self.switches.error_shape == "documented":
            errors = [error.get("detail") or error.get("title", "") for error in errors]
        return Reply(refused.status, {"errors": errors})

    def seed_cases(self, count: int, *, project: str | None = None, ties: int = 1, **fields: Any) -> list[str]:
        """Add realistic cases, without effects; gives their ids in order of creation.

        `project` is the id or key of the project they all belong to; without it they are spread over all.
        `ties` is how many in a row share one `created_at`. `fields` fixes fields of every case, as
        `status="OPEN"`.
        """
        return sow(self, count, project=project, ties=ties, fields=fields)

    def snapshot(self) -> object:
        """Everything as it is now, for `restore`; it can be restored many times."""
        return pickle.dumps((self.state, self.cases.index.behind))

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot of this world, effects included."""
        assert isinstance(snapshot, bytes)
        self.state, behind = pickle.loads(snapshot)  # noqa: S301 - our own bytes
        self.cases.forget(behind)

    def reset(self) -> None:
        """Go back to how this world was made."""
        self.state = State(Random(self.seed), Random(self.seed))  # noqa: S311
        self.cases.forget({})
        establish(self)

    def uuid(self) -> str:
        """A new id."""
        digits = f"{self.state.random.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def now(self) -> int:
        """The time in nanoseconds, later at every call even where the clock stands still."""
        self.state.latest = max(self.state.latest + 1, int(self.clock() * 1e9))
        return self.state.latest

    def effect(self, kind: EffectKind, entity: str, **detail: Any) -> None:
        """Note a change for the ledger, under the request that is being answered."""
        seq, name = (self.request.seq, self.request.route.name) if self.request else (-1, "actor")
        self.state.effects.append(Effect(seq, name, entity, kind, detail))

    def project(self, project_id: str) -> Resource:
        """The project of that id, or a refusal with 404."""
        return self.state.projects.get(project_id.lower()) or not_found("project")

    def project_named(self, name: str | None) -> Resource:
        """The project of that id or key; without a name the first one."""
        projects = self.state.projects.values()
        named = (each for each in projects if name is None or name in {each["id"], each["attributes"]["key"]})
        return next(named, None) or not_found("project")

    def included(self, user_ids: list[str]) -> list[bytes]:
        """The users of that ids that are known, as JSON."""
        return [encode(self.users[user]) for user in user_ids if user in self.users]
