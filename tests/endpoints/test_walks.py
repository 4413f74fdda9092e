"""Walks and sweeps as the operations offer them, over real HTTP."""

from __future__ import annotations

import pytest

from casemgmt_async import (
    BulkAction,
    CaseSession,
    CaseStatus,
    OutcomeUnknownError,
    RetryPolicy,
    SortField,
    cases,
    projects,
    timeline,
)
from casemgmt_async.emulator import Emulator


@pytest.fixture
async def emulator():
    async with Emulator(cases=120, seed=11) as emulator:
        yield emulator


@pytest.fixture
async def session(emulator):
    async with CaseSession(api_key="any", app_key="any", base_url=emulator.base_url) as session:
        yield session


def pages_asked_for(emulator: Emulator) -> list[tuple[str, str]]:
    return [(entry.query.get("page[number]"), entry.query.get("page[size]")) for entry in emulator.log]


async def test_a_walk_over_cases_begins_at_page_1_and_finds_each_once(session, emulator):
    found = await cases.iter_cases(session, sort=SortField.CREATED_AT, ascending=True, page_size=50).collect()
    assert len(found) == len({case.id for case in found}) == 120
    assert [case.created_at for case in found] == sorted(case.created_at for case in found)
    assert pages_asked_for(emulator) == [("1", "50"), ("2", "50"), ("3", "50")]
    assert {entry.query["sort[asc]"] for entry in emulator.log} == {"true"}


async def test_a_walk_passes_the_filter_through_and_stops_at_its_limit(session, emulator):
    found = await cases.iter_cases(session, filter="status:open", page_size=5, limit=7).collect()
    assert len(found) == 7
    assert {case.status for case in found} == {CaseStatus.OPEN}
    assert {entry.query["filter"] for entry in emulator.log} == {"status:open"}
    assert pages_asked_for(emulator) == [("1", "5"), ("2", "5")]


async def test_a_walk_is_taken_up_at_a_page(session, emulator):
    whole = await cases.iter_cases(session, sort=SortField.CREATED_AT, page_size=50).collect()
    rest = await cases.iter_cases(session, sort=SortField.CREATED_AT, page_size=50, first_page=2).collect()
    assert [case.id for case in rest] == [case.id for case in whole[50:]]


async def test_a_walk_over_a_timeline_begins_at_page_0_and_finds_each_once(session, emulator):
    case = (await cases.search_cases(session, page_size=1)).items[0]
    before = len(await timeline.iter_timeline(session, case.id).collect())
    for number in range(5):
        await timeline.comment_case(session, case.id, comment=f"number {number}")
    sent_before = len(emulator.log)
    cells = await timeline.iter_timeline(session, case.id, ascending=True, page_size=2).collect()
    assert len({cell.id for cell in cells}) == len(cells) == before + 5
    assert [cell.message for cell in cells[-5:]] == [f"number {number}" for number in range(5)]
    assert pages_asked_for(emulator)[sent_before:][0] == ("0", "2")
    async for page in timeline.iter_timeline(session, case.id, page_size=2, first_page=1).by_page():
        assert page.number >= 1


async def test_a_sweep_finds_everything_by_age(session, emulator):
    sweep = cases.sweep_cases(session, page_size=40)
    found = await sweep.collect_ids()
    assert len(found) == len(set(found)) == 120
    assert sweep.result.converged
    assert {(entry.query["sort[field]"], entry.query["sort[asc]"]) for entry in emulator.log} == {
        ("created_at", "true"),
        ("created_at", "false"),
    }


async def test_a_sweep_of_a_project_asks_for_the_gaps_in_its_keys(session, emulator):
    project = (await projects.get_projects(session))[0]
    mine = await cases.iter_cases(session, filter=f"project_id:{project.id}").collect()
    hidden = mine[len(mine) // 2]
    await cases.archive_case(session, hidden.id)

    sweep = cases.sweep_cases(session, project_id=project.id)
    found = await sweep.collect_ids()
    assert set(found) == {case.id for case in mine} - {hidden.id}
    assert hidden.key in sweep.result.outside
    assert f"GET /api/v2/cases/{hidden.key}" in {f"{entry.method} {entry.path}" for entry in emulator.log}


async def test_without_matches_a_sweep_with_a_filter_yields_nothing_that_it_cannot_judge(session, emulator):
    project = (await projects.get_projects(session))[0]
    everything = await cases.iter_cases(session, filter=f"project_id:{project.id}").collect()
    wanted = {case.id for case in everything if case.status is CaseStatus.OPEN}
    sweep = cases.sweep_cases(session, filter="status:open", project_id=project.id)
    assert set(await sweep.collect_ids()) == wanted
    assert sweep.result.recovered == 0
    newest = max(int(case.key.partition("-")[2]) for case in everything if case.id in wanted)
    others = {case.key for case in everything if case.id not in wanted and int(case.key.partition("-")[2]) < newest}
    assert others
    assert set(sweep.result.outside) == others


async def test_a_sweep_of_a_project_keeps_to_the_filter(session, emulator):
    project = (await projects.get_projects(session))[0]
    wanted = {
        case.id
        for case in await cases.iter_cases(session, filter=f"project_id:{project.id}").collect()
        if case.status is CaseStatus.OPEN
    }
    sweep = cases.sweep_cases(
        session,
        filter="status:open OR status:nonsense",
        project_id=project.id,
        matches=lambda case: case.status is CaseStatus.OPEN,
    )
    assert set(await sweep.collect_ids()) == wanted
    assert wanted


async def test_a_listing_too_deep_is_swept_project_by_project(session, emulator):
    sweep = cases.sweep_cases(session, page_size=10, max_depth=40)
    found = await sweep.collect_ids()
    keys = {project.key for project in await projects.get_projects(session)}
    assert set(sweep.result.partitions) == keys
    assert len(found) == len(set(found))


@pytest.mark.parametrize("action", sorted(cases.CREATES))
async def test_a_bulk_action_that_creates_is_never_sent_twice(action, wire):
    wire.answer(500, {"errors": ["broken"]})
    wire.answer(200)
    async with CaseSession(api_key="k", app_key="a", retry=RetryPolicy(initial_backoff=1e-6)) as session:
        with pytest.raises(OutcomeUnknownError):
            await cases.bulk_update_cases(session, ["SEC-1"], action=action)
    assert len(wire.sent) == 1


@pytest.mark.parametrize("action", [action for action in BulkAction if action not in cases.CREATES])
async def test_any_other_bulk_action_is_sent_again(action, wire):
    wire.answer(500, {"errors": ["broken"]})
    wire.answer(200)
    async with CaseSession(api_key="k", app_key="a", retry=RetryPolicy(initial_backoff=1e-6)) as session:
        await cases.bulk_update_cases(session, ["SEC-1"], action=action)
    assert [sent.json for sent in wire.sent] == [wire.sent[0].json] * 2
