"""A malformed query gets a caret under the place; everything that a search could mean goes to the service."""

from __future__ import annotations

import click
import pytest

from casemgmt_async.cli.queries import FACETS, check_query, facets_of, suggest_facets


@pytest.mark.parametrize(
    "query",
    [
        "",
        "disk full",
        "status:open priority:(P1 OR P2)",
        'title:"disk (full"',
        "NOT status:closed",
        "status:open AND NOT priority:P5",
        "status:open OR NOT (team:core)",
        "-status:closed -(a OR b)",
        "project_id:00000000-0000-0000-0000-000000000001",
        "assignee:ada@example.com created:>now-1d",
        "a:b:c https://example.com/x",
        "android orchestra notable",
        "up-time",
    ],
)
def test_what_a_search_could_mean_passes_untouched(query):
    assert check_query(query) == query


@pytest.mark.parametrize(
    ("query", "place", "problem"),
    [
        ("status:open (a OR b", 12, "not closed"),
        ("a) b", 1, "not opened"),
        ('title:"disk', 6, "quote is not closed"),
        ("status:open AND", 12, "AND needs something after it"),
        ("OR a", 0, "OR needs something before it"),
        ("a OR OR b", 5, "OR needs something before it"),
        ("(a AND)", 3, "AND needs something after it"),
        ("()", 0, "needs something after it"),
        ("status: open", 0, "status: needs a value"),
        ("a status:", 2, "status: needs a value"),
        ("(status:)", 1, "status: needs a value"),
    ],
)
def test_a_malformed_query_gets_a_caret_under_the_place(query, place, problem):
    with pytest.raises(click.UsageError) as raised:
        check_query(query)
    said, shown, caret = raised.value.message.splitlines()
    assert problem in said
    assert shown == f"  {query}"
    assert caret.index("^") == 2 + place


def test_a_misspelt_facet_gets_a_suggestion_and_a_known_one_none():
    assert suggest_facets("staus:open") == ["unknown facet staus: - did you mean status:?"]
    assert suggest_facets(" ".join(f"{name}:x" for name in FACETS)) == []
    assert suggest_facets("region:eu-west-1") == [], "an attribute of the organisation's own"


def test_facets_inside_quotes_are_text():
    assert facets_of('status:open "priority:P1" -team:core') == ["status", "team"]


async def test_the_command_refuses_before_it_asks(casemgmt, emulator):
    said = await casemgmt("search", "status:open (")
    assert said.status == 2
    assert said.err.splitlines()[-1].endswith("^")
    assert len(emulator.log) == 0


async def test_the_command_notes_a_misspelt_facet_and_asks_all_the_same(casemgmt):
    said = await casemgmt("search", "staus:open")
    assert said.status == 0
    assert "did you mean status:?" in said.err
    assert "may not index" not in said.err, "the misspelling explains why nothing was found"


async def test_the_command_says_that_a_facet_may_not_be_indexed_when_nothing_is_found(casemgmt):
    said = await casemgmt("search", "service:no-such-service")
    assert said.status == 0
    assert said.err.count("may not index service:") == 1
