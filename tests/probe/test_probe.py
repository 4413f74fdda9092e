"""The probe finds each setting of an emulator, or says that it cannot tell; a file of facts brings it all back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from casemgmt_async import AuthenticationError, CaseSession, DecodeError
from casemgmt_async.emulator import Key, Switches
from casemgmt_async.facts import Facts, RateLimitFact
from casemgmt_async.probe import (
    MARK,
    MAX_CASES,
    MAX_READS,
    Finding,
    Verdict,
    announcement,
    facts_of,
    probe_reading,
    probe_writing,
)

HOLDS, DOES_NOT, UNKNOWN = Verdict.HOLDS, Verdict.DOES_NOT, Verdict.UNKNOWN


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    found = {each.name: each for each in findings}
    assert len(found) == len(findings)
    return found


async def test_an_emulator_with_its_defaults_holds_everything_that_reading_can_tell(probed):
    async with probed() as (emulator, session):
        found = by_name(await probe_reading(session))
        assert {name for name, each in found.items() if each.verdict is UNKNOWN} == {"archived_hidden", "index_lag"}
        # without a rate limit there are no headers to see
        assert {name for name, each in found.items() if each.verdict is DOES_NOT} == {"rate_limit_headers"}
        assert emulator.requests <= MAX_READS
        assert all(entry.method == "GET" for entry in emulator.log)


SETTINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("exact_totals", {"inexact_totals": True}, {"exact_totals": False}),
    ("stable_ties", {"shuffle_ties": True}, {"stable_ties": False}),
    ("facets", {"dead_facets": ["status", "env"]}, {"dead_facets": ("status", "env")}),
    ("ordered_keys", {"shuffle_keys": True}, {"ordered_keys": False}),
    ("status_names", {"status_names": False}, {"status_names": False}),
    ("comment_count", {"comment_count": False}, {"comment_count": False}),
    ("included_users", {"included": False}, {"included": False}),
    ("error_objects", {"error_shape": "documented"}, {"recorded_errors": False}),
    ("statuses_config", {"statuses_config": False}, {"statuses_config": False}),
    ("depth", {"depth_cap": 70}, {"depth_cap": 70, "depth_status": 500, "depth_caps_totals": False}),
    ("depth", {"depth_cap": 700, "depth_status": 512}, {"depth_cap": 700, "depth_status": 512}),
    ("depth", {"depth_cap": 333, "depth_status": 200}, {"depth_cap": 333, "depth_status": 200}),
    (
        "depth",
        {"depth_cap": 333, "depth_status": 200, "depth_caps_totals": True},
        {"depth_cap": 333, "depth_caps_totals": True},
    ),
]


@pytest.mark.parametrize(("name", "switches", "facts"), SETTINGS, ids=lambda value: str(value)[:60])
async def test_each_setting_is_found_and_comes_back_from_a_file(probed, name, switches, facts):
    cases = 1_000 if name == "depth" else 130
    async with probed(cases, switches=Switches(**switches)) as (emulator, session):
        findings = await probe_reading(session)
        assert emulator.requests <= MAX_READS
    found = by_name(findings)[name]
    assert found.verdict is DOES_NOT
    assert {key: found.facts[key] for key in facts} == facts
    written = facts_of(findings).to_json()
    async with probed(cases, facts=Facts.from_json(written)) as (_, session):
        again = await probe_reading(session)
    assert [(each.name, each.verdict, each.facts) for each in again] == [
        (each.name, each.verdict, each.facts) for each in findings
    ]


async def test_archived_cases_that_are_found_are_seen(probed):
    async with probed(switches=Switches(archived_visible=True)) as (emulator, session):
        emulator.store.cases.archive(emulator.store.tables.cases[-1].id)
        found = by_name(await probe_reading(session))["archived_hidden"]
    assert (found.verdict, found.facts) == (DOES_NOT, {"archived_visible": True})


@pytest.mark.parametrize(
    ("limits", "shown", "holds"),
    [
        ("cases=500/10s:search_cases,count_cases; rest=300/1m@unix:get_*", "always", True),
        ("a=500/10s:*", "never", False),
    ],
)
async def test_buckets_are_read_from_the_headers(probed, limits, shown, holds):
    async with probed(limits=limits, switches=Switches(rate_limit_headers=shown)) as (_, session):
        findings = await probe_reading(session)
    found = by_name(findings)["rate_limit_headers"]
    assert (found.verdict is HOLDS) is holds
    if holds:
        assert found.facts["rate_limits"][0] == RateLimitFact(
            name="cases", limit=500, period=10.0, operations=("count_cases", "search_cases")
        )
        assert found.facts["rate_limits"][1].unix_reset
        async with probed(facts=facts_of(findings)) as (emulator, session):
            again = by_name(await probe_reading(session))["rate_limit_headers"]
            assert again.facts["rate_limits"][0] == found.facts["rate_limits"][0]
            assert emulator.limits[0].limit == 500


async def test_an_empty_organisation_leaves_most_open(probed):
    async with probed(0) as (_, session):
        found = by_name(await probe_reading(session))
    told = {name for name, each in found.items() if each.verdict is not UNKNOWN}
    assert told == {"page_numbers", "exact_totals", "error_objects", "statuses_config", "rate_limit_headers"}


async def test_what_fails_is_unknown_and_the_rest_goes_on(probed):
    async with probed(faults="get_all_case_types: status=403; count_cases: status=503") as (_, session):
        found = by_name(await probe_reading(session))
    assert (found["statuses_config"].verdict, found["depth"].verdict) == (UNKNOWN, UNKNOWN)
    assert found["statuses_config"].seen == "get_all_case_types answered 403"
    assert found["error_objects"].verdict is HOLDS


ODD: list[Any] = [
    {"data": [{"id": "1", "type": "case"}]},
    {"data": [{"id": "1", "type": "case", "attributes": {}}], "meta": None, "included": None},
    {"data": [], "meta": {"page": {}}},
]


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
async def test_an_answer_of_another_shape_leaves_a_check_open_and_the_rest_goes_on(wire, answer):
    for _ in range(MAX_READS):
        wire.answer(payload=answer)
    async with CaseSession(base_url="https://probed.example", api_key="k", app_key="k") as session:
        found = by_name(await probe_reading(session))
    assert found["exact_totals"].verdict is UNKNOWN
    assert "another shape than those that are recorded" in found["exact_totals"].seen
    assert found["rate_limit_headers"].verdict is DOES_NOT  # the last but one was reached


@pytest.mark.parametrize("answer", [{"data": {}}, [], {}], ids=str)
async def test_a_first_search_without_a_list_of_cases_is_an_error(wire, answer):
    wire.answer(payload=answer)
    async with CaseSession(base_url="https://probed.example", api_key="k", app_key="k") as session:
        with pytest.raises(DecodeError, match="search_cases: expected a document with a list of cases"):
            await probe_reading(session)


async def test_refused_credentials_end_it(probed):
    async with probed(keys=[Key("other", "other")]) as (_, session):
        with pytest.raises(Exception, match="403"):
            await probe_reading(session)
    async with probed(faults="*: status=401") as (_, session):
        with pytest.raises(AuthenticationError):
            await probe_reading(session)


async def test_a_file_of_facts_has_no_ids_names_or_texts(probed):
    async with probed(switches=Switches(dead_facets={"env"})) as (emulator, session):
        findings = await probe_reading(session)
        written = facts_of(findings).to_json() + "".join(each.seen for each in findings)
        tables = emulator.store.tables
        private = {case.id for case in tables.cases} | {case.title for case in tables.cases} | set(tables.users)
        private |= {user.email for user in tables.users.values()} | {case.key for case in tables.cases}
    assert [text for text in private if text in written] == []


def test_facts_survive_a_file(tmp_path):
    facts = Facts(
        index_lag=1.5,
        dead_facets=("env",),
        depth_cap=1000,
        included=False,
        rate_limits=(RateLimitFact(name="a", limit=5, period=10.0, operations=("get_case",)),),
    )
    path = tmp_path / "facts.json"
    path.write_text(facts.to_json(), "utf-8")
    assert Facts.read(path) == facts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "must be JSON"),
        ("[]", '"format"'),
        ('{"format": "casemgmt-facts-1"}', '"facts"'),
        (
            json.dumps({"format": "casemgmt-facts-1", "facts": {"colour": 1}}),
            "unknown fact 'colour'; allowed: index_lag",
        ),
        (json.dumps({"format": "casemgmt-facts-1", "facts": {"included": 1}}), "must be true or false, not 1"),
        (json.dumps({"format": "casemgmt-facts-1", "facts": {"depth_cap": -1}}), "a number, 0 or more"),
        (json.dumps({"format": "casemgmt-facts-1", "facts": {"dead_facets": "env"}}), "a list of texts"),
        (json.dumps({"format": "casemgmt-facts-1", "facts": {"rate_limits": [{}]}}), "rate_limits: cannot read"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(text, said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        Facts.from_json(text)
    assert said in str(caught.value)


def test_facts_and_switches_exclude_one_another():
    from casemgmt_async.emulator import Emulator

    with pytest.raises(ValueError, match="either facts"):
        Emulator(facts=Facts(), switches=Switches())


# Writing


async def write(emulator, session, project: str = "OPS") -> list[Finding]:
    """Run the probe that writes, in the emulator's own time."""
    project_id = emulator.store.project_named(project)["id"]

    async def sleep(seconds: float) -> None:
        emulator.clock.advance(seconds)

    return await probe_writing(session, project_id, sleep=sleep, now=emulator.clock)


