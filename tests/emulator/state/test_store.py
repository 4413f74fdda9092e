"""One seed gives one world; snapshots, switches, seeding, actors and effects."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_calls import NOON, Answer, Desk
from operation_scenes import CALLS, JIRA, Scene

from casemgmt_async.emulator.state.records import stamp
from casemgmt_async.emulator.switches import EVERY_FACET, Switches


def history(seed: int) -> list[Any]:
    """What a long series of requests answers."""
    desk = Desk(seed)
    desk.simulation.seed_cases(40, ties=3)
    answers: list[Answer] = [desk.search("status:open", size=100)]
    for number in range(5):
        desk.create(f"Number {number}")
        desk.send("comment_case", f"OPS-{number + 1}", comment="c")
        desk.send("create_case_service_now_ticket", f"OPS-{number + 1}", kind="tickets", instance_name="i")
        answers.append(desk.search(size=100, number=1))
    return [*answers, desk.store.effects]


def test_one_seed_gives_one_world() -> None:
    assert history(7) == history(7)
    assert history(7) != history(8)


def test_all_operations_answer_the_same_twice() -> None:
    assert [call(Scene()) for call in CALLS.values()] == [call(Scene()) for call in CALLS.values()]


def test_time_goes_on_where_the_clock_stands(desk: Desk) -> None:
    first, second = desk.store.now(), desk.store.now()
    assert first < second
    desk.clock.now += 1
    assert desk.store.now() == int((NOON + 1) * 1e9)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (1_769_215_665_477_244_496, "2026-01-24T00:47:45.477244496Z"),
        (1_769_215_665_477_244_000, "2026-01-24T00:47:45.477244Z"),
        (1_769_215_665_470_000_000, "2026-01-24T00:47:45.47Z"),
        (1_769_215_665_000_000_000, "2026-01-24T00:47:45Z"),
    ],
)
def test_timestamps_have_the_digits_they_need(moment: int, written: str) -> None:
    assert stamp(moment) == written


def test_a_snapshot_brings_everything_back() -> None:
    scene = Scene()
    desk = scene.desk
    kept = desk.simulation.snapshot()
    before = [desk.search(size=100), desk.ask("list_case_timeline", scene.case), list(desk.store.effects)]
    for _ in range(2):
        for call in CALLS.values():
            call(scene)
        assert desk.store.effects != before[2]
        desk.simulation.restore(kept)
        now = [desk.search(size=100), desk.ask("list_case_timeline", scene.case), list(desk.store.effects)]
        assert now == before


def test_restored_worlds_go_on_alike(desk: Desk) -> None:
    kept = desk.simulation.snapshot()
    first = desk.create()
    desk.simulation.restore(kept)
    assert desk.create() == first


def test_reset_begins_again(desk: Desk) -> None:
    first = desk.create()
    desk.simulation.seed_cases(10)
    desk.simulation.reset()
    assert (len(desk.store.cases), desk.store.effects) == (0, [])
    again = desk.create()
    assert again["id"] == first["id"]


def test_seeded_cases_are_such_as_people_have(desk: Desk) -> None:
    ids = desk.simulation.seed_cases(300)
    assert len(set(ids)) == len(desk.store.cases) == 300
    assert desk.store.effects == []
    cases = [case for number in (1, 2, 3) for case in desk.search(size=100, number=number).data]
    given = [case["attributes"] for case in cases]
    assert {each["status"] for each in given} == {"OPEN", "IN_PROGRESS", "CLOSED"}
    assert len({each["priority"] for each in given}) == 6
    assert {each["type"] for each in given} == {"STANDARD", "ERROR_TRACKING_ISSUE", "TUNKNOWN"}
    assert {20, 24, 27, 30} <= {len(each["created_at"]) for each in given}
    assert {"assignee" in case["relationships"] for case in cases} == {True, False}
    assert all(each["status_name"] and each["status_group"] for each in given)
    assert {"created_by_author" in each for each in given} == {True, False}
    assert all(("closed_at" in each) == (each["status"] == "CLOSED") for each in given)
    assert any(each["comment_count"] for each in given)
    assert max(each["created_at"] for each in given) < stamp(desk.store.now())


def test_seeding_is_told_what_to_make(desk: Desk) -> None:
    ids = desk.simulation.seed_cases(21, project="SEC", ties=7, status="OPEN", priority="P1", title="Same")
    cases = desk.search(size=100, asc=True).data
    assert [case["id"] for case in cases] == ids
    assert len({case["attributes"]["created_at"] for case in cases}) == 3
    assert {case["attributes"]["key"].split("-")[0] for case in cases} == {"SEC"}
    assert {(case["attributes"]["title"], case["attributes"]["status"]) for case in cases} == {("Same", "OPEN")}


def test_actors_change_cases_without_http(desk: Desk) -> None:
    cases = desk.store.cases
    made = cases.create(title="By an actor", project="SEC", priority="P2")
    assert desk.titles("priority:P2") == ["By an actor"]
    cases.touch(made)
    cases.close("SEC-1")
    cases.archive(made)
    assert cases.read(made)["attributes"]["status"] == "CLOSED"
    assert desk.titles() == []
    cases.unarchive(made)
    assert desk.titles("touched status:closed") == ["By an actor"]
    assert [(effect.seq, effect.route, effect.kind) for effect in desk.store.effects] == [
        (-1, "actor", kind) for kind in ("create", "update", "update", "update", "update")
    ]


def test_what_is_found_comes_oldest_first_however_it_changed(desk: Desk) -> None:
    ids = desk.simulation.seed_cases(20, status="OPEN")
    desk.search("status:open")
    for case in ids[::3]:
        desk.store.cases.close(case)
        desk.search("status:open")
        desk.store.cases.touch(case, status="OPEN")
    assert [case.id for case in desk.store.cases.found("status:open")] == ids


def test_effects_name_the_request_behind_them(desk: Desk) -> None:
    case = desk.create("T")
    desk.send("update_priority", case["id"], priority="P1")
    desk.send("update_priority", case["id"], priority="P1")
    created, updated = desk.store.effects
    assert (created.seq, created.route, created.entity, created.kind) == (1, "create_case", case["id"], "create")
    assert created.detail == {"key": "OPS-1", "project_id": desk.project(), "title": "T"}
    assert (updated.seq, updated.route, updated.detail) == (2, "update_priority", {"priority": "P1"})


def test_the_index_may_lag() -> None:
    desk = Desk(index_lag=5.0)
    desk.create("First")
    assert desk.titles() == []
    assert desk.get("OPS-1")["title"] == "First"
    desk.clock.now += 5
    assert desk.titles("status:open") == ["First"]
    desk.send("update_status", "OPS-1", status="CLOSED")
    desk.clock.now += 4.9
    found = desk.search("status:open").data
    assert [case["attributes"]["status"] for case in found] == ["CLOSED"], "found as it was, shown as it is"
    assert desk.titles("status:closed") == []
    kept = desk.simulation.snapshot()
    desk.clock.now += 0.2
    assert (desk.titles("status:open"), desk.titles("status:closed")) == ([], ["First"])
    desk.simulation.restore(kept)
    desk.clock.now -= 0.2
    assert desk.titles("status:open") == ["First"]


def test_facets_may_be_dead() -> None:
    desk = Desk(dead_facets=["service"])
    desk.create(project="OPS")
    desk.send("update_attributes", "OPS-1", attributes={"service": ["web"], "env": ["prod"]})
    assert (desk.titles("service:web"), desk.titles("env:prod")) == ([], ["A case"])
    desk.simulation.switches = Switches(dead_facets=[EVERY_FACET])
    assert desk.titles("status:open") == desk.titles("env:prod") == []
    assert desk.titles(f"project_id:{desk.project()} case") == ["A case"]


def test_equals_may_come_in_any_order() -> None:
    desk = Desk(shuffle_ties=True)
    desk.simulation.seed_cases(60, ties=20, status="OPEN")
    walks = [[case["id"] for case in desk.search(size=100, asc=True).data] for _ in range(5)]
    assert len(set(map(tuple, walks))) == 5
    assert all(set(walk[:20]) == set(walks[0][:20]) for walk in walks)
    moments = [case["attributes"]["created_at"] for case in desk.search(size=100, asc=False).data]
    assert moments == sorted(moments, reverse=True)
    by_status = [case["id"] for case in desk.search(size=100, field="status").data]
    assert by_status != sorted(by_status, key=walks[0].index)


@pytest.mark.parametrize("status", [500, 512])
def test_paging_may_end_somewhere(status: int) -> None:
    desk = Desk(depth_cap=20, depth_status=status)
    desk.simulation.seed_cases(30)
    assert desk.search(size=10, number=2).status == 200
    assert desk.search(size=10, number=3).status == status
    assert desk.search(size=20, number=2).status == status


def test_archived_cases_may_be_visible(desk: Desk) -> None:
    desk.create()
    desk.send("archive_case", "OPS-1")
    desk.simulation.switches = Switches(archived_visible=True)
    assert desk.titles() == ["A case"]


def test_errors_may_have_the_documented_shape() -> None:
    desk = Desk(error_shape="documented")
    assert desk.ask("get_case", "OPS-1").json == {"errors": ["case not found"]}
    desk.create()
    assert desk.send("archive_case", "OPS-1", kind="project").json == {
        "errors": ['got type "project" expected one of "case"']
    }


def test_tickets_may_take_their_time() -> None:
    desk = Desk(integration_delay=2.0)
    desk.create()
    desk.send("create_case_jira_issue", "OPS-1", kind="issues", **JIRA)
    assert desk.get("OPS-1")["jira_issue"] == {"status": "IN_PROGRESS"}
    desk.clock.now += 2
    assert desk.get("OPS-1")["jira_issue"]["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "wrong",
    [{"index_lag": -1}, {"depth_status": 404}, {"depth_cap": -5}, {"error_shape": "odd"}, {"integration_delay": -0.1}],
)
def test_switches_refuse_nonsense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Switches(**wrong)


def test_nothing_costs_the_whole_world_at_every_write() -> None:
    """A job that writes much and searches a little: work, not time, is counted."""
    desk = Desk()
    ids = desk.simulation.seed_cases(2_000, status="OPEN")
    desk.search("status:open")
    matched = 0
    listing = desk.store.cases.matches("status:open")
    matches = listing.matches

    def counted(case: Any) -> bool:
        nonlocal matched
        matched += 1
        return matches(case)

    listing.matches = counted
    for number, case in enumerate(ids[:500]):
        desk.send("update_status", case, status="CLOSED")
        if number % 50 == 0:
            desk.search("status:open")
    assert desk.search("status:open").json["meta"]["total_cases"] == 1_500
    assert matched == 500


def test_a_search_for_named_cases_looks_at_those_alone_and_finds_what_a_search_of_all_would() -> None:
    desk = Desk(index_lag=5.0)
    ids = desk.simulation.seed_cases(50, status="OPEN")
    desk.clock.now += 5
    cases = desk.store.cases
    keys = [cases.find(each).key for each in ids]
    queries = [
        f"key:{keys[3]}",
        f"key:({' OR '.join(keys[3:6])} OR NONE-1)",
        f"id:({ids[7]} OR {ids[3]})",
        f"key:({keys[3].lower()} OR {keys[4]})",
        f"id:{ids[7].upper()}",
        f"key:({keys[3]} OR {keys[4]}) status:open",
        f"NOT key:{keys[3]}",
        "key:*",
    ]

    def found_by_a_search_of_all(query: str) -> list[str]:
        matches = cases.predicate(query)
        seen = (cases.index.seen(case.serial) for case in desk.store.tables.cases)
        return [case.id for case in seen if case is not None and matches(case)]

    def compare() -> None:
        for query in queries:
            assert [case.id for case in cases.found(query)] == found_by_a_search_of_all(query), query

    compare()
    moved = cases.find(keys[3])
    cases.move(moved, desk.project("WEB"))
    assert moved.key != keys[3]
    queries.append(f"key:{moved.key}")
    assert cases.found(f"key:{keys[3]}") == [moved], "the index has not seen the new key yet"
    compare()
    cases.forget()
    assert cases.found(f"key:{keys[3]}") == [moved], "nor has one that starts from nothing"
    compare()
    desk.clock.now += 5
    assert cases.found(f"key:{keys[3]}") == []
    assert cases.found(f"key:{moved.key}") == [moved]
    compare()
    assert len(list(cases.index.candidates(queries[1]))) == 2
