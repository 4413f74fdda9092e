"""What recordings show of the operations beside the cases'; see `test_recorded.py`."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_calls import NOBODY, TYPE_ID, Desk

from casemgmt_async.emulator.resources import HANDLERS
from casemgmt_async.routes import NEIGHBOURS

ZERO = "00000000-0000-0000-0000-00000000000"


def test_every_neighbour_has_a_handler() -> None:
    assert {route.name for route in NEIGHBOURS} <= HANDLERS.keys()
    assert len(NEIGHBOURS) == 15


def types(desk: Desk) -> dict[str, Any]:
    """All case types by id."""
    return {each["id"]: each["attributes"] for each in desk.ask("get_all_case_types").data}


def create_type(desk: Desk, **attributes: Any) -> Any:
    """Create a case type; returns its resource."""
    answer = desk.send("create_case_type", kind="case_type", **attributes)
    assert answer.status == 201, answer
    return answer.data


def configure(desk: Desk, kind: str, **attributes: Any) -> Any:
    """Create a custom attribute."""
    given = {"key": "k", "display_name": "K", "is_multi": False, "type": "TEXT", **attributes}
    return desk.send("create_custom_attribute_config", kind, kind="custom_attribute", **given)


def test_five_types_are_built_in(desk: Desk) -> None:
    built_in = {kind: each["name"] for kind, each in types(desk).items() if each["internal"]}
    names = ("Standard", "Event Management", "Security", "Change Request", "Error Tracking")
    assert built_in == {f"{ZERO}{number}": name for number, name in enumerate(names, 1)}
    change = types(desk)[f"{ZERO}4"]["statuses_config"]
    offered = {option["name"] for group in change.values() for option in group["status_options"]}
    assert {"Pending Approval", "Approved", "Implementing"} <= offered


def test_a_type_tells_its_statuses(desk: Desk) -> None:
    made = create_type(desk, name="Inquiry", description="D", emoji="🔍")
    assert made == {
        "id": made["id"],
        "type": "case_type",
        "attributes": {
            "description": "D",
            "emoji": "🔍",
            "internal": False,
            "name": "Inquiry",
            "statuses_config": {
                "open": {"status_options": [{"name": "Open"}], "default": "Open"},
                "in_progress": {"status_options": [{"name": "In Progress"}], "default": "In Progress"},
                "closed": {"status_options": [{"name": "Closed"}], "default": "Closed"},
            },
        },
    }


def test_older_answers_lack_statuses_and_internal() -> None:
    shown = types(Desk(statuses_config=False))
    assert {key for each in shown.values() for key in each} == {"name", "description", "emoji"}


def test_names_of_types_are_not_unique(desk: Desk) -> None:
    first, second = create_type(desk, name="Investigation"), create_type(desk, name="Investigation")
    assert first["id"] != second["id"]


def test_an_emoji_that_is_none_is_refused_without_a_detail(desk: Desk) -> None:
    answer = desk.send("create_case_type", kind="case_type", name="N", emoji="smile")
    assert (answer.status, answer.error) == (400, {"status": "400", "title": "Bad Request"})


def test_a_type_is_updated_and_deleted_twice(desk: Desk) -> None:
    kind = create_type(desk, name="N")["id"]
    assert desk.send("update_case_type", kind, kind="case_type", name="M").data["attributes"]["name"] == "M"
    assert [desk.ask("delete_case_type", kind).status for _ in range(2)] == [204, 204]
    assert kind not in types(desk)
    assert desk.send("update_case_type", kind, kind="case_type", name="M").status == 404


def test_a_case_of_an_unknown_type_is_refused(desk: Desk) -> None:
    related = {"project": {"data": {"id": desk.project(), "type": "project"}}}
    data = {"type": "case", "attributes": {"title": "T", "type_id": NOBODY}, "relationships": related}
    answer = desk.ask("create_case", body={"data": data})
    assert (answer.status, answer.error) == (404, {"code": "resource_not_found", "title": "case_type not found"})


@pytest.mark.parametrize("operation", ["create_case", "update_status"])
def test_a_status_name_that_the_type_does_not_allow_is_refused(desk: Desk, operation: str) -> None:
    desk.create()
    if operation == "update_status":
        answer = desk.send("update_status", "OPS-1", status_name="Pending Approval")
    else:
        related = {"project": {"data": {"id": desk.project(), "type": "project"}}}
        attributes = {"title": "T", "type_id": TYPE_ID, "status_name": "Pending Approval"}
        data = {"type": "case", "attributes": attributes, "relationships": related}
        answer = desk.ask("create_case", body={"data": data})
    assert answer.status == 400
    assert "Open, In Progress, Closed" in answer.error["detail"]


def test_a_change_request_can_be_pending_approval(desk: Desk) -> None:
    given = desk.create(type_id=f"{ZERO}4", status_name="Pending Approval")["attributes"]
    assert (given["status"], given["status_group"]) == ("PENDING_APPROVAL", "SG_IN_PROGRESS")


def test_an_attribute_as_it_is_sent(desk: Desk) -> None:
    kind = create_type(desk, name="N")["id"]
    made = configure(desk, kind, key="region_1", display_name="AWS Region", is_multi=True, type="NUMBER")
    assert made.status == 201
    assert made.data == {
        "id": made.data["id"],
        "type": "custom_attribute",
        "attributes": {
            "case_type": "TUNKNOWN",
            "case_type_id": kind,
            "display_name": "AWS Region",
            "is_multi": True,
            "key": "region_1",
            "type": "NUMBER",
        },
    }
    assert desk.ask("get_all_custom_attribute_configs_by_case_type", kind).data == [made.data]
    assert made.data in desk.ask("get_all_custom_attributes").data


def test_attributes_are_refused_as_recorded(desk: Desk) -> None:
    wrong = configure(desk, TYPE_ID, type="FLOAT")
    assert (wrong.status, wrong.error) == (400, {"status": "400", "title": "Bad Request"})
    unknown = configure(desk, NOBODY)
    assert (unknown.status, unknown.error) == (404, {"code": "resource_not_found", "title": "case_type not found"})
    named = desk.ask("delete_custom_attribute_config", TYPE_ID, "x")
    detail = 'invalid parameter "CustomAttributeId" in "path"; expected type "uuid"'
    assert named.error == {"status": "400", "title": "Invalid Parameter", "detail": detail}


def test_an_attribute_is_updated_used_and_deleted(desk: Desk) -> None:
    made = configure(desk, TYPE_ID, type="SELECT").data["id"]
    options = {"options": [{"value": "a"}]}
    changed = desk.send(
        "update_custom_attribute_config", TYPE_ID, made, kind="custom_attribute", type_data=options, display_name="L"
    )
    assert (changed.data["attributes"]["type_data"], changed.data["attributes"]["display_name"]) == (options, "L")
    desk.create()
    value = {"type": "SELECT", "is_multi": False, "value": "a"}
    assert desk.send("update_case_custom_attribute", "OPS-1", "k", **value).status == 200
    assert desk.send("update_case_custom_attribute", "OPS-1", "k", type="TEXT", is_multi=False, value="a").status == 400
    assert desk.ask("delete_custom_attribute_config", TYPE_ID, made).status == 204
    assert desk.send("update_case_custom_attribute", "OPS-1", "k", **value).status == 404


def users(desk: Desk, **query: str) -> list[Any]:
    """The users that a query finds."""
    names = {"status": "filter[status]", "size": "page[size]", "number": "page[number]"}
    answer = desk.ask("list_users", query={names.get(name, name): value for name, value in query.items()})
    assert answer.status == 200, answer
    return answer.data


def test_a_user_as_it_is_sent(desk: Desk) -> None:
    user = desk.ask("get_current_user").data
    assert (user["id"], user["type"]) == (desk.store.me, "users")
    assert set(user["attributes"]) == {
        "name", "handle", "email", "created_at", "modified_at", "icon", "title", "verified", "service_account",
        "disabled", "status", "last_login_time", "allowed_login_methods",
    }  # fmt: skip
    assert user["attributes"]["created_at"].endswith("+00:00")
    assert user["relationships"]["org"]["data"]["type"] == "orgs"
    assert desk.ask("get_user", desk.store.me).data == user
    assert desk.ask("get_user", NOBODY).status == 404


def test_users_are_found_by_free_text(desk: Desk) -> None:
    (ada,) = users(desk, filter="ADA.MARSH@")
    assert users(desk, filter="ada m") == [ada]
    assert len(users(desk, filter="example.com", size="100")) == len(desk.store.users)


def test_users_have_a_status_and_service_accounts_a_handle_that_is_a_uuid(desk: Desk) -> None:
    assert [each["attributes"]["name"] for each in users(desk, status="Disabled")] == ["Oskar Former"]
    assert [each["attributes"]["name"] for each in users(desk, status="Pending")] == [None]
    both = users(desk, status="Disabled,Pending")
    assert {each["attributes"]["disabled"] for each in both} == {True, False}
    (robot,) = (each for each in users(desk, size="100") if each["attributes"]["service_account"])
    assert len(robot["attributes"]["handle"]) == 36
    assert desk.ask("list_users", query={"filter[status]": "Asleep"}).status == 400


def test_users_page_from_zero_with_two_totals(desk: Desk) -> None:
    desk.simulation.seed_users(50)
    answer = desk.ask("list_users", query={"page[size]": "100", "filter": "example.com", "filter[status]": "Active"})
    assert answer.json["meta"]["page"] == {"total_count": 65, "total_filtered_count": 63}
    walked = [user["id"] for number in range(7) for user in users(desk, number=str(number), status="Active")]
    assert len(walked) == len(set(walked)) == 63
    assert desk.ask("list_users", query={"page[size]": "101"}).status == 400


def test_users_are_sorted(desk: Desk) -> None:
    down = [each["attributes"]["email"] for each in users(desk, sort="email", sort_dir="desc", size="100")]
    assert down == sorted(down, reverse=True)
    assert [each["attributes"]["email"] for each in users(desk, sort="-email", size="100")] == down
    assert desk.ask("list_users", query={"sort": "shoe_size"}).status == 400


def test_pages_of_many_users_search_once(desk: Desk) -> None:
    """A walk over 50,000 users costs one search, not five hundred; a new user is found all the same."""
    desk.simulation.seed_users(50_000)
    seen = {user["id"] for number in range(0, 500, 50) for user in users(desk, size="100", number=str(number))}
    assert len(seen) == 1000
    assert len(desk.store.user_searches) == 1
    desk.simulation.seed_users(1)
    assert desk.ask("list_users").json["meta"]["page"]["total_count"] == 50_016


def test_teams_their_members_and_who_is_on_call(desk: Desk) -> None:
    teams = desk.ask("list_teams", query={"page[size]": "3"})
    assert teams.json["meta"]["pagination"] == {"offset": 0, "limit": 3, "total": 4, "type": "number_size"}
    (platform,) = desk.ask("list_teams", query={"filter[keyword]": "PLAT"}).data
    assert platform["type"] == "team"
    assert platform["attributes"]["user_count"] == 3
    assert platform in desk.ask("list_teams", query={"filter[me]": "true"}).data
    members = desk.ask("get_team_memberships", platform["id"], query={"page[size]": "2"})
    assert members.json["meta"]["pagination"]["total"] == 3
    first = members.data[0]["relationships"]["user"]["data"]
    assert first == {"id": desk.store.me, "type": "users"}
    assert desk.ask("get_team_memberships", NOBODY).status == 404
    on_call = desk.ask("get_team_on_call_users", platform["id"], query={"include": "responders"})
    assert on_call.data["type"] == "team_oncall_responders"
    assert on_call.data["id"] == f"{platform['id']}-{int(desk.clock.now)}"
    assert on_call.data["relationships"]["responders"]["data"] == [first]
    assert on_call.json["included"][0]["attributes"]["status"] == "active"
    assert "included" not in desk.ask("get_team_on_call_users", platform["id"]).json