def marked(emulator) -> list[Any]:
    return [case for case in emulator.store.tables.cases if MARK in case.title]


@pytest.mark.parametrize(
    ("switches", "facts"),
    [
        ({}, {"index_lag": 0.0, "archived_visible": False, "status_names": True, "comment_count": True}),
        ({"index_lag": 3.0}, {"index_lag": 3.0, "archived_visible": False}),
        ({"archived_visible": True}, {"archived_visible": True}),
        ({"archived_visible": True, "index_lag": 7.0}, {"archived_visible": True, "index_lag": 7.0}),
        ({"status_names": False, "comment_count": False}, {"status_names": False, "comment_count": False}),
        ({"shuffle_keys": True}, {"ordered_keys": False}),
    ],
    ids=str,
)
async def test_writing_finds_what_reading_cannot(probed, switches, facts):
    async with probed(30, switches=Switches(**switches)) as (emulator, session):
        findings = await write(emulator, session)
        found = facts_of(findings)
        assert {name: getattr(found, name) for name in facts} == facts
        assert by_name(findings)["archived_afterwards"].verdict is HOLDS
        made = marked(emulator)
        assert 0 < len(made) <= MAX_CASES
        assert all(case.archived_at for case in made)
    async with probed(30, facts=found) as (emulator, session):
        again = facts_of(await write(emulator, session))
    assert again == found


