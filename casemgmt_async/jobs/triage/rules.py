"""Rules of a triage: which cases, and what to do to them; from a TOML file or as Python functions.

    filter = "status:open"            # which cases are looked at; all of them without it

    [[rules]]
    name = "urgent and unassigned"
    match = { priority = "P1", assignee = "none" }
    actions = { assign = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10" }

The first rule that matches a case decides; after one with `continue = true` the later rules are asked as
well, and what an earlier rule has set stays. A rule as a Python function takes a case and returns the same
table of actions, or None:

    @rule("urgent and unassigned")
    def urgent(case):
        if case.priority == Priority.P1 and case.assignee is None:
            return {"assign": ME}
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cattrs
from attrs import field, fields, frozen
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from casemgmt_async import Case, Priority, StatusGroup
from casemgmt_async.jobs.actions import Step, parse_actions
from casemgmt_async.jobs.durations import SPAN_RULE, parse_span
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.triage.matching import Match, compile_match

__all__ = ["Rule", "RuleSet", "load_rules", "parse_rules", "rule"]

Decide = Callable[[Case, float], Sequence[Step] | None]


@frozen
class Rule:
    """One rule."""

    name: str
    """What the reports call it."""
    decide: Decide
    """Takes a case and the time; gives the steps for the case, or None where the rule does not match."""
    goes_on: bool = False
    """Whether the rules after it are asked too where it matches."""


def as_tuple(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules, however they were given."""
    return tuple(rules)


@frozen
class RuleSet:
    """The rules of one triage, in order."""

    rules: tuple[Rule, ...] = field(converter=as_tuple)
    """The rules; the first that matches decides."""
    filter: str | None = None
    """The search that finds the cases to look at; None for all."""
    digest: str | None = None
    """Tells one rules file from another; None for rules that are Python functions."""

    def __attrs_post_init__(self) -> None:
        names = [each.name for each in self.rules]
        if not names:
            raise RulesError("there is no rule; write at least one")
        for name in names:
            if names.count(name) > 1:
                raise RulesError(f'the name "{name}" is used by several rules; give each its own')

    def decide(self, case: Case, now: float) -> list[tuple[str, Step]]:
        """Decide about a case: the steps to take, each with the name of its rule."""
        decided: list[tuple[str, Step]] = []
        taken: set[str] = set()
        for each in self.rules:
            steps = each.decide(case, now)
            if steps is None:
                continue
            decided += [(each.name, step) for step in steps if conflict_group(step) not in taken]
            if not each.goes_on:
                break
            taken.update(map(conflict_group, steps))
        return decided


def conflict_group(step: Step) -> str:
    """What only one rule may decide for a case."""
    if step.action in ("comment", "attributes", "custom_attributes"):
        return f"{step.action} {step.payload}"
    return {"unassign": "assign", "unarchive": "archive"}.get(step.action, step.action)


def rule(name: str, *, goes_on: bool = False) -> Callable[[Callable[[Case], Mapping[str, Any] | None]], Rule]:
    """Make a rule of a function that takes a case and returns a table of actions, or None."""

    def wrap(function: Callable[[Case], Mapping[str, Any] | None]) -> Rule:
        def decide(case: Case, _: float) -> Sequence[Step] | None:
            actions = function(case)
            return None if actions is None else parse_actions(f'rule "{name}"', actions)

        return Rule(name, decide, goes_on)

    return wrap


