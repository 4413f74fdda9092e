"""The search language: compiles a query into a predicate over cases.

Facets are `attribute:value`, `attribute:(P1 OR P2)` and `attribute:*`. Words are searched in title and description,
quoted phrases in the title alone. Upper and lower case are equal, except in `AND`, `OR` and `NOT`. `*` stands for any
characters. AND can be left out and binds tighter than OR.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any, Final

from attrs import frozen
from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

from casemgmt_async.emulator.messages import bad_request
from casemgmt_async.emulator.state.people import UserRecord
from casemgmt_async.emulator.state.records import CaseRecord
from casemgmt_async.emulator.switches import EVERY_FACET

__all__ = ["FACETS", "Predicate", "compile_query", "facet_values", "named_cases", "parse"]

Predicate = Callable[[CaseRecord], bool]
Users = Mapping[str, UserRecord]
MAX_DEPTH: Final = 50
"""How deep parentheses may be nested."""
NAMES_CASES: Final = re.compile(r"(?:key|id):(?:([\w-]+)|\(([\w-]+(?: OR [\w-]+)*)\))", re.ASCII)
"""A query that finds no other cases than those it names."""


def user_names(user: str | None, users: Users) -> tuple[str, ...]:
    """The names of a user in a query: id, handle, e-mail address, name."""
    if user is None:
        return ()
    known = users.get(user)
    return (user,) if known is None else (user, known.handle, known.email, known.name or "")


FACETS: Final[dict[str, Callable[[CaseRecord, Users], Iterable[str]]]] = {
    "assignee": lambda case, users: user_names(case.assignee, users),
    "assignee_id": lambda case, _: (case.assignee,) if case.assignee else (),
    "created_by": lambda case, users: user_names(case.created_by, users),
    "creation_source": lambda case, _: (case.creation_source,),
    "id": lambda case, _: (case.id,),
    "key": lambda case, _: (case.key,),
    "priority": lambda case, _: (case.priority,),
    "project": lambda case, _: (case.key.rpartition("-")[0], case.project_id),
    "project_id": lambda case, _: (case.project_id,),
    "status": lambda case, _: (case.status, case.status_name),
    "status_group": lambda case, _: (case.status_group,),
    "status_name": lambda case, _: (case.status_name,),
    "title": lambda case, _: (case.title,),
    "type": lambda case, _: (case.type, *case.attributes.get("type", ())),
    "type_id": lambda case, _: (case.type_id,),
}
"""The facets of a case's own fields. Any other name is one of the case's attributes."""


def attribute_values(case: CaseRecord, facet: str) -> list[str]:
    """The values of one of the case's attributes or custom attributes."""
    values = list(case.attributes.get(facet, ()))
    custom = case.custom_attributes.get(facet)
    if custom is not None:
        values += map(str, custom["value"] if custom["is_multi"] else [custom["value"]])
    return values


def facet_values(case: CaseRecord, facet: str) -> list[str]:
    """The groups of a case in count and aggregate: one for a field, one for each value of an attribute."""
    if facet in FACETS:
        return list(FACETS[facet](case, {}))[:1]
    return list(dict.fromkeys(attribute_values(case, facet)))


class QueryCompiler:
    """Makes the predicates of facets, for one set of users and dead facets."""

    def __init__(self, users: Users, dead: frozenset[str]) -> None:
        self.users = users
        self.dead = dead

    def facet(self, name: str, fits: Callable[[str], object]) -> Predicate:
        """Make the predicate for cases of which one value of the facet fits."""
        if name in self.dead or (EVERY_FACET in self.dead and name != "project_id"):
            return lambda _: False
        if name not in FACETS:
            return lambda case: any(map(fits, attribute_values(case, name)))
        values, users = FACETS[name], self.users
        return lambda case: any(map(fits, values(case, users)))


def equals(*terms: str) -> Callable[[str], object]:
    """Make a test for values that equal one of the terms, ignoring case. Only a single term may have a `*`."""
    if "*" in terms[0]:
        pattern = ".*".join(map(re.escape, terms[0].split("*")))
        return re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch
    wanted = {term.casefold() for term in terms}
    return lambda value: value.casefold() in wanted


def in_title(phrase: str) -> Predicate:
    """Make a test for cases whose title contains a phrase, ignoring case."""
    wanted = phrase.casefold()
    return lambda case: wanted in case.title.casefold()


def in_text(term: str) -> Predicate:
    """Make a test for cases whose title or description contains a word, ignoring case."""
    if "*" in term:
        search = re.compile(r"\S*".join(map(re.escape, term.split("*"))), re.IGNORECASE).search
        return lambda case: bool(search(case.title) or search(case.description))
    wanted = term.casefold()
    return lambda case: wanted in case.title.casefold() or wanted in case.description.casefold()


def unquoted(token: Token) -> str:
    """The text of a token, without the quotes of a phrase."""
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.type == "PHRASE" else str(token)


@frozen
class Term:
    """One value of a facet."""

    text: str

    def __call__(self, compiler: QueryCompiler, facet: str) -> Predicate:
        """Make the predicate for the facet in whose parentheses the value stands."""
        return compiler.facet(facet, equals(self.text))


class QueryBuilder(Transformer[Any, Any]):
    """Turns parser matches into functions that make predicates.

    Each function takes the compiler and the name of the facet in whose parentheses it stands.
    """

    def any_of(self, parts: list[Any]) -> Any:
        words = [part.text for part in parts if isinstance(part, Term) and "*" not in part.text]
        if len(words) == len(parts):  # a search for a hundred keys is one look-up in a set for each case
            return lambda compiler, facet: compiler.facet(facet, equals(*words))
        return combine(parts, lambda tests: lambda case: any(test(case) for test in tests))

    def all_of(self, parts: list[Any]) -> Any:
        return combine(parts, lambda tests: lambda case: all(test(case) for test in tests))

    def negation(self, parts: list[Any]) -> Any:
        return combine(parts, lambda tests: lambda case: not tests[0](case))

    def term(self, parts: list[Token]) -> Any:
        return Term(unquoted(parts[0]))

    def facet(self, parts: list[Any]) -> Any:
        name, value = str(parts[0][:-1]), parts[1]
        return lambda compiler, _: value(compiler, name)

    def text(self, parts: list[Token]) -> Any:
        test = in_title if parts[0].type == "PHRASE" else in_text
        term = unquoted(parts[0])
        return lambda _, __: test(term)


def combine(parts: list[Any], join: Callable[[list[Predicate]], Predicate]) -> Any:
    """Make a function that joins the predicates of its parts."""
    return lambda compiler, facet: join([part(compiler, facet) for part in parts])


PARSER: Final = Lark(
    resources.files("casemgmt_async.emulator.state").joinpath("query.lark").read_text("utf-8"),
    start="query",
    parser="lalr",
    lexer="contextual",
    transformer=QueryBuilder(),
)


@functools.lru_cache(maxsize=256)
def parse(query: str) -> Any:
    """Parse a query; returns a function that makes its predicate. Refuses the request with 400 if it is malformed."""
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


def named_cases(query: str) -> list[str] | None:
    """The keys or ids of all the cases that a query can find, as it writes them; None if it can find others."""
    named = NAMES_CASES.fullmatch(query)
    return (named[1] or named[2]).split(" OR ") if named else None


def compile_query(query: str, users: Users, dead: frozenset[str]) -> Predicate:
    """Make the predicate of a query. An empty query finds all cases."""
    made: Predicate = parse(query)(QueryCompiler(users, dead), "")
    return made
