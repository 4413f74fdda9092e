"""Triage: rules, plans, and what applies them."""

from __future__ import annotations

from casemgmt_async.jobs.triage.plan import Plan, PlanRow, plan_triage
from casemgmt_async.jobs.triage.rules import Rule, RuleSet, load_rules, parse_rules, rule
from casemgmt_async.jobs.triage.run import apply_triage, run_triage

__all__ = [
    "Plan",
    "PlanRow",
    "Rule",
    "RuleSet",
    "apply_triage",
    "load_rules",
    "parse_rules",
    "plan_triage",
    "rule",
    "run_triage",
]
