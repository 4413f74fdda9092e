"""Writes the page of operations from the table of routes and the docstrings, so that it cannot be out of date."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Any

from sphinx.application import Sphinx

from casemgmt_async.routes import ROUTES, Replay, Route

PLACE = "<!-- operations -->"
LOST_ANSWER = {
    Replay.READ: "sent again",
    Replay.SET: "sent again",
    Replay.CREATE: "never sent twice",
}


def page() -> str:
    """All operations, by resource: a table of routes, then each function with its docstring."""
    parts = []
    for resource, rows in groupby(ROUTES, attrgetter("resource")):
        routes = list(rows)
        parts += [f"## {resource}", "", _table(routes), "", "```{eval-rst}"]
        parts += [f".. autofunction:: casemgmt_async.endpoints.{resource}.{route.name}\n" for route in routes]
        parts += ["```", ""]
    return "\n".join(parts)


def _table(routes: list[Route]) -> str:
    head = ["| function | method and path | scope | after a lost answer |", "| --- | --- | --- | --- |"]
    return "\n".join(
        head
        + [
            f"| `{r.name}` | `{r.method} {r.path}` | {r.scope or 'none named'} | {LOST_ANSWER[r.replay]} |"
            for r in routes
        ]
    )


def _fill(_app: Sphinx, name: str, source: list[str]) -> None:
    if name == "operations":
        source[0] = source[0].replace(PLACE, page())


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook the page into the build."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
