"""The rules file: TOML to rules, with one line that names rule and key where something is not understood.

filter = "status:open"            # which cases are looked at; all of them without it

[[rules]]
name = "urgent and unassigned"
match = { priority = "P1", assignee = "none" }
actions = { assign = "on-call:sre" }
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import cattrs
from attrs import field, fields, frozen
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from casemgmt_async import Priority
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.triage.rules.matching import Match, compile_match
from casemgmt_async.jobs.triage.rules.names import NameBook
from casemgmt_async.jobs.triage.rules.ruleset import ONCE, Rule, RuleSet, made_steps
from casemgmt_async.jobs.triage.rules.stale import WrittenStale, stale_rules
from casemgmt_async.jobs.triage.rules.steps import steps_of_rule
from casemgmt_async.jobs.triage.rules.values import (
    GROUPS,
    any_text,
    comparison,
    count,
    flag,
    memory,
    name,
    pattern,
    several,
    span,
    texts_by_name,
    values_by_name,
)

__all__ = ["load_rules", "parse_rules"]


@frozen
class WrittenRule:
    """A rule as it stands in a file."""

    name: str
    """The name of the rule in plans, reports and messages; no two rules may share one."""
    match: Match
    """The cases that the rule is for; `"all"` for every case."""
    actions: Mapping[str, Any]
    """What to do to a case that matches; at least one action."""
    continue_: bool = field(default=False, alias="continue_")
    """Whether the later rules are asked as well about a case that matches."""
    once: bool = False
    """Whether the rule is applied to each case only once, over all runs."""
    every: int | None = None
    """Time that has to pass before the rule is applied to the same case again; excludes `once`."""
    max_cases: int | None = None
    """The plan is refused if the rule would change more cases than this."""


@frozen
class RulesFile:
    """A rules file."""

    rules: tuple[WrittenRule, ...] = ()
    """The rules, in order; the first one that matches a case decides."""
    stale: tuple[WrittenStale, ...] = ()
    """Stale policies: warn, then close, cases without activity."""
    name: str | None = None
    """The name of the triage; without it, the file name without its ending."""
    filter: str | None = None
    """The search that selects the cases to read; without it, all cases."""
    max_cases: int | None = None
    """The plan is refused if it would change more cases than this."""
    memory: str = "state"
    """Where to remember what was done to a case: `"state"` is the state file, `"case"` an attribute of the case."""


def load_rules(path: str | Path) -> RuleSet:
    """Read the rules of a TOML file; without a `name` in it, the triage is called like the file.

    Raises `RulesError` with one line that names the rule and the key and says what is allowed.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RulesError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: this is not TOML: {error}") from error
    try:
        return parse_rules({"name": path.stem, **document})
    except RulesError as error:
        raise RulesError(f"{path}: {error}") from error.__cause__


