"""What rules can say beside fields and values: placeholders, comparisons, chains, memory, round robin, names."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from scenes import ruled

from casemgmt_async import Case, CaseStatus, CustomAttribute, CustomAttributeType, Priority, StatusGroup, User
from casemgmt_async.jobs import RulesError
from casemgmt_async.jobs.journal import LastActivity, Remembered
from casemgmt_async.jobs.triage.rules import NameBook, TimelineNeeded, View

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = 86_400.0
ADA, BEN, CHIARA = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))


def case(**given: Any) -> Case:
    fields: dict[str, Any] = {
        "key": "SEC-12",
        "title": "Disk is full",
        "priority": Priority.P3,
        "status": CaseStatus.OPEN,
        "status_name": "Open",
        "status_group": StatusGroup.SG_OPEN,
        "assignee": User(id=ADA, email="ada@example.com"),
        "created_by": User(id=BEN, email="ben@example.com"),
        "created_at": NOW - timedelta(days=40),
        "modified_at": NOW - timedelta(days=10),
        "modified_by": User(id=BEN),
        "attributes": {"team": ["core"], "service": ["payments-api"]},
        "custom_attributes": {"cost": CustomAttribute(CustomAttributeType.NUMBER, 7_000.0, False)},
        "comment_count": 3,
    }
    return Case(id=given.pop("id", "case-1"), **fields | given)


def steps(rules: Any, one: Case, view: View | None = None) -> list[tuple[str, str, Any]]:
    return [(name, step.action, step.payload) for name, step in rules.decide(one, view or View(NOW.timestamp()))]


@pytest.mark.parametrize(
    ("match", "fits", "fits_not"),
    [
        ({"any": [{"priority": "P1"}, {"title": "full"}]}, {}, {"title": "empty"}),
        ({"overdue": True}, {"due_date": date(2026, 5, 31)}, {"due_date": date(2026, 6, 1)}),
        ({"overdue": False}, {"due_date": None}, {"due_date": date(2026, 5, 31)}),
        ({"due_within": "2d"}, {"due_date": date(2026, 6, 3)}, {"due_date": date(2026, 6, 4)}),
        ({"due_within": "2d"}, {"due_date": date(2026, 6, 1)}, {"due_date": date(2026, 5, 31)}),
        ({"creator": "ben@example.com"}, {}, {"created_by": User(id=ADA)}),
        ({"comment_count": 3}, {}, {"comment_count": 4}),
        ({"comment_count": {"over": 2}}, {}, {"comment_count": 2}),
        ({"comment_count": {"under": 1}}, {"comment_count": None}, {}),
        ({"attributes": {"service": {"pattern": "^pay"}}}, {}, {"attributes": {"service": ["prepay"]}}),
        ({"custom_attributes": {"cost": {"at_least": 7_000}}}, {}, {"custom_attributes": {}}),
        ({"custom_attributes": {"cost": {"at_most": 6_999}}}, {"custom_attributes": {
            "cost": CustomAttribute(CustomAttributeType.NUMBER, 5.0, False)}}, {}),
        (
            {"closed_for": "30d"},
            {"status_group": StatusGroup.SG_CLOSED, "closed_at": NOW - timedelta(days=31)},
            {"status_group": StatusGroup.SG_OPEN, "closed_at": NOW - timedelta(days=31)},
        ),
    ],
)  # fmt: skip
def test_a_match_says_what_people_mean(match: dict[str, Any], fits: dict[str, Any], fits_not: dict[str, Any]) -> None:
    rules = ruled({"match": match, "actions": {"archive": True}})
    assert steps(rules, case(**fits))
    assert not steps(rules, case(**fits_not))


@pytest.mark.parametrize(
    ("before", "up", "down"),
    [
        ("P1", "P1", "P2"),
        ("P3", "P2", "P4"),
        ("P5", "P4", "P5"),
        ("NOT_DEFINED", "P5", "NOT_DEFINED"),
        (None, "P5", "NOT_DEFINED"),
    ],
)
def test_a_priority_moves_by_one(before: str | None, up: str, down: str) -> None:
    one = case(priority=None if before is None else Priority(before))
    for word, after in (("raise", up), ("lower", down)):
        ((_, _, payload),) = steps(ruled({"actions": {"priority": word}, "once": True}), one)
        assert payload == after


def test_placeholders_are_filled_in_by_the_case_and_the_clock() -> None:
    text = "{{{key}}} {title} {assignee} {creator} {age} {idle} {attributes.team} {custom_attributes.cost} {due_date}"
    rules = ruled({"actions": {"comment": text}, "once": True})
    ((_, _, payload),) = steps(rules, case())
    assert payload == "{SEC-12} Disk is full ada@example.com ben@example.com 40d 10d core 7000.0 none"


@pytest.mark.parametrize(
    ("given", "shown"),
    [({}, "SEC"), ({"key": None, "project_id": "p-1"}, "p-1"), ({"key": None, "project_id": None}, "")],
)
def test_a_project_is_shown_by_its_key_or_else_by_its_id(given: dict[str, Any], shown: str) -> None:
    rules = ruled({"actions": {"comment": "in {project}."}, "once": True})
    assert steps(rules, case(**given))[0][2] == f"in {shown}."


def test_a_url_leads_to_the_web_application() -> None:
    rules = ruled({"actions": {"comment": "{url}"}, "once": True})
    view = View(NOW.timestamp(), "https://app.datadoghq.eu")
    assert steps(rules, case(), view)[0][2] == "https://app.datadoghq.eu/cases/SEC-12"


def test_a_later_rule_sees_what_the_earlier_ones_set_and_cannot_change_it() -> None:
    """For attributes too, name by name."""
    rules = ruled(
        {"actions": {"priority": "P1", "attributes": {"team": ["sre"]}}, "continue": True},
        {"match": {"priority": "P1", "attributes": {"team": "sre"}},
         "actions": {"attributes": {"team": ["other"], "seen": ["yes"]}, "priority": "P5"}},
    )  # fmt: skip
    assert steps(rules, case()) == [
        ("r0", "attributes", {"team": ["sre"]}),
        ("r0", "priority", "P1"),
        ("r1", "attributes", {"seen": ["yes"]}),
    ]


def test_no_values_remove_an_attribute() -> None:
    rules = ruled({"actions": {"attributes": {"team": [], "a": ["b"]}, "custom_attributes": {"cost": []}}})
    assert [payload for _, _, payload in steps(rules, case())] == [
        {"a": ["b"], "team": []},
        {"key": "cost", "value": None},
    ]


def test_each_case_gets_one_of_several_people_and_always_the_same() -> None:
    """Also when somebody joins the list: only the cases that go to the new one change hands."""
    two, three = (ruled({"actions": {"assign": people}}) for people in ([ADA, BEN], [ADA, BEN, CHIARA]))
    cases = [case(id=f"case-{number}") for number in range(300)]
    before, after = ([steps(rules, one)[0][2] for one in cases] for rules in (two, three))
    assert before == [steps(two, one)[0][2] for one in cases]
    assert min(Counter(after).values()) > 60
    assert all(new in (old, CHIARA) for old, new in zip(before, after, strict=True))


def test_a_rule_is_done_once_and_its_unfinished_actions_again() -> None:
    rules = ruled({"actions": {"comment": "hello", "status": "Closed"}, "once": True})
    done = View(NOW.timestamp(), memory={("case-1", "r0"): Remembered(0.0)})
    half = View(NOW.timestamp(), memory={("case-1", "r0"): Remembered(0.0, None, frozenset({"status"}))})
    assert [action for _, action, _ in steps(rules, case())] == ["comment", "status"]
    assert steps(rules, case(), done) == []
    assert [action for _, action, _ in steps(rules, case(), half)] == ["status"]


def test_a_rule_is_done_again_after_its_time_but_for_some_minutes() -> None:
    rules = ruled({"actions": {"comment": "hello"}, "every": "1d"})

    def after(seconds: float) -> bool:
        memory = {("case-1", "r0"): Remembered(NOW.timestamp() - seconds)}
        return bool(steps(rules, case(), View(NOW.timestamp(), memory=memory)))

    assert [after(DAY - 301), after(DAY - 299), after(DAY)] == [False, True, True]
    rules = ruled({"actions": {"comment": "hello"}, "every": "10m"})
    assert [after(539), after(541)] == [False, True], "at most a tenth of the time"


def test_a_remembered_rule_still_decides() -> None:
    """Otherwise the rule for everything else would close what the first one only greets once."""
    rules = ruled({"actions": {"comment": "hello"}, "once": True}, {"actions": {"status": "Closed"}})
    assert steps(rules, case(), View(NOW.timestamp(), memory={("case-1", "r0"): Remembered(0.0)})) == []


def test_memory_can_be_kept_on_the_case() -> None:
    rules = ruled({"actions": {"comment": "hello"}, "once": True}, memory="case")
    view = View(NOW.timestamp())
    marked, comment = steps(rules, case(attributes={"triage": ["other@2026-01-01T00:00:00Z"]}), view)
    assert marked[2] == {"triage": ["other@2026-01-01T00:00:00Z", "r0@2026-06-01T12:00:00Z"]}
    assert comment[2] == "hello"
    assert steps(rules, case(attributes=marked[2]), view) == []


@pytest.mark.parametrize("before", ["state", "case"])
def test_what_is_remembered_counts_wherever_it_was_kept(before: str) -> None:
    """When `memory` is edited, a rule is not done again because it was remembered in the other place."""
    rule: dict[str, Any] = {"actions": {"comment": "hello"}, "every": "7d"}
    day = 86_400.0
    now = NOW.timestamp()
    for kept in ("state", "case"):
        rules = ruled(rule, memory=kept)
        marked = {"triage": [f"r0@{NOW - timedelta(days=6 if before == 'case' else 9):%Y-%m-%dT%H:%M:%SZ}"]}
        memory = {(case().id, "r0"): Remembered(now - (9 if before == "case" else 6) * day)}
        assert steps(rules, case(attributes=marked), View(now, memory=memory)) == []
        assert steps(rules, case(attributes=marked), View(now + 2 * day, memory=memory)) != []


def test_a_step_that_was_left_undone_is_done_although_the_case_is_marked() -> None:
    rules = ruled({"actions": {"comment": "hello"}, "once": True}, memory="case")
    marked = case(attributes={"triage": [f"r0@{NOW:%Y-%m-%dT%H:%M:%SZ}"]})
    memory = {(marked.id, "r0"): Remembered(NOW.timestamp() + 0.5, None, frozenset({"comment"}))}
    assert [action for _, action, _ in steps(rules, marked, View(NOW.timestamp(), memory=memory))] == [
        "attributes",
        "comment",
    ]


def test_names_are_collected_and_then_stand_for_ids() -> None:
    document = {"assign": "ada@example.com", "watch": ["me", BEN], "project": "WEB", "status": "Done"}
    rules = ruled({"match": {"assignee": ["none", "on-call:sre"]}, "actions": document})
    assert {(each.kind, each.name) for each in rules.wanted} == {
        ("user", "ada@example.com"), ("user", "me"), ("matched user", "on-call:sre"), ("project", "WEB"),
        ("status", "Done"),
    }  # fmt: skip
    on_call = {"on-call:sre": (BEN,)}
    book = NameBook({"ada@example.com": (ADA,), "me": (CHIARA,)}, {"WEB": ADA}, matched_users=on_call)
    resolved = rules.resolve(book)
    assert {each.kind for each in resolved.wanted} == {"status"}, "no type tells its statuses"
    found = steps(resolved, case(assignee=User(id=BEN)))
    assert [payload for _, action, payload in found if action in ("assign", "watch", "project")] == [
        ADA,
        CHIARA,
        BEN,
        ADA,
    ]


def test_our_own_changes_are_no_activity() -> None:
    """Neither by `modified_by` nor by memory; where these do not tell, the timeline is asked for."""
    now = NOW.timestamp()
    rules = ruled({"match": {"inactive_for": "5d"}, "actions": {"archive": True}})
    ours = case(modified_at=NOW - timedelta(days=1), modified_by=User(id=CHIARA))
    others = case(modified_at=NOW - timedelta(days=1), modified_by=User(id=BEN))
    remembered = View(now, me=CHIARA, activity={"case-1": LastActivity(now - 20 * DAY, now - DAY)})
    assert steps(rules, ours, remembered)
    assert not steps(rules, others, remembered), "somebody else has changed it since"
    with pytest.raises(TimelineNeeded):
        steps(rules, ours, View(now, me=CHIARA))
    assert steps(rules, ours, View(now, me=CHIARA, timelines={"case-1": now - 6 * DAY}))
    assert not steps(rules, ours, View(now, me=CHIARA, timelines={"case-1": now - 4 * DAY}))
    assert steps(rules, case(), View(now, me=CHIARA)), "long enough ago, whoever it was: nothing is asked for"


def test_functions_take_ids_alone() -> None:
    with pytest.raises(RulesError, match="once = true"):
        ruled({"actions": {"comment": "x"}})


def test_our_last_change_is_known_by_its_time_give_or_take_two_minutes() -> None:
    """Also without the permission to read who changed a case; an earlier user's later change is somebody's."""
    now = NOW.timestamp()
    activity = {"case-1": LastActivity(active_at=now - 9 * DAY, changed_at=now - DAY)}

    def active(me: str | None, late: float, by: str = CHIARA, earlier: str = "nobody") -> float | None:
        view = View(now, me=me, activity=activity, earlier_users=frozenset({earlier}))
        changed = case(modified_at=NOW - timedelta(days=1) + timedelta(seconds=late), modified_by=User(id=by))
        try:
            return now - view.active_at(changed)
        except TimelineNeeded:
            return None

    assert [active(CHIARA, 119), active(CHIARA, 121)] == [9 * DAY, None]
    assert [active(None, 119), active(None, 121)] == [9 * DAY, DAY - 121]
    assert [active(BEN, 119), active(BEN, 119, earlier=CHIARA), active(BEN, 121, earlier=CHIARA)] == [
        DAY - 119,
        9 * DAY,
        DAY - 121,
    ]
