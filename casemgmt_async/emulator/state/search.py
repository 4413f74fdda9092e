"""The search language: a query becomes a predicate over cases.

Facets are `attribute:value`, also `attribute:(P1 OR P2)` and `attribute:*`; anything else is looked for in
title and description. Letters' case does not matter, except in `AND`, `OR` and `NOT`. `*` stands for
anything. AND, which may be left out, binds tighter than OR.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

from casemgmt_async.emulator.messages import bad_request
from casemgmt_async.emulator.state.records import STATUSES, CaseRecord, Resource
from casemgmt_async.emulator.switches import EVERY_FACET

__all__ = ["Predicate", "compile_query", "facet_values"]

Predicate = Callable[[CaseRecord], bool]
Users = dict[str, Resource]
Node = Callable[["QueryCompiler"], Predicate]
MAX_DEPTH = 50


def user_names(user: str | None, users: Users) -> tuple[str, ...]:
    """What a user may be called in a query: id, handle, e-mail address, name."""
    if user is None:
        return ()
    known: dict[str, str] = users[user]["attributes"] if user in users else {}
    return (user, *(known[name] for name in ("handle", "email", "name") if name in known))


FACETS: dict[str, Callable[[CaseRecord, Users], Iterable[str]]] = {
    "assignee": lambda case, users: user_names(case.assignee, users),
    "assignee_id": lambda case, _: (case.assignee,) if case.assignee else (),
    "created_by": lambda case, users: user_names(case.created_by, users),
    "creation_source": lambda case, _: (case.creation_source,),
    "id": lambda case, _: (case.id,),
    "key": lambda case, _: (case.key,),
    "priority": lambda case, _: (case.priority,),
    "project": lambda case, _: (case.key.rpartition("-")[0], case.project_id),
    "project_id": lambda case, _: (case.project_id,),
    "status": lambda case, _: (case.status, STATUSES[case.status][0]),
    "status_group": lambda case, _: (STATUSES[case.status][1],),
    "status_name": lambda case, _: (STATUSES[case.status][0],),
    "title": lambda case, _: (case.title,),
    "type": lambda case, _: (case.type, *case.attributes.get("type", ())),
    "type_id": lambda case, _: (case.type_id,),
}
"""What a facet of a case is called; every other name is one of the case's own attributes."""


def own_values(case: CaseRecord, facet: str) -> list[str]:
    """The values of one of the case's own attributes, custom ones included."""
    values = list(case.attributes.get(facet, ()))
    custom = case.custom_attributes.get(facet)
    if custom is not None:
        values += map(str, custom["value"] if custom["is_multi"] else [custom["value"]])
    return values


def facet_values(case: CaseRecord, facet: str) -> list[str]:
    """The values under which count and aggregate file a case: one for a field, all for an attribute."""
    if facet in FACETS:
        return list(FACETS[facet](case, {}))[:1]
    return list(dict.fromkeys(own_values(case, facet)))


class QueryCompiler:
    """Makes predicates for one set of users and dead facets."""

    def __init__(self, users: Users, dead: frozenset[str]) -> None:
        self.users = users
        self.dead = dead

    def facet(self, name: str, term: str) -> Predicate:
        """Whether one of the facet's values is the term."""
        if name in self.dead or (EVERY_FACET in self.dead and name != "project_id"):
            return lambda _: False
        fits = equals(term)
        if name not in FACETS:
            return lambda case: any(map(fits, own_values(case, name)))
        values, users = FACETS[name], self.users
        return lambda case: any(map(fits, values(case, users)))


def equals(term: str) -> Callable[[str], object]:
    """Whether a value is the term, whatever the case of letters."""
    if "*" in term:
        pattern = ".*".join(map(re.escape, term.split("*")))
        return re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch
    wanted = term.casefold()
    return lambda value: value.casefold() == wanted


def contains(term: str) -> Predicate:
    """Whether title or description contain the term."""
    if "*" in term:
        search = re.compile(r"\S*".join(map(re.escape, term.split("*"))), re.IGNORECASE).search
        return lambda case: bool(search(case.title) or search(case.description))
    wanted = term.casefold()
    return lambda case: wanted in case.title.casefold() or wanted in case.description.casefold()


def unquoted(token: Token) -> str:
    """A token's text, without the quotes of a phrase."""
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.type == "PHRASE" else str(token)


class QueryBuilder(Transformer[Any, Any]):
    """Turns the parser's matches into makers of predicates, as they are found.

    Inside a facet's parentheses a maker still lacks the facet: it takes the name and gives the predicate.
    """

    def any_of(self, parts: list[Any]) -> Any:
        return combine(parts, lambda tests: lambda case: any(test(case) for test in tests))

    def all_of(self, parts: list[Any]) -> Any:
        return combine(parts, lambda tests: lambda case: all(test(case) for test in tests))

    def negation(self, parts: list[Any]) -> Any:
        return combine(parts, lambda tests: lambda case: not tests[0](case))

    def term(self, parts: list[Token]) -> Any:
        term = unquoted(parts[0])
        return lambda compiler, facet: compiler.facet(facet, term)

    def facet(self, parts: list[Any]) -> Any:
        name, value = str(parts[0][:-1]), parts[1]
        return lambda compiler, _: value(compiler, name)

    def text(self, parts: list[Token]) -> Any:
        term = unquoted(parts[0])
        return lambda _, __: contains(term)


def combine(parts: list[Any], join: Callable[[list[Predicate]], Predicate]) -> Any:
    """A maker that joins what its parts make."""
    return lambda compiler, facet: join([part(compiler, facet) for part in parts])


PARSER = Lark(
    resources.files("casemgmt_async.emulator.state").joinpath("query.lark").read_text(),
    start="query",
    parser="lalr",
    lexer="contextual",
    transformer=QueryBuilder(),
)


@functools.lru_cache(maxsize=256)
def parse(query: str) -> Any:
    """The maker of a query's predicate; refuses an ill-formed query with 400."""
    if not query.strip():
        return lambda *_: lambda _: True
    depth = deepest = 0
    for character in re.sub(r'"(\\.|[^"\\])*"', "", query):
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        bad_request(f"invalid query: nested deeper than {MAX_DEPTH}")
    try:
        return PARSER.parse(query)
    except LarkError as error:
        bad_request(f"invalid query: {str(error).splitlines()[0]}")


def compile_query(query: str, users: Users, dead: frozenset[str]) -> Predicate:
    """Make the predicate of a query; an empty query finds every case."""
    made: Predicate = parse(query)(QueryCompiler(users, dead), "")
    return made
