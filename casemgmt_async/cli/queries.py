"""A look at a search query before it is sent: mistakes that a caret can show, and facets that may be misspelt.

The service has the last word on a query. This refuses only what no search can mean: quotes and parentheses that are
not closed, an operator without a neighbour, a facet without a value.
"""

from __future__ import annotations

import re
from typing import Final

import click

__all__ = ["FACETS", "check_query", "facets_of", "suggest_facets"]

FACETS: Final = (
    "assignee", "assignee_id", "created_by", "creation_source", "env", "id", "key", "priority", "project", "project_id",
    "service", "status", "status_group", "status_name", "team", "title", "type", "type_id",
)  # fmt: skip
"""Facets that searches of cases are known to use."""
TOKEN: Final = re.compile(
    r'(?P<space>\s+)|(?P<phrase>"(?:\\.|[^"\\])*")|(?P<quote>")|(?P<open>\()|(?P<close>\))'
    r"|(?P<operator>(?:AND|OR|NOT)(?![^\s()]))|(?P<minus>-(?=\S))|(?P<facet>[^\s():\"\-][^\s():\"]*:)|(?P<word>[^\s()\"]+)"
)


class BadQuery(click.UsageError):
    """A query that no search can mean, shown with a caret under the place."""

    def __init__(self, query: str, place: int, problem: str) -> None:
        line = query.replace("\n", " ").replace("\t", " ")
        super().__init__(f"{problem}\n  {line}\n  {' ' * place}^")

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        """Write the message without the usage."""
        click.echo(f"casemgmt: malformed query: {self.message}", err=True)


BEFORE: Final = {("start", "operator"), ("open", "operator"), ("operator", "operator")}
"""Neighbours of which the second lacks something before it."""
AFTER: Final = {("operator", "close"), ("open", "close"), ("operator", "end"), ("open", "end")}
"""Neighbours of which the first lacks something after it."""
VALUELESS: Final = {("facet", kind) for kind in ("space", "close", "operator", "end")}
"""Neighbours of which the first is a facet without a value."""


def check_query(query: str) -> str:
    """Return the query, or raise BadQuery."""
    opened: list[int] = []
    before, word, at = "start", "", 0
    words = [(str(match.lastgroup), match[0], match.start()) for match in TOKEN.finditer(query)]
    for kind, text, place in [*words, ("end", "", len(query))]:
        if (before, kind) in VALUELESS:
            raise BadQuery(query, at, f"{word} needs a value, without a space between")
        if kind == "space":
            continue
        if (before, kind) in BEFORE and text != "NOT":
            raise BadQuery(query, place, f"{text} needs something before it")
        if (before, kind) in AFTER and (kind == "end" or opened):
            raise BadQuery(query, at, f"{word} needs something after it")
        balance(query, kind, place, opened)
        before, word, at = kind, text, place
    if opened:
        raise BadQuery(query, opened[-1], "this parenthesis is not closed")
    return query


def balance(query: str, kind: str, place: int, opened: list[int]) -> None:
    """Keep the places of the parentheses that are open; refuse what cannot be closed."""
    if kind == "quote":
        raise BadQuery(query, place, "this quote is not closed")
    if kind == "open":
        opened.append(place)
    elif kind == "close":
        if not opened:
            raise BadQuery(query, place, "this parenthesis was not opened")
        opened.pop()


def facets_of(query: str) -> list[str]:
    """The names of the facets in a query."""
    return [match[0][:-1] for match in TOKEN.finditer(query) if match.lastgroup == "facet"]


def suggest_facets(query: str) -> list[str]:
    """Notes on facets that are close to a known one and not known themselves."""
    from difflib import get_close_matches  # noqa: PLC0415 - takes a moment to load

    unknown = [name for name in dict.fromkeys(facets_of(query)) if name not in FACETS]
    near = [(name, get_close_matches(name, FACETS, 1, 0.75)) for name in unknown]
    return [f"unknown facet {name}: - did you mean {close[0]}:?" for name, close in near if close]
