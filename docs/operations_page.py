"""Write the page of operations from the tables of routes and the docstrings, so that it cannot be out of date."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

from sphinx.application import Sphinx

from casemgmt_async.routes import NEIGHBOURS, ROUTES, Replay, Route

LOST_ANSWER = {
    Replay.READ: "sent again",
    Replay.SET: "sent again",
    Replay.CREATE: "never sent twice",
}


def page(table: Sequence[Route]) -> str:
    """All operations of a table, by resource: their routes, then each function with its docstring."""
    parts = []
    for resource, rows in groupby(table, attrgetter("resource")):
        routes = list(rows)
        parts += [f"### {resource}", "", _table(routes), "", "```{eval-rst}"]
        parts += [f".. autofunction:: casemgmt_async.endpoints.{resource}.{route.name}\n" for route in routes]
        parts += ["```", ""]
    return "\n".join(parts)


def _table(routes: list[Route]) -> str:
    head = ["| function | request, under `/api/v2` | scope | lost answer |", "| --- | --- | --- | --- |"]
    rows = [
        f"| `{r.name}` | {r.method} `{r.path.removeprefix('/api/v2')}` | {r.scope or 'none named'} "
        f"| {LOST_ANSWER[r.replay]} |"
        for r in routes
    ]
    return "\n".join(head + rows)


def migration() -> str:
    """Each method of the official client's `CaseManagementApi`, and the function that takes its place."""
    head = ["| official client | here |", "| --- | --- |"]
    rows = [f"| `api.{r.name}(...)` | `await {r.resource}.{r.name}(session, {_ids(r)}...)` |" for r in ROUTES]
    return "\n".join(head + rows)


def _ids(route: Route) -> str:
    return "".join(f"{name}, " for name in route.parameters)


def _fill(_app: Sphinx, name: str, source: list[str]) -> None:
    if name in PLACES:
        for mark, write in PLACES[name].items():
            source[0] = source[0].replace(mark, write())


def models() -> str:
    """Every module of models, by resource."""
    modules = dict.fromkeys(route.resource for route in ROUTES + NEIGHBOURS if route.resource != "relationships")
    listed = [f".. automodule:: casemgmt_async.models.{name}\n   :members:\n" for name in modules]
    return "\n".join(["```{eval-rst}", *listed, "```"])


PLACES = {
    "reference": {"<!-- models -->": models},
    "operations": {"<!-- operations -->": partial(page, ROUTES), "<!-- neighbours -->": partial(page, NEIGHBOURS)},
    "official-client": {"<!-- migration -->": migration},
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook the page into the build."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
