"""The rules of a triage: what they match, what they do, and the names they use."""

from __future__ import annotations

from casemgmt_async.jobs.triage.rules.document import load_rules, parse_rules
from casemgmt_async.jobs.triage.rules.names import NameBook, WantedName
from casemgmt_async.jobs.triage.rules.ruleset import Rule, RuleSet, rule
from casemgmt_async.jobs.triage.rules.view import TimelineNeeded, View

__all__ = [
    "NameBook",
    "Rule",
    "RuleSet",
    "TimelineNeeded",
    "View",
    "WantedName",
    "load_rules",
    "parse_rules",
    "rule",
]
