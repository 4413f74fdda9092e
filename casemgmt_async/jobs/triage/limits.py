"""The limits on the number of cases that a plan changes."""

from __future__ import annotations

from collections import Counter

from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.triage_queries import count_cases_by_rule
from casemgmt_async.jobs.triage.rules import Rule, RuleSet

__all__ = ["too_large"]


async def too_large(journal: Journal, rules: RuleSet, matched: int) -> str | None:
    """Say which limit on the number of cases a plan breaks, if any."""
    limits = {limited_as(rule): rule.max_cases for rule in rules.rules}
    counts: Counter[str] = Counter()
    if any(limit is not None for limit in limits.values()):
        by_rule = await count_cases_by_rule(journal)
        for rule in rules.rules:  # a case is in one phase of a policy at a time
            counts[limited_as(rule)] += by_rule.get(rule.name, 0)
    for what, limit in limits.items():
        if limit is not None and counts[what] > limit:
            return f"{what} would change {counts[what]:,} cases, and its max_cases is {limit}"
    if rules.max_cases is not None and matched > rules.max_cases:
        return f"the plan would change {matched:,} cases, and max_cases is {rules.max_cases}"
    return None


def limited_as(rule: Rule) -> str:
    """Name what `max_cases` of a rule counts: the rule, or its whole policy."""
    return f'rule "{rule.name}"' if rule.policy is None else f'stale policy "{rule.policy}"'