def load_rules(path: str | Path) -> RuleSet:
    """Read the rules of a TOML file.

    Raises `RulesError` with one line that names the rule and the key and says what is allowed.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: this is not TOML: {error}") from error
    try:
        return parse_rules(document)
    except RulesError as error:
        raise RulesError(f"{path}: {error}") from error.__cause__


def parse_rules(document: Mapping[str, Any]) -> RuleSet:
    """Read the rules of a document that is parsed already."""
    rules = document.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(each, Mapping) for each in rules):
        raise RulesError("rules must be tables, each of them under [[rules]] with two brackets")
    try:
        written = CONVERTER.structure(document, Document)
    except cattrs.BaseValidationError as error:
        messages = cattrs.transform_error(error, "", format_exception=describe)
        # A key that is misspelt is missing, too; which it is shows by the misspelling.
        first, *others = sorted(messages, key=lambda message: not message.startswith("unknown key"))
        more = f" (and {len(others)} more)" if others else ""
        raise RulesError(name_the_rule(first, document) + more) from error
    digest = hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()
    return RuleSet([compile_rule(each) for each in written.rules], written.filter, digest)


@frozen
class WrittenRule:
    """A rule as it stands in a file."""

    name: str
    match: Match
    actions: Mapping[str, Any]
    continue_: bool = field(default=False, alias="continue_")


@frozen
class Document:
    """A rules file."""

    rules: list[WrittenRule]
    filter: str | None = None


def compile_rule(written: WrittenRule) -> Rule:
    """Make a rule of one as it is written."""
    steps = parse_actions(f'rule "{written.name}": actions', written.actions)
    matches = compile_match(written.match)
    return Rule(written.name, lambda case, now: steps if matches(case, now) else None, written.continue_)


GROUPS: Final = {
    written: each.value for each in StatusGroup for written in (each.value.removeprefix("SG_").lower(), each.value)
}


def several(known: Mapping[str, str] | None = None) -> Callable[[Any, Any], tuple[str, ...]]:
    """Make the hook for a text or several, of any kind or of those known."""

    def read(value: Any, _: Any = None) -> tuple[str, ...]:
        given: list[Any] = value if isinstance(value, list) and value else [value]
        for each in given:
            if not isinstance(each, str) or not each.strip():
                raise RulesError(f"must be a text or a list of texts, not {value!r}")
            if known is not None and each not in known:
                raise RulesError(f"must be one of {', '.join(known)}, not {each!r}")
        return tuple(given if known is None else (known[each] for each in given))

    return read


def span(value: Any, _: Any = None) -> int:
    """Read a span."""
    seconds = parse_span(value) if isinstance(value, str) else None
    if seconds is None:
        raise RulesError(f"must be {SPAN_RULE}; not {value!r}")
    return seconds


def pattern(value: Any, _: Any = None) -> re.Pattern[str]:
    """Read a regular expression."""
    try:
        return re.compile(value)
    except (re.error, TypeError) as error:
        raise RulesError(f"must be a regular expression: {error}") from error


def flag(value: Any, _: Any = None) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise RulesError(f"must be true or false, not {value!r}")
    return value


def name(value: Any, _: Any = None) -> str:
    """Read a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise RulesError(f"must be a text with something in it, not {value!r}")
    return value


def values_by_name(value: Any, _: Any = None) -> dict[str, tuple[Any, ...]]:
    """Read a table of values."""
    if not isinstance(value, Mapping) or not value:
        raise RulesError(f"must be a table of names and values, where [] means that there is none; not {value!r}")
    return {key: tuple(each) if isinstance(each, list) else (each,) for key, each in value.items()}


def make_converter() -> cattrs.Converter:
    """Set up how a rules file becomes rules; every key that is not known is refused."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    text, moments = several(), ("older_than", "younger_than", "inactive_for", "active_within")
    hooks: dict[str, Any] = dict.fromkeys(
        ("status", "type", "project", "assignee", "title", "description", "text"), text
    )
    hooks |= dict.fromkeys(moments, span) | dict.fromkeys(("attributes", "custom_attributes"), values_by_name)
    hooks |= {"priority": several({each: each for each in Priority}), "status_group": several(GROUPS)}
    hooks |= {"pattern": pattern, "archived": flag}
    settings: Any = {key: override(struct_hook=hook) for key, hook in hooks.items()}
    match = make_dict_structure_fn(
        Match, converter, _cattrs_forbid_extra_keys=True, not_=override(rename="not"), **settings
    )

    def structure_match(value: Any, kind: Any) -> Match:
        if not isinstance(value, Mapping):
            raise RulesError(f"must be a table, not {value!r}")
        return match(value, kind)

    converter.register_structure_hook(Match, structure_match)
    converter.register_structure_hook(
        WrittenRule,
        make_dict_structure_fn(
            WrittenRule,
            converter,
            _cattrs_forbid_extra_keys=True,
            name=override(struct_hook=name),
            actions=override(struct_hook=lambda value, _: value),
            continue_=override(rename="continue", struct_hook=flag),
        ),
    )
    converter.register_structure_hook(
        Document,
        make_dict_structure_fn(
            Document,
            converter,
            _cattrs_forbid_extra_keys=True,
            filter=override(struct_hook=lambda value, _: name(value)),
        ),
    )
    return converter


CONVERTER: Final = make_converter()


def describe(error: BaseException, kind: type | None) -> str:
    """Say what is wrong with a value, without its place."""
    if isinstance(error, RulesError):
        return str(error)
    if isinstance(error, ForbiddenExtraKeysError):
        unknown = ", ".join(sorted(map(repr, error.extra_fields)))
        return f"unknown key {unknown}; allowed: {', '.join(keys_of(error.cl))}"
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
    found = re.match(r"rules\[(\d+)\]\.?", place)
    if found is None:
        return f"{place} {what}".strip()
    number = int(found[1])
    written = document["rules"][number]
    given = written.get("name") if isinstance(written, Mapping) else None
    who = f'rule "{given}"' if isinstance(given, str) and given.strip() else f"rule {number + 1}"
    return f"{who}: {place[found.end() :]} {what}".replace(":  ", ": ")