def parse_rules(document: Mapping[str, Any]) -> RuleSet:
    """Read the rules of a parsed document."""
    for key in ("rules", "stale"):
        given = document.get(key, [])
        if key == "stale" and isinstance(given, Mapping):
            document = {**document, key: [given]}
        elif not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
            raise RulesError(f"{key} must be tables, each of them under [[{key}]] with two brackets")
    try:
        written = CONVERTER.structure(document, RulesFile)
    except cattrs.BaseValidationError as error:
        messages = cattrs.transform_error(error, "", format_exception=explain)
        # A misspelt key is reported twice, as unknown and as missing: the first says more.
        first, *others = sorted(messages, key=lambda message: not message.startswith("unknown key"))
        more = f" (and {len(others)} more)" if others else ""
        raise RulesError(name_the_rule(first, document) + more) from error
    content = {key: value for key, value in document.items() if key != "name"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    return compile_rules(written, digest, NameBook())


def compile_rules(written: RulesFile, digest: str, book: NameBook) -> RuleSet:
    """Make the rules of a file with the ids that are known; names without an id become `wanted`."""
    book = NameBook(book.users, book.projects, book.types, book.labels, matched_users=book.matched_users)
    rules = [compile_rule(each, book) for each in written.rules]
    policies = [policy.name for policy in written.stale]
    for policy in written.stale:
        if policies.count(policy.name) > 1:
            raise RulesError(f'several stale policies are named "{policy.name}"; give each a name of its own')
        rules += stale_rules(policy, book)
    return RuleSet(
        rules,
        written.filter,
        written.name,
        digest,
        written.max_cases,
        written.memory == "case",
        tuple(book.wanted),
        partial(compile_rules, written, digest),
    )


def compile_rule(written: WrittenRule, book: NameBook) -> Rule:
    """Make a rule of one as it is written."""
    where = f'rule "{written.name}"'
    steps = steps_of_rule(f"{where}: actions", written.actions, book)
    if written.once and written.every is not None:
        raise RulesError(f"{where}: once and every contradict each other; leave one out")
    repeats = written.once or written.every is not None
    if not repeats and all(step.action == "comment" for step in steps):
        raise RulesError(
            f"{where}: it only comments, so every run would comment again on the same cases; "
            'add once = true, or every = "7d"'
        )
    if not repeats and written.actions.get("priority") in ("raise", "lower"):
        raise RulesError(
            f'{where}: every run would move the priority of the same cases again; add once = true, or every = "1d"'
        )
    match = with_ids(written.match, f"{where}: match", book)
    holds = compile_match(match)
    return Rule(
        written.name,
        lambda case, view: made_steps(steps, case, view) if holds(case, view) else None,
        written.continue_,
        written.once,
        written.every,
        written.max_cases,
        remembers=any(step.action in ONCE for step in steps),
        needs_activity=asks_for_activity(match),
        looks_for=tuple((key, getattr(written.match, key) or ()) for key in ("status", "type", "project")),
    )


def with_ids(match: Match, where: str, book: NameBook) -> Match:
    """Add the ids of the users that a match names, and note the names that have to be known."""
    changes: dict[str, Any] = {}
    for key in ("assignee", "creator"):
        names = getattr(match, key) or ()
        ids = [
            found
            for name in names
            if name not in ("none", "any")
            for found in book.matched_user(f"{where}.{key}", name)
            if found
        ]
        if ids:
            changes[key] = (*names, *ids)
    for status in match.status or ():
        book.status(f"{where}.status", status)
    if match.not_ is not None:
        changes["not_"] = with_ids(match.not_, f"{where}.not", book)
    if match.any is not None:
        changes["any"] = tuple(with_ids(each, f"{where}.any", book) for each in match.any)
    return evolve_match(match, changes)


def evolve_match(match: Match, changes: Mapping[str, Any]) -> Match:
    """The match with other values."""
    given = {attribute.name: getattr(match, attribute.name) for attribute in fields(Match)}
    return Match(**{**given, **changes})


def asks_for_activity(match: Match) -> bool:
    """Whether a match asks when others were last active."""
    inner = [*(match.any or ()), *([match.not_] if match.not_ else [])]
    return bool(match.inactive_for or match.active_within) or any(map(asks_for_activity, inner))


SPANS: Final = ("older_than", "younger_than", "inactive_for", "active_within", "due_within", "closed_for")
TEXTS: Final = ("status", "type", "project", "assignee", "creator", "title", "description", "text")
MATCH_HOOKS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(TEXTS, several()),
    **dict.fromkeys(SPANS, span),
    "attributes": texts_by_name,
    "custom_attributes": values_by_name,
    **dict.fromkeys(("archived", "overdue"), flag),
    "priority": several({each: each for each in Priority}),
    "status_group": several(GROUPS),
    "pattern": pattern,
    "comment_count": comparison,
}


def text(value: Any, _: Any) -> str:
    """Read a name, or another text that is not empty."""
    return name(value)


def as_written(value: Any, _: Any) -> Any:
    """Keep a value as it is; what reads it knows more."""
    return value


