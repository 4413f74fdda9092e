"""The actions of a rule: those that are the same for every case, and those that follow from the case."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import frozen

from casemgmt_async import Case, Priority
from casemgmt_async.jobs.actions import ACTIONS, STAGES, Step, parse_action
from casemgmt_async.jobs.durations import SPAN_RULE, parse_span
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.triage.rules.names import NameBook
from casemgmt_async.jobs.triage.rules.templates import parse_template
from casemgmt_async.jobs.triage.rules.view import View

__all__ = ["CREATES", "CaseStep", "RuleStep", "conflict_name", "pick", "steps_of_rule", "without"]

Make = Callable[[Case, View], Any]
LADDER: Final = ("P1", "P2", "P3", "P4", "P5", "NOT_DEFINED")
CONTRADICTIONS: Final = (("assign", "unassign"), ("archive", "unarchive"))
CREATES: Final = frozenset(name for name, action in ACTIONS.items() if action.holds is None)
"""Actions that cannot be seen on a case; only memory says that they are done."""


@frozen
class CaseStep:
    """A step whose payload follows from the case."""

    stage: int
    action: str
    make: Make
    """Makes the payload for a case."""

    def step(self, case: Case, view: View) -> Step:
        """Make the step for a case."""
        return Step(self.stage, self.action, self.make(case, view))


RuleStep = Step | CaseStep


def steps_of_rule(where: str, given: Any, book: NameBook | None = None) -> tuple[RuleStep, ...]:
    """Read the actions of a rule; gives the steps in the order in which they are done.

    Raises `RulesError`, which begins with `where` and names the key and what is allowed. Without a book, users and
    projects have to be given by their ids.
    """
    if not isinstance(given, Mapping) or not given:
        raise RulesError(f"{where} must be a table of one action or more; allowed: {', '.join(ACTIONS)}")
    for name in given:
        if name not in ACTIONS:
            close = difflib.get_close_matches(name, ACTIONS, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise RulesError(f"{where}.{name} is not an action; allowed: {', '.join(ACTIONS)}{hint}")
    for one, other in CONTRADICTIONS:
        if one in given and other in given:
            raise RulesError(f"{where}.{one} and {where}.{other} contradict each other; leave one out")
    steps: list[RuleStep] = []
    for name, value in given.items():
        place = f"{where}.{name}"
        found = READ[name](place, value, book) if name in READ else None
        steps += parse_action(place, name, value) if found is None else at_stage(name, found)
    return tuple(sorted(steps, key=lambda step: step.stage))


def at_stage(name: str, payloads: Sequence[Any]) -> list[RuleStep]:
    """Make steps of payloads, and of functions that make payloads."""
    stage = STAGES[name]
    return [CaseStep(stage, name, each) if callable(each) else Step(stage, name, each) for each in payloads]


def comment(where: str, value: Any, _: NameBook | None) -> list[Any]:
    """Read one comment or several, with placeholders."""
    texts = [step.payload for step in parse_action(where, "comment", value)]
    templates = [parse_template(where, text) for text in texts]
    return [each.plain if each.is_plain else each.render for each in templates]


def priority(_: str, value: Any, __: NameBook | None) -> list[Make] | None:
    """Read `raise` or `lower`, which move the priority by one."""
    if value not in ("raise", "lower"):
        return None
    move = -1 if value == "raise" else 1

    def make(case: Case, _: View) -> str:
        place = LADDER.index(case.priority) if case.priority in LADDER else len(LADDER) - 1
        last = len(LADDER) - (1 if place == len(LADDER) - 1 else 2)  # lowered, a priority never becomes undefined
        return str(Priority(LADDER[min(max(place + move, 0), last)]))

    return [make]


def due_date(where: str, value: Any, _: NameBook | None) -> list[Make] | None:
    """Read a span from the day of the run on, as `+7d`."""
    if not isinstance(value, str) or not value.startswith("+"):
        return None
    span = parse_span(value[1:])
    if span is None:
        raise RulesError(f'{where} must be a day as 2026-12-31, "+" and {SPAN_RULE}, or "none"; not {value!r}')
    return [lambda _, view: (datetime.fromtimestamp(view.now, UTC) + timedelta(seconds=span)).date().isoformat()]


def pick(case_id: str, ids: Sequence[str]) -> str:
    """Choose one of several ids for a case: always the same one, also when others join or leave the list."""
    return max(ids, key=lambda each: hashlib.blake2s(f"{case_id} {each}".encode()).digest())


def assign(where: str, value: Any, book: NameBook | None) -> list[Any]:
    """Read a user, or several of whom each case gets one."""
    if book is None:
        return [step.payload for step in parse_action(where, "assign", value)]
    names = value if isinstance(value, list) and value else [value]
    ids = tuple(dict.fromkeys(found for name in names for found in book.user(where, name)))
    return [ids[0] if len(ids) == 1 else lambda case, _: pick(case.id, ids)]


def watch(where: str, value: Any, book: NameBook | None) -> list[Any]:
    """Read a user, or several, who all watch."""
    names = value if isinstance(value, list) and value else [value]
    if book is None:
        return [step.payload for name in names for step in parse_action(where, "watch", name)]
    return list(dict.fromkeys(found for name in names for found in book.user(where, name)))


def project(where: str, value: Any, book: NameBook | None) -> list[Any]:
    """Read a project by its key or id."""
    return (
        [step.payload for step in parse_action(where, "project", value)]
        if book is None
        else [book.project(where, value)]
    )


def status(where: str, value: Any, book: NameBook | None) -> list[Any]:
    """Read a status by its name."""
    (step,) = parse_action(where, "status", value)
    if book is not None:
        book.status(where, step.payload)
    return [step.payload]


def attributes(where: str, value: Any, _: NameBook | None) -> list[Any] | None:
    """Read attributes; no values at all remove one."""
    if not isinstance(value, Mapping):
        return None
    set_ = {name: each for name, each in value.items() if each != []}
    given = parse_action(where, "attributes", set_)[0].payload if set_ or not value else {}
    return [given | {name: [] for name in value if name not in set_}]


def custom_attributes(where: str, value: Any, _: NameBook | None) -> list[Any] | None:
    """Read custom attributes; no value at all removes one."""
    if not isinstance(value, Mapping) or [] not in value.values():
        return None
    removed = [{"key": key, "value": None} for key, each in value.items() if each == []]
    set_ = {key: each for key, each in value.items() if each != []}
    kept = [step.payload for step in parse_action(where, "custom_attributes", set_)] if set_ else []
    return [*kept, *removed]


def link(where: str, value: Any, _: NameBook | None) -> list[Any]:
    """Read a link to another case, whose key may follow from an attribute."""
    (step,) = parse_action(where, "link", value)
    target = parse_template(f"{where}.to", step.payload["to"])
    if target.is_plain:
        return [step.payload]
    return [lambda case, view: {**step.payload, "to": target.render(case, view)}]


READ: Final[Mapping[str, Callable[[str, Any, NameBook | None], list[Any] | None]]] = {
    "assign": assign,
    "attributes": attributes,
    "comment": comment,
    "custom_attributes": custom_attributes,
    "due_date": due_date,
    "link": link,
    "priority": priority,
    "project": project,
    "status": status,
    "watch": watch,
}
"""Actions that take more kinds of values in a rules file; a reader that returns None leaves the value to `ACTIONS`."""


def conflict_name(step: Step) -> str:
    """Name the aspect of a case that only one rule may decide."""
    match step.action:
        case "comment" | "watch" | "link":
            return f"{step.action} {step.text}"
        case "custom_attributes":
            return f"{step.action} {step.payload['key']}"
    return {"unassign": "assign", "unarchive": "archive"}.get(step.action, step.action)


def without(step: Step, names: set[str]) -> Step | None:
    """Leave out the attributes that an earlier rule has set; None if none is left."""
    left = {name: values for name, values in step.payload.items() if name not in names}
    return step if len(left) == len(step.payload) else Step(step.stage, step.action, left) if left else None
