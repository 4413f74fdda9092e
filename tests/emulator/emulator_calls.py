"""Calls a simulation in-process, as the server does."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from casemgmt_async import routes
from casemgmt_async.emulator import Simulation
from casemgmt_async.emulator.messages import ApiRequest
from casemgmt_async.emulator.state.store import Store
from casemgmt_async.emulator.switches import Switches

BY_NAME = {route.name: route for route in (*routes.ROUTES, *routes.NEIGHBOURS)}
NOBODY = "00000000-0000-4000-8000-000000000000"
TYPE_ID = "00000000-0000-0000-0000-000000000001"
NOON = 1_780_000_000.477244496


@frozen
class Answer:
    """A reply, read."""

    status: int
    json: Any

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> Any:
        (error,) = self.json["errors"]
        return error


class Clock:
    """A clock that goes only when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Desk:
    """A simulation, and short ways to call it."""

    def __init__(self, seed: int = 0, **switches: Any) -> None:
        self.clock = Clock()
        self.simulation = Simulation(seed=seed, clock=self.clock, switches=Switches(**switches))
        self.seq = 0

    @property
    def store(self) -> Store:
        """The data of the simulation."""
        return self.simulation.store

    def ask(self, name: str, *ids: str, body: Any = None, query: dict[str, str] | None = None) -> Answer:
        """Call an operation."""
        route = BY_NAME[name]
        self.seq += 1
        request = ApiRequest(route, dict(zip(route.parameters, ids, strict=True)), query or {}, body, self.seq)
        reply = self.simulation.answer(request)
        whole = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        return Answer(reply.status, None if reply.body is None else json.loads(whole))

    def send(self, operation: str, /, *ids: str, kind: str = "case", **attributes: Any) -> Answer:
        """Call an operation with a body of type `kind` and these attributes."""
        data: dict[str, Any] = {"type": kind}
        if attributes:
            data["attributes"] = attributes
        return self.ask(operation, *ids, body={"data": data})

    def project(self, key: str = "OPS") -> str:
        """The id of a project."""
        return next(project for project, each in self.store.tables.projects.items() if each["attributes"]["key"] == key)

    def create(
        self, title: str = "A case", project: str = "OPS", assignee: str | None = None, **attributes: Any
    ) -> Any:
        """Create a case; gives its resource."""
        related: dict[str, Any] = {"project": {"data": {"id": self.project(project), "type": "project"}}}
        if assignee:
            related["assignee"] = {"data": {"id": assignee, "type": "user"}}
        attributes = {"title": title, "type_id": TYPE_ID, **attributes}
        body = {"data": {"type": "case", "attributes": attributes, "relationships": related}}
        answer = self.ask("create_case", body=body)
        assert answer.status == 201, answer
        return answer.data

    def search(self, filter: str = "", **query: Any) -> Answer:
        """Search, with `size`, `number`, `field` and `asc`."""
        names = {"size": "page[size]", "number": "page[number]", "field": "sort[field]", "asc": "sort[asc]"}
        asked = {names[name]: str(value).lower() for name, value in query.items()}
        return self.ask("search_cases", query={"filter": filter, **asked})

    def titles(self, filter: str = "", **query: Any) -> list[str]:
        """The titles that a search finds, oldest first unless told otherwise."""
        answer = self.search(filter, **{"size": 100, "asc": True, **query})
        assert answer.status == 200, answer
        return [case["attributes"]["title"] for case in answer.data]

    def get(self, address: str) -> Any:
        """The attributes of a case."""
        return self.ask("get_case", address).data["attributes"]
