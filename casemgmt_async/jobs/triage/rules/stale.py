"""The stale policy: warn a case that nobody touches, wait, close it; take the warning back when somebody answers."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async import Case
from casemgmt_async.jobs.actions import STAGES, Step
from casemgmt_async.jobs.durations import format_span
from casemgmt_async.jobs.journal import Remembered
from casemgmt_async.jobs.triage.rules.matching import Match, Predicate, compile_match, is_open, none_of
from casemgmt_async.jobs.triage.rules.names import NameBook
from casemgmt_async.jobs.triage.rules.ruleset import EVERY_SLACK, Rule, made_steps
from casemgmt_async.jobs.triage.rules.steps import RuleStep, steps_of_rule
from casemgmt_async.jobs.triage.rules.view import View, mark_text, time_of_mark

__all__ = ["WrittenStale", "stale_rules"]

WARNING: Final = "Nobody has touched this case for {{idle}}. It will be closed in {wait} unless somebody answers."
FAREWELL: Final = "Closed: nobody has touched this case for {idle}."


class Phase(enum.Enum):
    """What the policy does to a case now."""

    WARN = "warn"
    TAKE_BACK = "take back"
    CLOSE = "close"


@frozen(kw_only=True)
class WrittenStale:
    """A stale policy as it stands in a rules file."""

    name: str = "stale"
    """The name of the policy in plans and reports."""
    match: Match = field(factory=Match)
    """The open cases that the policy is for; without it, all open cases."""
    exempt: Match = field(factory=Match)
    """The policy leaves a case alone if any of these keys holds."""
    warn_after: int
    """Time without activity before the warning."""
    close_after: int
    """Time from the warning to the close."""
    warning: str | None = None
    """The comment that warns; without it, a standard text."""
    farewell: str | None = None
    """The comment on closing; without it, a standard text."""
    answer: str | None = None
    """The comment on withdrawing the warning; without it, no comment."""
    close: Mapping[str, Any] = field(factory=lambda: {"status": "Closed"})
    """The actions that close a case."""
    mark: str = "stale"
    """The attribute that marks a warned case; `""` for no mark."""
    max_cases: int | None = None
    """The plan is refused if the policy would change more cases than this."""


@frozen
class StalePolicy:
    """Decides which phase a case is in."""

    written: WrittenStale
    matches: Predicate
    spares: Predicate
    """Whether a case is not exempt."""

    def rule_name(self, phase: Phase) -> str:
        """The name of the rule that does a phase."""
        return f"{self.written.name}: {phase.value}"

    def phase(self, case: Case, view: View) -> Phase | None:
        """Say what is to be done to a case, if anything."""
        is_doubtful = any((case.id, self.rule_name(each)) in view.doubts for each in Phase)
        if not is_open(case) or case.archived_at is not None or is_doubtful:
            return None
        if not (self.matches(case, view) and self.spares(case, view)):
            return Phase.TAKE_BACK if self.is_marked(case) else None
        warned = self.warned(case, view)
        if warned is None:
            return Phase.WARN if view.idle_for(case, self.written.warn_after) else None
        return self.after_warning(case, warned, view)

    def after_warning(self, case: Case, warned: Remembered, view: View) -> Phase | None:
        """Wait for an answer; then take the warning back, or close the case."""
        if is_answered(warned, view.active_at(case)):
            return self.after_answer(case, warned, view)
        if warned.unfinished:
            return Phase.WARN
        if view.now - warned.done_at < self.written.close_after - min(EVERY_SLACK, self.written.close_after / 10):
            return None
        # Nobody gets a closed case back by waiting, so only the timeline proves that there was no answer.
        if is_answered(warned, view.surely_active_at(case)):
            return self.after_answer(case, warned, view)
        return Phase.CLOSE

    def warned(self, case: Case, view: View) -> Remembered | None:
        """When a case was warned, by memory, or else by its mark."""
        if (known := view.memory.get((case.id, self.rule_name(Phase.WARN)))) is not None:
            return known
        marks = case.attributes.get(self.written.mark, ()) if self.written.mark else ()
        times = [when for text in marks if (when := time_of_mark(text, self.rule_name(Phase.WARN))) is not None]
        return Remembered(max(times)) if times else None

    def is_marked(self, case: Case) -> bool:
        """Whether a case carries the mark of a warning."""
        return bool(self.written.mark and case.attributes.get(self.written.mark))

    def after_answer(self, case: Case, warned: Remembered, view: View) -> Phase | None:
        """Take the warning back, once; then the case is as any other."""
        back = view.memory.get((case.id, self.rule_name(Phase.TAKE_BACK)))
        is_told = self.written.answer is None or (back is not None and back.done_at >= warned.done_at)
        if self.is_marked(case) or not is_told:
            return Phase.TAKE_BACK
        return Phase.WARN if view.idle_for(case, self.written.warn_after) else None

    def left(self, case: Case, phase: Phase, steps: Sequence[Step], view: View) -> Sequence[Step]:
        """Leave out what an earlier run has done of the same phase after the same warning."""
        warned = self.warned(case, view)
        known = view.memory.get((case.id, self.rule_name(phase)))
        if warned is None or known is None:
            return steps
        if phase is Phase.WARN and not known.unfinished:  # it is warned for the next time
            return steps
        if phase is not Phase.WARN and known.done_at < warned.done_at:
            return steps
        return [step for step in steps if step.action in known.unfinished or step.action == "attributes"]


def is_answered(warned: Remembered, active_at: float) -> bool:
    """Whether others were active since the warning."""
    return active_at > (warned.done_at if warned.active_at is None else warned.active_at) + 1.0


def stale_rules(written: WrittenStale, book: NameBook) -> list[Rule]:
    """Make the rules of a stale policy: one for each phase, so that plans and reports show them apart."""
    policy = StalePolicy(written, compile_match(written.match), none_of(written.exempt))
    where = f'stale policy "{written.name}"'
    warning = written.warning or WARNING.format(wait=format_span(written.close_after))
    farewell = written.farewell or FAREWELL
    back = {"comment": written.answer} if written.answer else {}
    actions: Mapping[Phase, tuple[RuleStep, ...]] = {
        Phase.WARN: steps_of_rule(f"{where}: warning", {"comment": warning}, book),
        Phase.TAKE_BACK: steps_of_rule(f"{where}: answer", back, book) if back else (),
        Phase.CLOSE: steps_of_rule(f"{where}: close", {"comment": farewell, **written.close}, book),
    }

    def make(phase: Phase) -> Rule:
        def decide(case: Case, view: View) -> Sequence[Step] | None:
            if policy.phase(case, view) is not phase:
                return None
            steps = made_steps(actions[phase], case, view)
            if written.mark and phase is not Phase.CLOSE:
                text = [mark_text(policy.rule_name(phase), view.now)] if phase is Phase.WARN else []
                steps.insert(0, Step(STAGES["attributes"], "attributes", {written.mark: text}))
            return policy.left(case, phase, steps, view)

        return Rule(
            policy.rule_name(phase), decide, max_cases=written.max_cases, policy=written.name, needs_activity=True
        )

    return [make(phase) for phase in Phase]
