"""The cases of the emulated organisation: adding, finding, changing, and their JSON.

Handlers use it while a request is being answered. Actors and tests call `create`, `close`, `archive`, `unarchive`,
`touch` and `edit` directly.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from casemgmt_async.emulator.messages import Reply, not_found
from casemgmt_async.emulator.state.case_types import name_of_status
from casemgmt_async.emulator.state.index import CaseIndex, PendingWrites, SortedMatches
from casemgmt_async.emulator.state.organization import Organization
from casemgmt_async.emulator.state.records import STANDARD_TYPE, STATUSES, CaseRecord, Resource, encode
from casemgmt_async.emulator.state.search import Predicate, compile_query

__all__ = ["CLOSED", "CaseStore"]

CLOSED: Final = frozenset(status for status, (_, group) in STATUSES.items() if group == "SG_CLOSED")


class CaseStore:
    """All cases of the organisation."""

    def __init__(self, org: Organization) -> None:
        self.org = org
        self.index = CaseIndex(org.tables.cases, org.tables.serials, {})
        self.encoded: dict[int, bytes] = {}
        """The JSON of cases that have not changed since it was made, by serial."""

    def forget(self, pending: PendingWrites | None = None) -> None:
        """Drop everything that can be computed again; `pending` replaces the writes that the index has not seen."""
        tables = self.org.tables
        self.index = CaseIndex(tables.cases, tables.serials, self.index.pending if pending is None else pending)
        self.encoded = {}

    def __len__(self) -> int:
        return len(self.org.tables.cases)

    def find(self, address: str) -> CaseRecord:
        """The case with this UUID or key; refuses the request with 404 if there is none."""
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
        """The next key of a project. Keys are never used twice."""
        tables = self.org.tables
        number = tables.numbers[project_id] = tables.numbers[project_id] + 1
        if self.org.switches.shuffle_keys:
            block, position = divmod(number - 1, 8)
            number = block * 8 + position * 5 % 8 + 1
        return f"{tables.projects[project_id]['attributes']['key']}-{number}"

    def change(self, case: CaseRecord, **fields: Any) -> bool:
        """Change a case; returns False, and changes nothing, if all fields already have these values."""
        new = {name: value for name, value in fields.items() if getattr(case, name) != value}
        if not new:
            return False
        before = copy.copy(case) if self.org.switches.index_lag else None
        if "status" in new or "status_name" in new:
            new |= self.status_fields(case, new)
        for name, value in new.items():
            setattr(case, name, value)
        case.modified_at = self.org.now()
        case.modified_by = self.org.me
        self.written(case, before)
        return True

    def status_fields(self, case: CaseRecord, new: dict[str, Any]) -> dict[str, Any]:
        """The fields that follow from a new status: its name, and the time of closing."""
        status = new.get("status", case.status)
        fields: dict[str, Any] = {"shows_status_name": True, "closed_at": None}
        if status in CLOSED:
            fields["closed_at"] = case.closed_at or self.org.now()
        if "status_name" not in new:
            fields["status_name"] = name_of_status(self.org.tables.case_types.get(case.type_id), status)
        return fields

    def edit(self, case: CaseRecord, **fields: Any) -> None:
        """Change a case and record it in the ledger."""
        if self.change(case, **fields):
            self.org.effect("update", case.id, **fields)

    def move(self, case: CaseRecord, project_id: str) -> None:
        """Move a case to another project, under that project's next key. Its Jira issue is detached."""
        if case.project_id != project_id:
            del self.org.tables.serials[case.key]
            key = self.next_key(project_id)
            self.org.tables.serials[key] = case.serial
            self.edit(case, project_id=project_id, key=key, jira_issue=None)

    def written(self, case: CaseRecord, before: CaseRecord | None) -> None:
        """Invalidate the JSON of a changed case, and let the index see the change now or later."""
        self.encoded.pop(case.serial, None)
        lag = self.org.switches.index_lag
        if lag:
            self.index.delay(case.serial, before, self.org.clock() + lag)
        else:
            self.index.changed(case.serial)

    def matches(self, query: str, sort: str = "created_at") -> SortedMatches:
        """The cases that a query finds now, sorted."""
        if self.index.pending:
            self.index.catch_up(self.org.clock())
        return self.index.matches(query, sort, lambda: self.predicate(query))

    def predicate(self, query: str) -> Predicate:
        """Compile a query. Archived cases do not match unless a switch shows them."""
        switches = self.org.switches
        asked = compile_query(query, self.org.users, switches.dead_facets)
        if switches.archived_visible:
            return asked
        return lambda case: case.archived_at is None and asked(case)

    def found(self, query: str) -> list[CaseRecord]:
        """The cases that a query finds now, oldest first."""
        matches, cases = self.matches(query), self.org.tables.cases
        return [cases[serial] for serial in matches.serials(0, len(matches.keys), ascending=True)]

    def resource(self, case: CaseRecord) -> Resource:
        """A case as it is sent."""
        author = self.org.user(case.created_by) if case.shows_author else None
        return case.resource(author, comment_count=self.org.switches.comment_count)

    def json(self, serial: int) -> bytes:
        """A case as JSON."""
        kept = self.encoded.get(serial)
        if kept is None:
            kept = self.encoded[serial] = encode(self.resource(self.org.tables.cases[serial]))
        return kept

    def reply(self, case: CaseRecord, status: int = 200) -> Reply:
        """Answer with one case and the users in its relationships."""
        included = b",".join(self.org.included(case.user_ids()))
        tail = b',"included":[' + included + b"]" if included else b""
        return Reply(status, b'{"data":' + self.json(case.serial) + tail + b"}")

    def page(self, query: str, sort: str, number: int, size: int, *, ascending: bool) -> Reply:
        """Answer with one page of the cases that a query finds, and the users in their relationships."""
        tables, switches = self.org.tables, self.org.switches
        matches = self.matches(query, sort)
        start, stop = (number - 1) * size, number * size
        if switches.depth_cap is not None:
            start, stop = min(start, switches.depth_cap), min(stop, switches.depth_cap)
        if switches.shuffle_ties:
            serials = matches.shuffled(tables.order_random, ascending=ascending)[start:stop]
        else:
            serials = matches.serials(start, stop, ascending=ascending)
        users = dict.fromkeys(user for serial in serials for user in tables.cases[serial].user_ids())
        included = b",".join(self.org.included(users))
        total = self.shown_total(len(matches.keys))
        meta = {"page": {"current": number, "size": len(serials), "total": -(-total // size)}, "total_cases": total}
        parts = (
            b'{"data":[' + b",".join(map(self.json, serials)) + b"]",
            b'"included":[' + included + b"]" if included else b"",
            b'"meta":' + encode(meta) + b"}",
        )
        return Reply(200, b",".join(filter(None, parts)))

    def shown_total(self, total: int) -> int:
        """The number of cases as `meta` shows it."""
        switches = self.org.switches
        if switches.depth_caps_totals and switches.depth_cap is not None:
            total = min(total, switches.depth_cap)
        return total + self.org.tables.order_random.randint(0, 1 + total // 50) if switches.inexact_totals else total

    def settle_tickets(self) -> None:
        """Complete the tickets whose delay has passed."""
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
        """Create a case as another user of the service would; returns its id."""
        org = self.org
        project_id = org.project_named(project)["id"]
        given = {"type_id": STANDARD_TYPE, "created_at": org.created_now(), "created_by": org.me, **fields}
        if "status" in given:
            given.setdefault("status_name", STATUSES[given["status"]][0])
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
        """Unarchive a case."""
        self.edit(self.find(address), archived_at=None)

    def touch(self, address: str, **fields: Any) -> None:
        """Change fields of a case, or its description if none are given."""
        case = self.find(address)
        self.edit(case, **(fields or {"description": f"{case.description}\nTouched by an actor.".lstrip()}))

    def read(self, address: str) -> Resource:
        """A case as it is sent."""
        return self.resource(self.find(address))