async def test_cases_that_could_not_be_archived_are_archived_by_the_next_run(probed):
    async with probed(30) as (emulator, session):
        emulator.set_faults("archive_case: status=400")
        first = by_name(await write(emulator, session))
        assert first["archived_afterwards"].verdict is DOES_NOT
        assert "run the probe again" in first["archived_afterwards"].seen
        assert not any(case.archived_at for case in marked(emulator))
        emulator.set_faults(None)
        second = by_name(await write(emulator, session))
        assert second["leftovers"].seen == "6 of 6 cases of earlier probes were archived now"
        assert all(case.archived_at for case in marked(emulator))


async def test_only_marked_cases_of_that_project_are_touched(probed):
    async with probed(30) as (emulator, session):
        emulator.store.cases.create(f"what is {MARK}?", "OPS")
        emulator.store.cases.create(f"{MARK} of another project", "SEC")
        await write(emulator, session)
        theirs = [case for case in marked(emulator) if "safe to archive" not in case.title]
        assert [case.archived_at for case in theirs] == [None, None]


def test_the_announcement_says_exactly_what_is_made():
    assert announcement("OPS") == (
        "create 6 cases in project OPS, each with 'casemgmt-probe' in its title and of the type Standard; write one "
        "comment on one of them; read and search for them for up to 120 seconds; archive all of them, and any that an "
        "earlier probe has left in the project"
    )
