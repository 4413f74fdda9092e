"""Triage: rules, plans, runs, and what applies them."""

from __future__ import annotations

from casemgmt_async.jobs.triage.changes import Change
from casemgmt_async.jobs.triage.history import list_runs, prune_runs, read_changes
from casemgmt_async.jobs.triage.plan import Plan, PlanRow
from casemgmt_async.jobs.triage.rules import Rule, RuleSet, load_rules, parse_rules, rule
from casemgmt_async.jobs.triage.run import apply_triage, plan_triage, run_triage
from casemgmt_async.jobs.triage.shards import ShardedTriage, split_triage

__all__ = [
    "Change",
    "Plan",
    "PlanRow",
    "Rule",
    "RuleSet",
    "ShardedTriage",
    "apply_triage",
    "list_runs",
    "load_rules",
    "parse_rules",
    "plan_triage",
    "prune_runs",
    "read_changes",
    "rule",
    "run_triage",
    "split_triage",
]