COMMON_HOOKS: Final[Mapping[str, Any]] = {"name": text, "max_cases": count}
RULE_HOOKS: Final[Mapping[str, Any]] = {
    **COMMON_HOOKS,
    **dict.fromkeys(("once", "continue_"), flag),
    "actions": as_written,
    "every": span,
}
STALE_HOOKS: Final[Mapping[str, Any]] = {
    **COMMON_HOOKS,
    **dict.fromkeys(("warning", "farewell", "answer"), text),
    **dict.fromkeys(("warn_after", "close_after"), span),
    "close": as_written,
    "mark": any_text,
}
FILE_HOOKS: Final[Mapping[str, Any]] = {**COMMON_HOOKS, "filter": text, "memory": memory}
RENAMED: Final = {"not_": "not", "continue_": "continue"}
"""The keys that are words of Python, as files have them."""


def make_converter() -> cattrs.Converter:
    """Make the converter of rules files, which refuses every unknown key."""
    converter = cattrs.Converter(forbid_extra_keys=True)

    def reader(kind: type[Any], hooks: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
        settings: dict[str, Any] = {
            key: override(rename=RENAMED.get(key), struct_hook=hook) for key, hook in hooks.items()
        }
        read: Callable[[Any, Any], Any] = make_dict_structure_fn(
            kind, converter, _cattrs_forbid_extra_keys=True, **settings
        )
        return read

    def one_match(value: Any, kind: Any) -> Match:
        if not isinstance(value, Mapping):
            raise RulesError(f"must be a table, not {value!r}")
        if not value:
            raise RulesError("is empty: write a key of a match, or leave it out")
        found: Match = read_match(value, kind)
        return found

    def several_matches(value: Any, _: Any) -> tuple[Match, ...]:
        if not isinstance(value, list) or not value:
            raise RulesError(f"must be a list of tables, of which one has to match; not {value!r}")
        return tuple(one_match(each, Match) for each in value)

    def match_of_rule(value: Any, _: Any) -> Match:
        if value == "all":
            return Match()
        if value == {}:
            raise RulesError('is empty: write match = "all" to mean every case')
        return one_match(value, Match)

    converter.register_structure_hook(Match, one_match)
    read_match = reader(Match, {**MATCH_HOOKS, "not_": None, "any": several_matches})
    converter.register_structure_hook(WrittenRule, reader(WrittenRule, {**RULE_HOOKS, "match": match_of_rule}))
    converter.register_structure_hook(WrittenStale, reader(WrittenStale, STALE_HOOKS))
    converter.register_structure_hook(RulesFile, reader(RulesFile, FILE_HOOKS))
    return converter


CONVERTER: Final = make_converter()


def explain(error: BaseException, kind: type | None) -> str:
    """Say what is wrong with a value, without its place."""
    if isinstance(error, RulesError):
        return str(error)
    if isinstance(error, ForbiddenExtraKeysError):
        known = list(keys_of(error.cl))
        unknown = sorted(error.extra_fields)
        close = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        if error.cl is RulesFile and unknown[0] in keys_of(WrittenRule):
            hint = f"; for a rule, write it below [[rules]], a table as [rules.{unknown[0]}]"
        return f"unknown key {', '.join(map(repr, unknown))}; allowed: {', '.join(known)}{hint}"
    if isinstance(error, KeyError):
        return "is missing"
    return f"must be a {'list of tables' if kind is None else getattr(kind, '__name__', kind)}: {error}"


def keys_of(kind: type) -> Iterable[str]:
    """The keys as they are written."""
    return (attribute.name.rstrip("_") for attribute in fields(kind))


def name_the_rule(message: str, document: Mapping[str, Any]) -> str:
    """Put the place first, with the name of the rule instead of its number."""
    what, _, path = message.rpartition(" @ ")
    place = path.lstrip(".$").replace("not_", "not").replace("continue_", "continue")
    found = re.match(r"(rules|stale)\[(\d+)\]\.?", place)
    if found is None:
        return f"{place} {what}".strip()
    written = document[found[1]][int(found[2])]
    given = written.get("name") if isinstance(written, Mapping) else None
    kind = "rule" if found[1] == "rules" else "stale policy"
    who = f'{kind} "{given}"' if isinstance(given, str) and given.strip() else f"{kind} {int(found[2]) + 1}"
    return f"{who}: {place[found.end() :]} {what}".replace(":  ", ": ")
