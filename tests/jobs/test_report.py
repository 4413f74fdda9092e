"""A report tells what a job came to, and its page needs nothing besides itself and escapes everything."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import Case, CaseSession, User
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import (
    Budget,
    JobControl,
    JournalError,
    RuleSet,
    State,
    apply_triage,
    backfill_cases,
    parse_rules,
    plan_triage,
    read_report,
)
from casemgmt_async.jobs.actions import current_assignee
from casemgmt_async.jobs.journal import Journal, report_queries
from casemgmt_async.jobs.report.charts import pairs, timeline
from casemgmt_async.jobs.report.page import TO_DO
from casemgmt_async.jobs.snapshot import CaseKind

STANDARD = "00000000-0000-0000-0000-000000000001"
EVIL = '<script>alert("x")</script>&amp;<img src=x onerror=y>'
RULES = parse_rules(
    {
        "rules": [
            {
                "name": f"no priority {EVIL}",
                "match": {"priority": "NOT_DEFINED"},
                "actions": {"priority": "P5"},
                "continue": True,
            },
            {"name": "open", "match": {"status_group": "open"}, "actions": {"status": "Closed", "archive": True}},
            {"name": "closed", "match": {"status_group": "closed"}, "actions": {"due_date": "+7d", "comment": EVIL}},
        ]
    }
)


@pytest.fixture(autouse=True)
def refusal(emulator: Emulator) -> None:
    """No due date may be set, so that there is something that failed."""
    emulator.set_faults("update_case_due_date: status=403")


class Page(HTMLParser):
    """Reads a page as a browser would: elements, their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.depth: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.depth.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.depth.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


async def triaged(session: CaseSession, journal: Path) -> None:
    """Run the rules."""
    await plan_triage(session, RULES, state=journal)
    await apply_triage(session, state=journal)


def by(emulator: Emulator, name: str) -> Counter[Any]:
    """Count the cases that are not archived by a field."""
    return Counter(getattr(case, name) for case in emulator.store.tables.cases if case.archived_at is None)


