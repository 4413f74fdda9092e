"""The cases of an emulated organisation: adding, finding, changing, and their JSON.

Handlers come here with a request behind them. Actors, which change cases between two pages of somebody's
walk, call `create`, `close`, `archive`, `touch` and `edit` directly.
"""

from __future__ import annotations

import copy
from typing import Any

from casemgmt_async.emulator.messages import Reply, not_found
from casemgmt_async.emulator.state.index import Behind, CaseIndex, SortedMatches
from casemgmt_async.emulator.state.organization import Organization
from casemgmt_async.emulator.state.records import STATUSES, CaseRecord, encode
from casemgmt_async.emulator.state.search import Predicate, compile_query

__all__ = ["STANDARD_TYPE", "CaseStore"]

STANDARD_TYPE = "00000000-0000-0000-0000-000000000001"
CLOSED = frozenset(status for status, (_, group) in STATUSES.items() if group == "SG_CLOSED")


class CaseStore:
    """All cases of an emulated organisation."""

    def __init__(self, org: Organization) -> None:
        self.org = org
        self.index = CaseIndex(org.tables.cases, {})
        self.encoded: dict[int, bytes] = {}

    def forget(self, behind: Behind | None = None) -> None:
        """Drop everything that can be computed again; `behind` is what the index has not seen yet, if that is new."""
        self.index = CaseIndex(self.org.tables.cases, self.index.behind if behind is None else behind)
        self.encoded = {}

    def __len__(self) -> int:
        return len(self.org.tables.cases)

    def find(self, address: str) -> CaseRecord:
        """The case of that UUID or key, or a refusal with 404."""
        tables = self.org.tables
        serial = tables.serials.get(address)
        if serial is None:
            serial = tables.serials.get(address.lower())
        return not_found("case") if serial is None else tables.cases[serial]

    def add(self, *, project_id: str, case_id: str = "", **fields: Any) -> CaseRecord:
        """Add a case to a project, under the project's next key."""
        tables = self.org.tables
        case = CaseRecord(
            serial=len(tables.cases),
            id=case_id or self.org.uuid(),
            key=self.next_key(project_id),
            project_id=project_id,
            **fields,
        )
        tables.cases.append(case)
        tables.serials[case.id] = tables.serials[case.key] = case.serial
        self.written(case, None)
        return case

    def next_key(self, project_id: str) -> str:
        """The next key of a project; keys are never given twice."""
        tables = self.org.tables
        tables.numbers[project_id] += 1
        return f"{tables.projects[project_id]['attributes']['key']}-{tables.numbers[project_id]}"

    def change(self, case: CaseRecord, **fields: Any) -> bool:
        """Change a case; where nothing differs nothing happens. Tells whether something did."""
        new = {name: value for name, value in fields.items() if getattr(case, name) != value}
        if not new:
            return False
        before = copy.copy(case) if self.org.switches.index_lag else None
        if "status" in new:
            fields = {"names_status": True, "closed_at": case.closed_at if new["status"] in CLOSED else None}
            if new["status"] in CLOSED and case.closed_at is None:
                fields["closed_at"] = self.org.now()
        else:
            fields = {}
        for name, value in {**new, **fields}.items():
            setattr(case, name, value)
        case.modified_at = self.org.now()
        case.modified_by = self.org.me
        self.written(case, before)
        return True

    def edit(self, case: CaseRecord, **fields: Any) -> None:
        """Change a case and note it for the ledger."""
        if self.change(case, **fields):
            self.org.effect("update", case.id, **fields)

    def move(self, case: CaseRecord, project_id: str) -> None:
        """Give a case to another project, where it gets that project's next key."""
        if case.project_id != project_id:
            del self.org.tables.serials[case.key]
            key = self.next_key(project_id)
            self.org.tables.serials[key] = case.serial
            self.edit(case, project_id=project_id, key=key)

    def written(self, case: CaseRecord, before: CaseRecord | None) -> None:
        """Take note of a write: its JSON is old, and the index sees it now or later."""
        self.encoded.pop(case.serial, None)
        lag = self.org.switches.index_lag
        if lag:
            self.index.delay(case.serial, before, self.org.clock() + lag)
        else:
            self.index.changed(case.serial)

    def matches(self, query: str, sort: str = "created_at") -> SortedMatches:
        """What a query finds at this moment."""
        if self.index.behind:
            self.index.catch_up(self.org.clock())
        return self.index.matches(query, sort, lambda: self.predicate(query))

    def predicate(self, query: str) -> Predicate:
        """The test of a query, which passes over archived cases unless they are to be seen."""
        switches = self.org.switches
        asked = compile_query(query, self.org.users, switches.dead_facets)
        if switches.archived_visible:
            return asked
        return lambda case: case.archived_at is None and asked(case)

    def found(self, query: str) -> list[CaseRecord]:
        """The cases that a query finds, oldest first."""
        listing = self.matches(query)
        return [self.org.tables.cases[serial] for serial in listing.serials(0, len(listing.keys), ascending=True)]

    def json(self, serial: int) -> bytes:
        """A case as JSON."""
        kept = self.encoded.get(serial)
        if kept is None:
            kept = self.encoded[serial] = encode(self.org.tables.cases[serial].resource(self.org.users))
        return kept

    def reply(self, case: CaseRecord, status: int = 200) -> Reply:
        """A case document: the case and the users it points to."""
        included = b",".join(self.org.included(case.users()))
        tail = b',"included":[' + included + b"]" if included else b""
        return Reply(status, b'{"data":' + self.json(case.serial) + tail + b"}")

    def page(self, query: str, sort: str, number: int, size: int, *, ascending: bool) -> Reply:
        """One page of what a query finds."""
        switches, tables = self.org.switches, self.org.tables
        listing = self.matches(query, sort)
        start = (number - 1) * size
        if switches.shuffle_ties:
            serials = listing.shuffled(tables.tie_random, ascending=ascending)[start : start + size]
        else:
            serials = listing.serials(start, start + size, ascending=ascending)
        users = dict.fromkeys(user for serial in serials for user in tables.cases[serial].users())
        included = b",".join(self.org.included(list(users)))
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
        tables = self.org.tables
        if not tables.tickets:
            return
        now = self.org.clock()
        for _, serial, name, ticket in [each for each in tables.tickets if each[0] <= now]:
            case = tables.cases[serial]
            if getattr(case, name) is not None:
                setattr(case, name, ticket)
                self.encoded.pop(serial, None)
        tables.tickets = [each for each in tables.tickets if each[0] > now]

    def create(self, title: str = "A case by an actor", project: str | None = None, **fields: Any) -> str:
        """Make a case, as another user of the service would; gives its id."""
        org = self.org
        project_id = org.project_named(project)["id"]
        given = {"type_id": STANDARD_TYPE, "created_at": org.now(), "created_by": org.me, **fields}
        case = self.add(project_id=project_id, title=title, **given)
        org.effect("create", case.id, title=title, key=case.key, project_id=project_id)
        return case.id

    def close(self, address: str) -> None:
        """Close a case."""
        self.edit(self.find(address), status="CLOSED")

    def archive(self, address: str) -> None:
        """Archive a case."""
        case = self.find(address)
        if case.archived_at is None:
            self.edit(case, archived_at=self.org.now())

    def unarchive(self, address: str) -> None:
        """Bring a case back from the archive."""
        self.edit(self.find(address), archived_at=None)

    def touch(self, address: str, **fields: Any) -> None:
        """Change fields of a case, or its description where none is named."""
        case = self.find(address)
        self.edit(case, **(fields or {"description": f"{case.description}\nTouched by an actor.".lstrip()}))

    def read(self, address: str) -> dict[str, Any]:
        """A case as the resource that is sent."""
        return self.find(address).resource(self.org.users)
