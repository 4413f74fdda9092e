"""Rules match what they say, give the steps they say, and a mistake in one is named with its rule and key."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import (
    Case,
    CaseStatus,
    CaseTypeCode,
    CustomAttribute,
    CustomAttributeType,
    Priority,
    StatusGroup,
    User,
)
from casemgmt_async.jobs import RulesError, RuleSet, load_rules, parse_rules, rule
from casemgmt_async.jobs.durations import format_span, parse_span

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[2] / "examples" / "triage.toml"
USER = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"


def case(**given: Any) -> Case:
    """A case that something can be said about."""
    fields: dict[str, Any] = {
        "key": "SEC-12",
        "title": "Disk of db-7 is FULL",
        "description": "Since Monday.",
        "priority": Priority.P2,
        "status": CaseStatus.OPEN,
        "status_name": "Not Started",
        "status_group": StatusGroup.SG_OPEN,
        "type": CaseTypeCode.STANDARD,
        "type_id": "type-1",
        "project_id": "project-1",
        "assignee": User(id="user-1", email="ada@example.com", handle="ada"),
        "created_at": NOW - timedelta(days=40),
        "modified_at": NOW - timedelta(days=10),
        "attributes": {"team": ["core", "web"]},
        "custom_attributes": {
            "severity": CustomAttribute(CustomAttributeType.TEXT, "high", False),
            "sites": CustomAttribute(CustomAttributeType.NUMBER, [1, 2], True),
        },
    }
    return Case(id="case-1", **fields | given)


def decides(match: dict[str, Any], one: Case) -> bool:
    """Whether a rule with that match decides about the case."""
    rules = parse_rules({"rules": [{"name": "r", "match": match, "actions": {"archive": True}}]})
    return bool(rules.decide(one, NOW.timestamp()))


@pytest.mark.parametrize(
    ("match", "fits", "fits_not"),
    [
        ({"priority": ["P2", "P3"]}, {}, {"priority": Priority.P1}),
        ({"priority": "NOT_DEFINED"}, {"priority": None}, {}),
        ({"status": "not started"}, {}, {"status_name": "Closed"}),
        ({"status": "OPEN"}, {"status_name": None}, {"status": CaseStatus.CLOSED}),
        ({"status_group": "open"}, {}, {"status_group": StatusGroup.SG_CLOSED}),
        ({"status_group": "SG_CLOSED"}, {"status_group": None, "status": CaseStatus.CLOSED}, {"status_group": None}),
        ({"type": "STANDARD"}, {}, {"type": CaseTypeCode("TUNKNOWN")}),
        ({"type": "type-1"}, {"type": None}, {"type_id": "type-2"}),
        ({"project": "SEC"}, {}, {"key": "OPS-12"}),
        ({"project": "project-1"}, {"key": None}, {"project_id": "project-2"}),
        ({"assignee": "none"}, {"assignee": None}, {}),
        ({"assignee": "any"}, {}, {"assignee": None}),
        ({"assignee": ["ada@example.com"]}, {}, {"assignee": User(id="user-2")}),
        ({"assignee": ["user-2", "none"]}, {"assignee": User(id="user-2")}, {}),
        ({"older_than": "39d"}, {}, {"created_at": NOW - timedelta(days=38)}),
        ({"younger_than": "6w"}, {}, {"created_at": NOW - timedelta(days=50)}),
        ({"inactive_for": "9d"}, {}, {"modified_at": NOW}),
        ({"inactive_for": "39d"}, {"modified_at": None}, {}),
        ({"active_within": "11d"}, {}, {"modified_at": NOW - timedelta(days=12)}),
        ({"title": "is full"}, {}, {"title": "Disk"}),
        ({"description": ["tuesday", "monday"]}, {}, {"description": None}),
        ({"text": "db-7"}, {"title": None, "description": "on DB-7"}, {"title": None}),
        ({"pattern": r"db-\d$|Monday"}, {}, {"description": "Since Friday."}),
        ({"attributes": {"team": ["web", "data"]}}, {}, {"attributes": {"team": ["data-2"]}}),
        ({"attributes": {"team": []}}, {"attributes": {}}, {}),
        ({"custom_attributes": {"severity": "high"}}, {}, {"custom_attributes": {}}),
        ({"custom_attributes": {"sites": 2}}, {}, {"custom_attributes": {}}),
        ({"archived": True}, {"archived_at": NOW}, {}),
        ({"not": {"priority": ["P1", "P3"]}}, {}, {"priority": Priority.P3}),
        ({"priority": "P2", "title": "disk"}, {}, {"title": "CPU"}),
    ],
)
def test_a_match_holds_where_it_says(match: dict[str, Any], fits: dict[str, Any], fits_not: dict[str, Any]) -> None:
    """Each key of a match tells one case that has it from one that has not."""
    assert decides(match, case(**fits))
    assert not decides(match, case(**fits_not))


def test_the_steps_come_in_the_order_in_which_a_case_gets_them() -> None:
    """What explains comes before what closes, whatever the order in the file."""
    actions = {
        "archive": True, "status": "Closed", "comment": ["one", "two"], "assign": USER.upper(), "due_date": "none",
        "priority": "P4", "custom_attributes": {"a": 1, "b": {"value": "http://x", "type": "URL"}},
        "attributes": {"team": "core"}, "project": USER,
    }  # fmt: skip
    rules = parse_rules({"rules": [{"name": "all", "match": "all", "actions": actions}]})
    steps = [step for _, step in rules.decide(case(), 0)]
    assert [(step.action, step.payload) for step in steps] == [
        ("attributes", {"team": ["core"]}),
        ("custom_attributes", {"key": "a", "value": 1}),
        ("custom_attributes", {"key": "b", "value": "http://x", "type": "URL"}),
        ("priority", "P4"),
        ("due_date", None),
        ("assign", USER),
        ("comment", "one"),
        ("comment", "two"),
        ("status", "Closed"),
        ("project", USER),
        ("archive", None),
    ]


def test_a_day_can_be_given_from_today_on() -> None:
    """`+7d` is a week from the day of the run, by the clock of the job."""
    rules = parse_rules({"rules": [{"name": "r", "match": "all", "actions": {"due_date": "+7d"}}]})
    ((_, step),) = rules.decide(case(), NOW.timestamp())
    assert step.payload == "2026-06-08"


def test_the_first_rule_decides_unless_it_says_continue() -> None:
    """After `continue`, what an earlier rule has set stays, and other steps are added."""
    rules = parse_rules(
        {
            "rules": [
                {"name": "one", "match": "all", "actions": {"priority": "P3", "comment": "a"}, "continue": True},
                {"name": "two", "match": "all", "actions": {"priority": "P5", "comment": "b", "unassign": True}},
                {"name": "three", "match": "all", "actions": {"archive": True}},
            ]
        }
    )
    decided = [(name, step.action, step.payload) for name, step in rules.decide(case(), 0)]
    assert decided == [
        ("one", "priority", "P3"),
        ("one", "comment", "a"),
        ("two", "unassign", None),
        ("two", "comment", "b"),
    ]


def test_a_rule_can_be_a_function() -> None:
    """A function gives actions or None; what it gives is checked as a file is."""

    @rule("urgent")
    def urgent(one: Case) -> dict[str, Any] | None:
        return {"assign": USER} if one.priority == Priority.P1 else None

    @rule("wrong")
    def wrong(one: Case) -> dict[str, Any]:
        return {"asign": "me"}

    rules = RuleSet([urgent])
    assert rules.decide(case(), 0) == []
    assert [step.payload for _, step in rules.decide(case(priority=Priority.P1), 0)] == [USER]
    with pytest.raises(
        RulesError, match=re.escape('rule "wrong".asign is not an action; allowed: unarchive, attributes')
    ):
        RuleSet([wrong]).decide(case(), 0)


RULE = {"name": "stale", "match": "all", "actions": {"status": "Closed"}}


def matching(match: Any) -> dict[str, Any]:
    """A document with one rule that matches so."""
    return {"rules": [RULE | {"match": match}]}


def doing(actions: Any) -> dict[str, Any]:
    """A document with one rule that does that."""
    return {"rules": [RULE | {"actions": actions}]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "the rules are empty"),
        ({"rules": []}, "the rules are empty"),
        ({"rules": [RULE], "filtr": "x"}, "unknown key 'filtr'; allowed: rules, stale, name, filter"),
        ({"rules": [RULE, RULE]}, 'the name "stale" is used by several rules'),
        ({"rules": [RULE | {"matches": {}}]}, "unknown key 'matches'; allowed: name, match, actions, continue"),
        ({"rules": [{"match": "all", "actions": {}}]}, "rule 1: name is missing"),
        ({"rules": [RULE | {"name": " "}]}, "rule 1: name must be a non-empty text"),
        ({"rules": [RULE | {"continue": "yes"}]}, 'rule "stale": continue must be true or false'),
        (matching({"prio": "P1"}), "rule \"stale\": match unknown key 'prio'; allowed: priority, status"),
        (matching({"priority": "P9"}), "match.priority must be one of NOT_DEFINED, P1, P2, P3, P4, P5, not 'P9'"),
        (matching({"status_group": "shut"}), "match.status_group must be one of open, SG_OPEN"),
        (matching({"older_than": "2 months"}), "match.older_than must be a whole number with a unit"),
        (matching({"pattern": "("}), "match.pattern must be a regular expression"),
        (matching({"title": 3}), "match.title must be a text or a list of texts, not 3"),
        (matching({"attributes": "x"}), "match.attributes must be a table of names and values"),
        (matching({"not": {"archived": 1}}), "match.not.archived must be true or false, not 1"),
        (matching(5), 'rule "stale": match must be a table, not 5'),
        (doing({}), 'rule "stale": actions must be a table of one action or more'),
        (doing({"close": 1}), 'rule "stale": actions.close is not an action; allowed: unarchive'),
        (doing({"priority": "high"}), "actions.priority must be one of NOT_DEFINED, P1"),
        (doing({"archive": False}), "actions.archive must be true, or left out"),
        (doing({"comment": ""}), "actions.comment must be a non-empty text"),
        (doing({"due_date": "soon"}), "actions.due_date must be a day as 2026-12-31"),
        (doing({"attributes": {"a": 1}}), "actions.attributes.a must be a non-empty text"),
        (doing({"custom_attributes": {"a": True}}), "actions.custom_attributes.a must be a text, a number"),
        (doing({"custom_attributes": {"a": {"value": 1, "type": "INT"}}}), "a.type must be one of URL"),
        (doing({"custom_attributes": {"a": {"value": "x", "type": "NUMBER"}}}), "a.type is NUMBER, and that does not"),
        (doing({"custom_attributes": {"a": {"value": [1, 2], "type": "TEXT"}}}), "does not fit the value [1, 2]"),
        (doing({"assign": 7}), "actions.assign must be the name or the id of a user, not 7"),
        (doing({"project": ["CORE"]}), "actions.project must be the name or the id of a project"),
        (doing({"comment": "seen"}), "it only comments, so every run would comment again on the same cases"),
        (doing({"priority": "raise"}), "every run would move the priority of the same cases again"),
        (doing({"status": "Closed", "comment": "{kye}"}), "unknown placeholder {kye}; did you mean {key}?"),
        (doing({"status": "Closed", "comment": "{"}), "write {{ and }} for braces that stand for themselves"),
        (doing({"link": {"to": "SEC-1"}}), "actions.link must be a table as"),
        (matching({}), 'match is empty: write match = "all" to mean every case'),
        (matching({"any": []}), "match.any must be a list of tables, of which one has to match"),
        (matching({"comment_count": "many"}), "match.comment_count must be a number, or a table of one or more of"),
        (matching({"status_group": "opn"}), "did you mean open?"),
        ({"rules": [RULE | {"once": True, "every": "1d"}]}, "once and every contradict each other"),
        ({"rules": [RULE | {"max_cases": 0}]}, "max_cases must be a whole number of 1 or more"),
        ({"rules": [RULE], "memory": "disk"}, 'memory must be "state", which is the state file, or "case"'),
        ({"stale": {"warn_after": "30d"}}, "stale policy 1: close_after is missing"),
        (doing({"assign": "x", "unassign": True}), "contradict each other; leave one out"),
        ({"rules": [RULE], "actions": {}}, "for a rule, write it below [[rules]], a table as [rules.actions]"),
        (doing({"commnet": "x"}), "archive; did you mean comment?"),
        (matching({"priority": "p1"}), "not 'p1'; did you mean P1?"),
        (matching({"not": {}}), "match.not is empty: write a key of a match, or leave it out"),
        (matching({"any": [{}]}), "match.any is empty: write a key of a match, or leave it out"),
        ({"stale": {"warn_after": "3d", "close_after": "1d", "exempt": {}}}, "exempt is empty: write a key"),
        (matching({"attributes": {"tries": 5}}), 'match.attributes must have texts; write tries = ["5"], not 5'),
        (matching({"attributes": {"vip": [True]}}), 'write vip = ["true"], not [True]'),
        ({"stale": [{"warn_after": "3d", "close_after": "1d"}] * 2}, 'several stale policies are named "stale"; give'),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_line(document: dict[str, Any], says: str) -> None:
    """The message has the rule, the key and what is allowed."""
    with pytest.raises(RulesError, match=re.escape(says)) as caught:
        parse_rules(document)
    assert "\n" not in str(caught.value)


def test_a_file_is_named_with_its_mistake(tmp_path: Path) -> None:
    """What is no TOML, what is not there and what is wrong inside all begin with the path."""
    path = tmp_path / "rules.toml"
    with pytest.raises(RulesError, match=r"rules\.toml: cannot be read: No such file"):
        load_rules(path)
    path.write_text("rules = = []")
    with pytest.raises(RulesError, match=r"rules\.toml: this is not TOML: .*line 1"):
        load_rules(path)
    path.write_text("\ufeff" + '[[rules]]\nname = "x"\nmatch = "all"\nactions = { archive = true }', encoding="utf-8")
    assert load_rules(path).name == "rules", "a byte order mark, as editors on Windows write, is left out"
    path.write_text('[[rules]]\nname = "x"\nmatch = "all"\nactions = { priority = 1 }')
    with pytest.raises(RulesError, match=r'rules\.toml: rule "x": actions\.priority must be one of'):
        load_rules(path)


def test_the_example_is_understood() -> None:
    """The rules that the documentation shows load, and are told from others."""
    rules = load_rules(EXAMPLE)
    assert rules.rules[0].name.startswith("no priority")
    assert rules.filter == "status:open"
    assert rules.digest != parse_rules({"rules": [RULE]}).digest


@pytest.mark.parametrize(
    ("text", "seconds"), [("45m", 2700), ("12h", 43200), ("2w", 1209600), (" 30d ", 2592000), ("5s", 5)]
)
def test_spans_are_read(text: str, seconds: int) -> None:
    """A number with a unit is a span."""
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "1.5h", "-3d", "3 months", "9999999d"])
def test_what_is_no_span_is_none(text: str) -> None:
    """Anything else is not."""
    assert parse_span(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "less than a second"), (1, "1s"), (59, "59s"), (61, "1m 1s"), (3600, "1h"), (90_061, "1d 1h")],
)
def test_spans_are_written_for_people(seconds: float, text: str) -> None:
    """With two units at most."""
    assert format_span(seconds) == text