async def test_before_and_after_are_what_the_cases_were_and_are(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """The counts by priority and status are those of the world, before and after."""
    before = by(emulator, "priority")
    await triaged(session, journal)
    report = await read_report(journal)
    assert report.before is not None
    assert report.before["priority"] == before
    after = by(emulator, "priority")
    assert {name: count for name, count in report.after["priority"].items() if count} == after
    archived = sum(case.archived_at is not None for case in emulator.store.tables.cases)
    assert report.after["status"]["archived"] == archived > 0
    assert (
        sum(report.before["age"].values()) == sum(report.before["status"].values()) - report.before["status"]["Closed"]
    )


async def test_counts_and_reasons_are_those_of_the_journal(session: CaseSession, journal: Path) -> None:
    """Rows add up to the states, failures to what is not done, points to what has ended."""
    await triaged(session, journal)
    report = await read_report(journal)
    summed: Counter[State] = Counter()
    for row in report.rows:
        summed.update(row.states)
    assert summed == report.states
    assert (
        sum(failure.count for failure in report.failures)
        == report.states[State.REJECTED] + report.states[State.SKIPPED]
    )
    assert sum(count for _, count in report.throughput) == report.states[State.DONE] + report.states[State.REJECTED]
    assert next(row.rule for row in report.rows) == RULES.rules[0].name
    assert (report.kind, report.walked) == ("triage", 40)


async def test_outcomes_are_one_line_of_json_each(session: CaseSession, journal: Path, tmp_path: Path) -> None:
    """Each operation is a line, with its case, rule, action and state."""
    await triaged(session, journal)
    report = await read_report(journal)
    await report.write_outcomes(tmp_path / "outcomes.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text("utf-8").splitlines()]
    assert Counter(line["state"] for line in lines) == {state.value: count for state, count in report.states.items()}
    assert {line["payload"] for line in lines if line["action"] == "comment"} == {EVIL}
    assert all(line["error"] for line in lines if line["state"] == "rejected")


async def test_the_page_is_whole_by_itself_and_escapes_everything(
    emulator: Emulator, session: CaseSession, journal: Path, tmp_path: Path
) -> None:
    """One script of our own, nothing loaded, no text of a rule or a case as markup; the numbers are on it."""
    for case in emulator.store.tables.cases[:20]:
        emulator.store.cases.touch(case.id, title=EVIL)
    await triaged(session, journal)
    report = await read_report(journal)
    report.write_html(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")

    page = Page(text)
    assert page.depth == []
    names = {name for name, _ in page.elements}
    assert names <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "section", "div", "table",
        "thead", "tbody", "tr", "th", "td", "b", "i", "span", "svg", "rect", "text", "line", "path", "dl", "dt", "dd",
        "input", "select", "option", "button", "noscript", "script",
    }  # fmt: skip
    assert not any(key in ("src", "href", "onerror", "onload") for _, given in page.elements for key in given)
    assert not re.search(r"url\(|@import|https?:", text)
    shown = " ".join(page.text)
    assert EVIL in shown
    assert f"{sum(report.states.values()):,}" in shown
    assert "The cases before and after" in shown
    scripts = re.findall(r"<script.*?</script>", text, re.DOTALL)
    assert len(scripts) == 2, "no text of a case ends the data and begins another script"
    rows = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["rows"]
    assert len(rows) == sum(report.states.values())
    assert EVIL in {row[1] for row in rows}
    assert Counter(row[6] for row in rows) == {state.value: count for state, count in report.states.items()}
    assert "the rule was stopped after 3 equal refusals in a row" in shown


async def test_a_report_can_be_read_while_the_job_is_not_done(session: CaseSession, journal: Path) -> None:
    """A plan alone has a report, and so has a job that was stopped half-way."""
    await plan_triage(session, RULES, state=journal)
    planned = await read_report(journal)
    assert planned.states.keys() == {State.PLANNED}
    assert planned.before == planned.after
    assert "INCOMPLETE" in planned.html()
    whole = sum(planned.states.values())
    assert f"{whole:,} of {whole:,} operations have not been started. Run the same command again" in planned.html()
    assert "Progress over time" not in planned.html()
    await apply_triage(session, state=journal, control=JobControl(budget=Budget(max_operations=10)))
    halfway = (await read_report(journal)).states
    assert halfway[State.DONE] + halfway[State.REJECTED] == 10
    assert sum(halfway.values()) == sum(planned.states.values())


async def test_a_complete_report_does_not_say_incomplete(session: CaseSession, journal: Path) -> None:
    """The warning is for jobs with something left to do."""
    await triaged(session, journal)
    assert "INCOMPLETE" not in (await read_report(journal)).html()


async def test_a_row_shows_the_value_before_and_after(session: CaseSession, journal: Path) -> None:
    """For status and priority, the journal knows what was before."""
    await triaged(session, journal)
    report = await read_report(journal)
    changed = [each for each in report.operations if each.change == "priority"]
    assert changed
    assert all(each.before and each.after and each.key and each.title for each in changed)
    first_not_done = [each.state is State.DONE for each in report.operations]
    assert first_not_done == sorted(first_not_done), "what was not done comes first"


async def test_a_report_of_nothing_says_so(journal: Path) -> None:
    """A path without a journal is named, and no file is made there."""
    with pytest.raises(JournalError, match=r"job\.db: there is no such file"):
        await read_report(journal)
    assert not journal.exists()


async def test_waits_for_the_rate_limit_are_kept_once_each(session: CaseSession, journal: Path) -> None:
    """The waits of calls side by side overlap: together they are one, and the journal keeps it with the outcomes."""
    now = [1_000_000.0]
    control = JobControl(clock=lambda: now[0])
    control.hold(10)
    control.hold(10)
    now[0] += 5
    control.hold(10)
    now[0] += 20
    control.hold(2)
    assert control.take_waits() == [(1_000_000.0, 10.0), (1_000_010.0, 5.0), (1_000_025.0, 2.0)]
    assert control.take_waits() == []

    await plan_triage(session, RULES, state=journal)
    waiting = JobControl()
    waiting.hold(3_600)
    await apply_triage(session, state=journal, control=waiting)
    ((_, length),) = (await read_report(journal)).waits
    assert length == 3_600
    await plan_triage(session, RULES, state=journal)
    assert (await read_report(journal)).waits == [], "they belong to the run before"


def test_the_chart_shades_the_time_spent_waiting() -> None:
    """Waits are cut to the time of the chart and named in the caption."""
    points = [(100.0 + 10 * number, 5) for number in range(10)]
    caption, drawn = timeline(points, [(90.0, 20.0), (150.0, 40.0), (400.0, 9.0)])
    assert "For 50s of this time (50%), shaded below, the job waited for the rate limit." in caption
    assert drawn is not None
    assert drawn.count('class="held"') == 2
    plain, drawn = timeline(points)
    assert "waited" not in plain
    assert drawn is not None
    assert "held" not in drawn


@pytest.mark.parametrize(("count", "said"), [(0, "0 operations"), (1, "1 operation"), (2, "2 operations")])
def test_a_caption_counts_in_words_that_fit(count: int, said: str) -> None:
    """One is singular."""
    caption, _ = timeline([(100.0, count)])
    assert caption.startswith(f"{said} ended within 1 s,")


def test_a_chart_of_operations_reaches_from_one_side_to_the_other() -> None:
    """Each interval takes as much of the width, whatever their number."""
    _, drawn = timeline([(100.0 + 10 * number, 5) for number in range(10)])
    places = re.findall(r"[ML]([0-9.]+) [0-9.]+", str(drawn).partition('class="line" d="')[2].partition('"')[0])
    assert [float(place) for place in places[-11:]] == [64 + 90 * number for number in range(11)]


def test_bars_of_one_value_stand_under_each_other_and_beside_no_other_value() -> None:
    """A bar before and one after, 14 below it; the longest is 138 wide."""
    drawn = str(pairs("Status", ["Open", "Closed"], {"Open": 3, "Closed": 1}, {"Open": 1, "Closed": 3}))
    found = re.findall(r'class="(\w+)"[^>]*? y="([0-9.-]+)" width="([0-9.]+)"', drawn)
    assert [(kind, float(y), float(width)) for kind, y, width in found] == [
        ("old", 5, 138), ("new", 19, 46), ("old", 43, 46), ("new", 57, 138),
    ]  # fmt: skip
    assert 'viewBox="0 0 320 80"' in drawn


@pytest.mark.parametrize(("step", "is_drawn"), [(0.49, False), (0.5, True)])
def test_a_job_of_less_than_five_seconds_has_no_chart(step: float, is_drawn: bool) -> None:
    """The caption says how long it took in either case."""
    caption, drawn = timeline([(100.0 + step * number, 2) for number in range(10)])
    assert (drawn is not None) == is_drawn
    assert caption.startswith("20 operations ended within 5")


async def test_bad_rows_of_a_backfill_are_listed(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    """Each with its line, its text and what is wrong; a triage has none."""
    project = next(iter(emulator.store.tables.projects))
    rows = [{"key": "A-1", "title": "good"}, {"key": "A-2", "title": EVIL, "priority": "P9"}]
    result = await backfill_cases(
        session, rows, journal=journal, job="j", project=project, type=STANDARD, rejects=journal.with_suffix(".rejects")
    )
    report = await read_report(journal)
    assert len(report.bad_rows) == result.bad_rows == 1
    line, text, reason = report.bad_rows[0]
    assert line == 2
    assert "A-2" in text
    assert "P9" in reason
    shown = " ".join(Page(report.html()).text)
    assert "Rows that could not be used" in shown
    assert "A-2" in shown
    assert not report.more_bad_rows


async def test_the_advice_for_a_backfill_is_about_rows(
    emulator: Emulator, session: CaseSession, journal: Path, tmp_path: Path
) -> None:
    """A backfill has no plan to renew, and none of the options of a triage."""
    emulator.set_faults("create_case#1: status=400")
    rows = [{"key": "A", "title": "refused"}]
    await backfill_cases(
        session, rows, journal=journal, job="j", project="SEC", type="Standard", rejects=tmp_path / "bad.jsonl",
        assume_new=True,
    )  # fmt: skip
    shown = " ".join(Page((await read_report(journal)).html()).text)
    assert "Correct the rows, in the source or the rejects file, and run that file with the same --job." in shown
    assert "--retry" not in shown
    assert "make a new plan" not in shown
    assert {*TO_DO["backfill"]} == {*TO_DO["triage"]} == {State.REJECTED, State.UNKNOWN, State.SKIPPED}


@pytest.mark.parametrize("kind", ["triage", "backfill"])
async def test_changes_are_counted_a_few_at_a_time(
    session: CaseSession, emulator: Emulator, journal: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever the size of a batch, also where it ends between two changes of one case."""
    if kind == "triage":
        await triaged(session, journal)
    else:
        rows = [{"key": f"{n}", "title": f"row {n}", "status": "Closed", "archived": n == 2} for n in range(5)]
        project = next(iter(emulator.store.tables.projects))
        await backfill_cases(session, rows, job="x", journal=journal, project=project, type=STANDARD)
    whole = (await read_report(journal)).after
    for size in (1, 2, 3):
        monkeypatch.setattr(report_queries, "CHANGES", size)
        assert (await read_report(journal)).after == whole
    assert whole


WIDTHS = (
    (0.5, 0.01), (1, 0.02), (2, 0.05), (5, 0.1), (10, 0.2), (25, 0.5), (50, 1), (100, 2), (200, 5), (500, 10),
    (1_000, 20), (1_500, 30), (3_000, 60), (5_000, 120), (10_000, 300), (20_000, 600), (50_000, 1_200),
    (100_000, 1_800), (200_000, 3_600), (600_000, 10_000),
)  # fmt: skip
"""Seconds that a job takes, and seconds of the intervals into which its report divides them."""


async def test_a_job_is_divided_into_intervals_of_a_length_that_is_easy_to_read(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """At most 60 of them; what ends at the last moment belongs to the last one."""
    project = next(iter(emulator.store.tables.projects))
    rows = [{"key": f"{n}", "title": f"row {n}"} for n in range(2)]
    await backfill_cases(session, rows, job="x", journal=journal, project=project, type=STANDARD)
    for seconds, width in WIDTHS:
        with contextlib.closing(sqlite3.connect(journal)) as opened, opened:
            opened.execute("UPDATE operations SET ended_at = ? + (number % 2) * ?", (1000.0, seconds))
        points = (await read_report(journal)).throughput
        assert points[1][0] - points[0][0] == pytest.approx(width)
        assert len(points) <= 60
        assert [count for _, count in points if count] == [1, 1]


async def test_a_report_says_which_job_it_is_of(session: CaseSession, emulator: Emulator, tmp_path: Path) -> None:
    """A triage by the name of its rules, a backfill by its job."""
    triage, backfill = tmp_path / "triage.db", tmp_path / "backfill.db"
    await plan_triage(session, RuleSet(RULES.rules, name="hourly"), state=triage)
    project = next(iter(emulator.store.tables.projects))
    await backfill_cases(session, [], job="import", journal=backfill, project=project, type=STANDARD)
    await backfill_cases(
        session, [{"key": "1", "title": "row 1"}], job="import", journal=backfill, project=project, type=STANDARD
    )
    assert [(each.change, each.title) for each in (await read_report(backfill)).operations] == [("create", "row 1")]
    about = [dict((await read_report(path)).about) for path in (triage, backfill)]
    assert (about[0]["Triage"], about[0]["Filter"]) == ("hourly", "all cases")
    assert (about[1]["Job"], about[1]["Filter"]) == ("import", "")
    assert "Job" not in about[0]
    assert "Triage" not in about[1]


async def test_the_texts_of_a_backfill_are_counted_by_action_alone(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """A million comments are one row of the report, also while it is read."""
    rows = [{"key": f"{n}", "title": f"row {n}", "comments": [f"comment {n}"]} for n in range(5)]
    project = next(iter(emulator.store.tables.projects))
    await backfill_cases(session, rows, job="x", journal=journal, project=project, type=STANDARD)
    async with Journal(journal, kind="any", read_only=True) as opened:
        counted = await report_queries.count_by_rule(opened, by_value=False)
    assert [(action, count) for _, _, action, _, _, count in counted] == [("create", 5), ("comment", 5)]


@pytest.mark.parametrize(
    ("status", "known", "group"),
    [
        ("TRIAGED", {"TRIAGED": "SG_IN_PROGRESS"}, "SG_IN_PROGRESS"),
        ("CLOSED", {}, "SG_CLOSED"),
        ("CLOSED", {"CLOSED": "SG_OPEN"}, "SG_OPEN"),
        ("UNHEARD", {}, "SG_OPEN"),
    ],
)
def test_a_status_belongs_to_the_group_that_the_service_gave_or_else_to_the_usual_one(
    status: str, known: dict[str, str], group: str
) -> None:
    """A status that nobody knows leaves a case in its group."""
    before = CaseKind("Open", "SG_OPEN", "P1", "under a day")
    assert before.changed("status", status, known).group == group


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        (User("u-1", email="ada@example.com", handle="ada"), "ada@example.com"),
        (User("u-1", handle="ada"), "ada"),
        (User("u-1"), "u-1"),
        (None, None),
    ],
)
def test_an_assignee_is_shown_by_what_says_most(user: User | None, shown: str | None) -> None:
    assert current_assignee(Case(id="c-1", assignee=user), None) == shown
