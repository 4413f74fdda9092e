"""The rules of a triage, and what they decide about a case.

The first rule that matches a case decides; after one with `continue` the later rules are asked as well, see what
the earlier ones set, and leave it as it is. A policy is asked about every case, whatever the rules decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async import Case
from casemgmt_async.jobs.actions import ACTIONS, STAGES, Step
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.triage.rules.names import NameBook, WantedName
from casemgmt_async.jobs.triage.rules.steps import CaseStep, conflict_name, steps_of_rule, without
from casemgmt_async.jobs.triage.rules.view import MARK, View, mark_text

__all__ = ["EVERY_SLACK", "Decide", "Rule", "RuleSet", "made_steps", "rule"]

Decide = Callable[[Case, View], Sequence[Step] | None]
EVERY_SLACK: Final = 300.0
"""Seconds by which a run may come early and still count for `every`, since a timer is never exact."""
ONCE: Final = frozenset({"watch", "link"})
"""Actions that cannot be seen on a case and that are done once for each case."""


@frozen
class Rule:
    """One rule."""

    name: str
    """What the reports call it."""
    decide: Decide
    """Takes a case and the view; returns the steps for the case, or None if the rule does not match."""
    continue_: bool = False
    """Whether the rules after it are asked too where it matches."""
    once: bool = False
    """Whether it is done to each case only once."""
    every: float | None = None
    """Seconds that have to pass before it is done to the same case again."""
    max_cases: int | None = None
    """A plan in which it changes more cases than this is refused."""
    policy: str | None = None
    """The name of the stale policy of which it is a phase; None for other rules."""
    remembers: bool = False
    """Whether it has to be remembered which cases it was done to."""
    needs_activity: bool = False
    """Whether it asks when others were last active."""
    looks_for: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The values that it looks for, by the key of its match, for warnings about values that no case has."""

    @property
    def is_policy(self) -> bool:
        """Whether it is asked about every case, whatever the rules before it decided."""
        return self.policy is not None

    @property
    def is_remembered(self) -> bool:
        """Whether it is written down which cases it was done to."""
        return self.once or self.every is not None or self.remembers or self.is_policy

    def due(self, case: Case, steps: Sequence[Step], view: View) -> Sequence[Step]:
        """Leave out what was done before and is not to be done again now."""
        if (case.id, self.name) in view.doubts:
            return ()
        known = view.remembered(case, self.name)
        if known is None or self.is_policy:
            return steps
        passed = view.now - known.done_at
        if self.once or (self.every is not None and passed < self.every - min(EVERY_SLACK, self.every / 10)):
            return [step for step in steps if step.action in known.unfinished]
        if self.every is not None:
            return steps
        return [step for step in steps if step.action not in ONCE or step.action in known.unfinished]


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
    name: str | None = None
    """The name of the triage; a state file holds the runs of one name."""
    digest: str | None = None
    """Identifies the content of a rules file; None for rules that are Python functions."""
    max_cases: int | None = None
    """A plan that changes more cases than this is refused."""
    marks_cases: bool = False
    """Whether what is remembered is also kept on the cases, in an attribute."""
    wanted: tuple[WantedName, ...] = ()
    """The names of users, projects and statuses that have to be known before the rules can decide."""
    resolve: Callable[[NameBook], RuleSet] | None = field(default=None, repr=False)
    """Makes the same rules with ids in the place of names."""

    def __attrs_post_init__(self) -> None:
        names = [each.name for each in self.rules]
        if not names:
            raise RulesError("the rules are empty; write at least one rule")
        for name in names:
            if names.count(name) > 1:
                raise RulesError(f'the name "{name}" is used by several rules; give each its own')

    @property
    def remembered(self) -> list[str]:
        """The names of the rules of which it is written down which cases they were done to."""
        return [each.name for each in self.rules if each.is_remembered]

    @property
    def needs_activity(self) -> bool:
        """Whether a rule asks when others were last active on a case."""
        return any(each.needs_activity for each in self.rules)

    def decide(self, case: Case, view: View | float) -> list[tuple[str, Step]]:
        """Decide about a case: the steps to take, each with the name of its rule.

        `view` is what is known beside the case; the time in Unix seconds is enough for rules without memory.
        """
        known = view if isinstance(view, View) else View(view)
        decided: list[tuple[str, Step]] = []
        taken: set[str] = set()
        attributes: set[str] = set()
        seen, is_decided = case, False
        for each in self.rules:
            if is_decided and not each.is_policy:
                continue
            steps = each.decide(seen, known)
            if steps is None:
                continue
            known.matched.add(each.name)
            is_decided = is_decided or not (each.continue_ or each.is_policy)
            steps = each.due(case, steps, known)
            if steps and self.marks_cases and (each.once or each.every is not None):
                steps = [mark_step(seen, each.name, known.now), *steps]
            free = [left for step in steps if (left := unless_taken(step, taken, attributes)) is not None]
            decided += [(each.name, step) for step in free]
            for step in free:
                seen = ACTIONS[step.action].preview(seen, step.payload)
                taken.add(conflict_name(step))
                attributes |= set(step.payload) - {MARK} if step.action == "attributes" else set()
        return decided


def unless_taken(step: Step, taken: set[str], attributes: set[str]) -> Step | None:
    """Leave out what an earlier rule has decided."""
    if step.action == "attributes":
        return without(step, attributes)
    return None if conflict_name(step) in taken else step


def mark_step(case: Case, name: str, now: float) -> Step:
    """Make the step that notes on a case that a rule was done to it."""
    kept = [text for text in case.attributes.get(MARK, ()) if text.rpartition("@")[0] != name]
    return Step(STAGES["attributes"], "attributes", {MARK: [*kept, mark_text(name, now)]})


def made_steps(steps: Sequence[Step | CaseStep], case: Case, view: View) -> list[Step]:
    """Make the steps of a rule for a case."""
    return [step.step(case, view) if isinstance(step, CaseStep) else step for step in steps]


def rule(
    name: str, *, continue_: bool = False, once: bool = False, every: float | None = None, max_cases: int | None = None
) -> Callable[[Callable[[Case], Mapping[str, Any] | None]], Rule]:
    """Make a rule of a function that takes a case and returns a table of actions, or None.

    `every` is in seconds. Users and projects are given by their ids.
    """

    def wrap(function: Callable[[Case], Mapping[str, Any] | None]) -> Rule:
        def decide(case: Case, view: View) -> Sequence[Step] | None:
            actions = function(case)
            return None if actions is None else made_steps(steps_of_rule(f'rule "{name}"', actions), case, view)

        return Rule(name, decide, continue_, once, every, max_cases, remembers=True)

    return wrap
