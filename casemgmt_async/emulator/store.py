"""The cases of a world: adding, finding, changing, and their JSON.

Handlers come here with a request behind them. Actors, which change cases between two pages of somebody's
walk, call `create`, `close`, `archive`, `touch` and `edit` directly.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from casemgmt_async.emulator.checks import not_found
from casemgmt_async.emulator.exchange import Reply
from casemgmt_async.emulator.index import Behind, Index, Listing
from casemgmt_async.emulator.records import STATUSES, Case, encode
from casemgmt_async.emulator.search import Predicate, compile_query

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World

__all__ = ["STANDARD_TYPE", "CaseStore"]

STANDARD_TYPE = "00000000-0000-0000-0000-000000000001"
CLOSED = frozenset(status for status, (_, group) in STATUSES.items() if group == "SG_CLOSED")


class CaseStore:
    """All cases of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.index = Index(world.state.cases, {})
        self.encoded: dict[int, bytes] = {}

    def forget(self, behind: Behind | None = None) -> None:
        """Drop everything that can be computed again; `behind` is what the index has not seen yet, if that is new."""
        self.index = Index(self.world.state.cases, self.index.behind if behind is None else behind)
        self.encoded = {}

    def __len__(self) -> int:
        return len(self.world.state.cases)

    def find(self, address: str) -> Case:
        """The case of that UUID or key, or a refusal with 404."""
        state = self.world.state
        serial = state.serials.get(address)
        if serial is None:
            serial = state.serials.get(address.lower())
        return not_found("case") if serial is None else state.cases[serial]

    def add(self, *, project_id: str, case_id: str = "", **fields: Any) -> Case:
        """Add a case to a project, under the project's next key."""
        state = self.world.state
        case = Case(
            serial=len(state.cases),
            id=case_id or self.world.uuid(),
            key=self.next_key(project_id),
            project_id=project_id,
            **fields,
        )
        state.cases.append(case)
        state.serials[case.id] = state.serials[case.key] = case.serial
        self.written(case, None)
        return case

    def next_key(self, project_id: str) -> str:
        """The next key of a project; keys are never given twice."""
        state = self.world.state
        state.numbers[project_id] += 1
        return f"{state.projects[project_id]['attributes']['key']}-{state.numbers[project_id]}"

    def change(self, case: Case, **fields: Any) -> bool:
        """Change a case; where nothing differs nothing happens. Tells whether something did."""
        new = {name: value for name, value in fields.items() if getattr(case, name) != value}
        if not new:
            return False
        before = copy.copy(case) if self.world.switches.index_lag else None
        if "status" in new:
            fields = {"names_status": True, "closed_at": case.closed_at if new["status"] in CLOSED else None}
            if new["status"] in CLOSED and case.closed_at is None:
                fields["closed_at"] = self.world.now()
        else:
            fields = {}
        for name, value in {**new, **fields}.items():
            setattr(case, name, value)
        case.modified_at = self.world.now()
        case.modified_by = self.world.me
        self.written(case, before)
        return True

    def edit(self, case: Case, **fields: Any) -> None:
        """Change a case and note it for the ledger."""
        if self.change(case, **fields):
            self.world.effect("update", case.id, **fields)

    def move(self, case: Case, project_id: str) -> None:
        """Give a case to another project, where it gets that project's next key."""
        if case.project_id != project_id:
            del self.world.state.serials[case.key]
            key = self.next_key(project_id)
            self.world.state.serials[key] = case.serial
            self.edit(case, project_id=project_id, key=key)

    def written(self, case: Case, before: Case | None) -> None:
        """Take note of a write: its JSON is old, and the index sees it now or later."""
        self.encoded.pop(case.serial, None)
        lag = self.world.switches.index_lag
        if lag:
            self.index.delay(case.serial, before, self.world.clock() + lag)
        else:
            self.index.changed(case.serial)

    def listing(self, query: str, sort: str = "created_at") -> Listing:
        """What a query finds at this moment."""
        if self.index.behind:
            self.index.catch_up(self.world.clock())
        return self.index.listing(query, sort, lambda: self.predicate(query))

    def predicate(self, query: str) -> Predicate:
        """The test of a query, which passes over archived cases unless they are to be seen."""
        switches = self.world.switches
        asked = compile_query(query, self.world.users, switches.dead_facets)
        if switches.archived_visible:
            return asked
        return lambda case: case.archived_at is None and asked(case)

    def found(self, query: str) -> list[Case]:
        """The cases that a query finds, oldest first."""
        listing = self.listing(query)
        return [self.world.state.cases[serial] for serial in listing.serials(0, len(listing.keys), ascending=True)]

    def json(self, serial: int) -> bytes:
        """A case as JSON."""
        kept = self.encoded.get(serial)
        if kept is None:
            kept = self.encoded[serial] = encode(self.world.state.cases[serial].resource(self.world.users))
        return kept

    def reply(self, case: Case, status: int = 200) -> Reply:
        """A case document: the case and the users it points to."""
        included = b",".join(self.world.included(case.users()))
        tail = b',"included":[' + included + b"]" if included else b""
        return Reply(status, b'{"data":' + self.json(case.serial) + tail + b"}")

    def page(self, query: str, sort: str, number: int, size: int, *, ascending: bool) -> Reply:
        """One page of what a query finds."""
        switches, state = self.world.switches, self.world.state
        listing = self.listing(query, sort)
        start = (number - 1) * size
        if switches.shuffle_ties:
            serials = listing.shuffled(state.lots, ascending=ascending)[start : start + size]
        else:
            serials = listing.serials(start, start + size, ascending=ascending)
        users = dict.fromkeys(user for serial in serials for user in state.cases[serial].users())
        included = b",".join(self.world.included(list(users)))
        total = len(listing.keys)
        meta = {
            "page": {"current": number, "size": len(serials), "total": -(-total // size)},
            "total_cases": total,
        }
        parts = (
            b'{"data":[' + b",".join(map(self.json, serials)) + b"]",
            b'"included":[' + included + b"]" if included else b"",
            b'"meta":' + encode(meta) + b"}",
        )
        return Reply(200, b",".join(filter(None, parts)))

    def settle_tickets(self) -> None:
        """Let the tickets appear that other systems have made by now."""
        state = self.world.state
        if not state.tickets:
            return
        now = self.world.clock()
        for _, serial, name, ticket in [each for each in state.tickets if each[0] <= now]:
            case = state.cases[serial]
            if getattr(case, name) is not None:
                setattr(case, name, ticket)
                self.encoded.pop(serial, None)
        state.tickets = [each for each in state.tickets if each[0] > now]

    def create(self, title: str = "A case by an actor", project: str | None = None, **fields: Any) -> str:
        """Make a case, as another user of the service would; gives its id."""
        world = self.world
        project_id = world.project_named(project)["id"]
        given = {"type_id": STANDARD_TYPE, "created_at": world.now(), "created_by": world.me, **fields}
        case = self.add(project_id=project_id, title=title, **given)
        world.effect("create", case.id, title=title, key=case.key, project_id=project_id)
        return case.id

    def close(self, address: str) -> None:
        """Close a case."""
        self.edit(self.find(address), status="CLOSED")

    def archive(self, address: str) -> None:
        """Archive a case."""
        case = self.find(address)
        if case.archived_at is None:
            self.edit(case, archived_at=self.world.now())

    def unarchive(self, address: str) -> None:
        """Bring a case back from the archive."""
        self.edit(self.find(address), archived_at=None)

    def touch(self, address: str, **fields: Any) -> None:
        """Change fields of a case, or its description where none is named."""
        case = self.find(address)
        self.edit(case, **(fields or {"description": f"{case.description}\nTouched by an actor.".lstrip()}))

    def read(self, address: str) -> dict[str, Any]:
        """A case as the resource that is sent."""
        return self.find(address).resource(self.world.users)
