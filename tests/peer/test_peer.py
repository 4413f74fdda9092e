"""Datadog's own client, sync and async, calls all operations of a running emulator: the 66 and their neighbours.

Not part of the ordinary run, since the client is large: `nox -s peer` runs it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from datadog_api_client import ApiClient, AsyncApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.model_utils import OpenApiModel, UnparsedObject, validate_and_convert_types
from datadog_api_client.v2.api.case_management_api import CaseManagementApi
from datadog_api_client.v2.api.case_management_attribute_api import CaseManagementAttributeApi
from datadog_api_client.v2.api.case_management_type_api import CaseManagementTypeApi
from datadog_api_client.v2.api.on_call_api import OnCallApi
from datadog_api_client.v2.api.teams_api import TeamsApi
from datadog_api_client.v2.api.users_api import UsersApi

from casemgmt_async.emulator import Emulator
from casemgmt_async.routes import NEIGHBOURS, ROUTES

APIS = {
    "case_types": CaseManagementTypeApi,
    "custom_attributes": CaseManagementAttributeApi,
    "users": UsersApi,
    "teams": TeamsApi,
    "on_call": OnCallApi,
}
"""The client's class of each neighbouring resource; those of the reference are all in one."""
API_OF = {route.name: APIS.get(route.resource, CaseManagementApi) for route in (*ROUTES, *NEIGHBOURS)}
NAMES = list(API_OF)
MISSING_IN_THE_CLIENT: frozenset[str] = frozenset()
"""Operations that this version of the client does not have."""

NOBODY = "00000000-0000-4000-8000-000000000000"
TYPE_ID = "00000000-0000-0000-0000-000000000001"
RULE = {  # in capitals, as this client writes them
    "name": "Run it",
    "action": {"type": "EXECUTE_WORKFLOW", "data": {"handle": "workflow"}},
    "trigger": {"type": "CASE_CREATED", "data": {}},
    "state": "ENABLED",
}
NOTIFY = {"recipients": [{"type": "EMAIL", "data": {"email": "a@example.com"}}], "triggers": [{"type": "CASE_CREATED"}]}
WINDOW = {"name": "W", "query": "project:OPS", "start_at": "2026-06-01T00:00:00Z", "end_at": "2026-06-01T06:00:00Z"}
INSIGHTS = {"insights": [{"type": "MONITOR", "ref": "/monitors/1", "resource_id": "1"}]}
NUMBER = {"type": "NUMBER", "is_multi": False, "value": 3.5}

Call = Callable[..., Awaitable[Any]]


def data(kind: str, attributes: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    """A JSON:API body."""
    return {"data": {"type": kind, **({} if attributes is None else {"attributes": attributes}), **rest}}


def unparsed(value: Any, path: str = "") -> list[str]:
    """Where in an answer the client did not understand something."""
    if isinstance(value, UnparsedObject) or getattr(value, "_unparsed", False):
        return [path or "."]
    if isinstance(value, OpenApiModel):
        value = getattr(value, "_data_store", {})
    if isinstance(value, dict):
        return [spot for name, each in value.items() for spot in unparsed(each, f"{path}.{name}")]
    if isinstance(value, list):
        return [spot for place, each in enumerate(value) for spot in unparsed(each, f"{path}[{place}]")]
    return []


class Peer:
    """The client behind one way of calling it, and what has been called so far."""

    def __init__(self, client: Any, run: Callable[..., Awaitable[Any]]) -> None:
        self.apis = {kind: kind(client) for kind in {*API_OF.values()}}
        self.run = run
        self.called: set[str] = set()

    async def __call__(self, name: str, *ids: str, body: Any = None, **query: Any) -> Any:
        """Call an operation; gives the answer as plain objects."""
        api = self.apis[API_OF[name]]
        operation = getattr(api, name)
        if body is not None:
            endpoint = getattr(api, f"_{name}_endpoint")
            types = endpoint.params_map["body"]["openapi_types"]
            configuration = api.api_client.configuration
            body = validate_and_convert_types(body, types, ["body"], True, True, configuration)
            query["body"] = body
        answer = await self.run(operation, *ids, **query)
        self.called.add(name)
        assert unparsed(answer) == []
        return None if answer is None else answer.to_dict()

    async def status(self, name: str, *ids: str, body: Any = None, **query: Any) -> int:
        """The error status with which an operation is refused."""
        with pytest.raises(ApiException) as caught:
            await self(name, *ids, body=body, **query)
        assert caught.value.body["errors"]
        return int(caught.value.status)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(seed=1) as running:
        running.seed_cases(150, type_id=TYPE_ID)  # other types are recorded, but this client's enum lacks them
        yield running


def configuration(emulator: Emulator) -> Configuration:
    """The client's settings for the emulator."""
    made = Configuration(host=emulator.base_url, api_key={"apiKeyAuth": "key", "appKeyAuth": "key"})
    for name in NAMES:
        if f"v2.{name}" in made.unstable_operations:
            made.unstable_operations[f"v2.{name}"] = True
    return made


@pytest.fixture(params=["sync", "async"])
async def peer(request: pytest.FixtureRequest, emulator: Emulator) -> AsyncIterator[Peer]:
    if request.param == "sync":
        with ApiClient(configuration(emulator)) as client:
            yield Peer(client, asyncio.to_thread)
        return

    async def direct(operation: Callable[..., Any], *ids: str, **rest: Any) -> Any:
        answer = operation(*ids, **rest)
        return await answer if inspect.isawaitable(answer) else answer

    async with AsyncApiClient(configuration(emulator)) as client:
        yield Peer(client, direct)


def test_the_client_has_the_operations() -> None:
    assert {name for name in NAMES if not hasattr(API_OF[name], name)} == MISSING_IN_THE_CLIENT


async def test_every_operation_answers_what_the_client_understands(peer: Peer) -> None:
    project = await projects(peer)
    case, other, user = await cases(peer, project)
    await timeline(peer, case)
    await relationships(peer, case, other)
    await watchers_and_links(peer, case, other, user)
    await rules(peer, project)
    await views_and_windows(peer, project)
    await peer("delete_project", project)
    await types_and_attributes(peer)
    await people(peer)
    assert peer.called == set(NAMES) - MISSING_IN_THE_CLIENT


async def projects(peer: Peer) -> str:
    made = await peer("create_project", body=data("project", {"key": "PEER", "name": "Peers"}))
    project: str = made["data"]["id"]
    settings = {
        "notification": {"enabled": True, "destinations": [1, 2]},
        "auto_close_inactive_cases": {"enabled": True},
    }
    patched = await peer("update_project", project, body=data("project", {"name": "P", "settings": settings}))
    assert patched["data"]["attributes"]["name"] == "P"
    assert len((await peer("get_projects"))["data"]) == 4
    assert (await peer("get_project", project))["data"] == patched["data"]
    await peer("favorite_case_project", project)
    assert (await peer("list_user_case_project_favorites"))["data"][0]["id"] == project
    await peer("unfavorite_case_project", project)
    return project


async def cases(peer: Peer, project: str) -> tuple[str, str, str]:
    found = await peer("search_cases", page_size=100, page_number=1, filter="status:open", sort_asc=True)
    assert found["meta"]["page"]["current"] == 1
    assert len(found["data"]) == found["meta"]["page"]["size"]
    related = {
        "project": {"data": {"id": project, "type": "project"}},
        "assignee": {"data": {"id": found["data"][0]["relationships"]["created_by"]["data"]["id"], "type": "user"}},
    }
    fields = {"title": "T", "type_id": TYPE_ID, "priority": "P2", "custom_attributes": {"cost": NUMBER}}
    made = await peer("create_case", body=data("case", fields, relationships=related))
    other = await peer("create_case", body=data("case", fields, relationships=related))
    case, user = made["data"]["id"], made["data"]["relationships"]["created_by"]["data"]["id"]
    assert (await peer("get_case", "PEER-1"))["data"]["id"] == case
    await peer("update_case_title", case, body=data("case", {"title": "New"}))
    await peer("update_case_description", case, body=data("case", {"description": "D"}))
    await peer("update_status", case, body=data("case", {"status": "IN_PROGRESS"}))
    await peer("update_priority", case, body=data("case", {"priority": "P3"}))
    await peer("assign_case", case, body=data("case", {"assignee_id": user}))
    await peer("unassign_case", case, body=data("case"))
    await peer("archive_case", case, body=data("case"))
    await peer("unarchive_case", case, body=data("case"))
    await peer("update_attributes", case, body=data("case", {"attributes": {"env": ["test"]}}))
    await peer("update_case_custom_attribute", case, "cost", body=data("case", NUMBER))
    await peer("delete_case_custom_attribute", case, "cost")
    await peer("update_case_due_date", case, body=data("case", {"due_date": "2026-12-31"}))
    await peer("update_case_resolved_reason", case, body=data("case", {"security_resolved_reason": "FALSE_POSITIVE"}))
    await peer("add_case_insights", case, body=data("case", INSIGHTS))
    await peer("remove_case_insights", case, body=data("case", INSIGHTS))
    grouping = {"groups": ["status"], "limit": 14}
    grouped = await peer(
        "aggregate_cases", body=data("aggregate", {"group_by": grouping, "query_filter": "project:PEER"})
    )
    assert grouped["data"]["attributes"]["total"] == 2
    counted = await peer("count_cases", query_filter="project:PEER", group_bys="status,priority")
    assert [group["group"] for group in counted["data"]["attributes"]["groups"]] == ["status", "priority"]
    bulk = {"case_ids": [case], "type": "priority", "payload": {"priority": "P1"}}
    await peer("bulk_update_cases", body=data("bulk", bulk))
    assert (await peer("get_case", case))["data"]["attributes"]["priority"] == "P1"
    return case, other["data"]["id"], user


async def timeline(peer: Peer, case: str) -> None:
    (cell,) = (await peer("comment_case", case, body=data("case", {"comment": "Hello"})))["data"]
    await peer("update_case_comment", case, cell["id"], body=data("case", {"comment": "Bye"}))
    (listed,) = (await peer("list_case_timeline", case, page_size=10, page_number=0, sort_ascending=True))["data"]
    assert listed["attributes"]["cell_content"]["message"] == "Bye"
    await peer("delete_case_comment", case, cell["id"])


async def relationships(peer: Peer, case: str, other: str) -> None:
    await peer("link_incident", case, body=data("incidents", id=NOBODY))
    jira = {"issue_type_id": "1", "jira_account_id": "2", "project_id": "3"}
    await peer("create_case_jira_issue", case, body=data("issues", jira))
    await peer("create_case_service_now_ticket", case, body=data("tickets", {"instance_name": "it"}))
    attributes = (await peer("get_case", case))["data"]["attributes"]
    assert {"jira_issue", "service_now_ticket"} <= set(attributes)
    await peer("unlink_jira_issue", case)
    url = {"jira_issue_url": "https://jira.example.com/browse/PROJ-1"}
    await peer("link_jira_issue_to_case", case, body=data("issues", url))
    await peer("create_case_notebook", case, body=data("notebook"))
    home = next(each for each in (await peer("get_projects"))["data"] if each["attributes"]["key"] == "SEC")["id"]
    moved = await peer("move_case_to_project", other, body=data("project", id=home))
    assert moved["data"]["attributes"]["key"].startswith("SEC-")


async def watchers_and_links(peer: Peer, case: str, other: str, user: str) -> None:
    await peer("watch_case", case, user)
    assert len((await peer("list_case_watchers", case))["data"]) == 1
    await peer("unwatch_case", case, user)
    ends = {
        "parent_entity_id": case,
        "parent_entity_type": "CASE",
        "child_entity_id": other,
        "child_entity_type": "CASE",
    }
    link = await peer("create_case_link", body=data("link", {**ends, "relationship": "BLOCKS"}))
    assert (await peer("list_case_links", "CASE", other))["data"] == [link["data"]]
    await peer("delete_case_link", link["data"]["id"])


async def rules(peer: Peer, project: str) -> None:
    rule = (await peer("create_case_automation_rule", project, body=data("rule", RULE)))["data"]["id"]
    await peer("update_case_automation_rule", project, rule, body=data("rule", {**RULE, "name": "Other"}))
    await peer("disable_case_automation_rule", project, rule)
    await peer("enable_case_automation_rule", project, rule)
    assert (await peer("get_case_automation_rule", project, rule))["data"]["attributes"]["name"] == "Other"
    assert len((await peer("list_case_automation_rules", project))["data"]) == 1
    await peer("delete_case_automation_rule", project, rule)
    made = await peer("create_project_notification_rule", project, body=data("notification_rule", NOTIFY))
    notification = made["data"]["id"]
    off = data("notification_rule", {"is_enabled": False})
    await peer("update_project_notification_rule", project, notification, body=off)
    (listed,) = (await peer("get_project_notification_rules", project))["data"]
    assert listed["attributes"]["is_enabled"] is False
    await peer("delete_project_notification_rule", project, notification)


async def views_and_windows(peer: Peer, project: str) -> None:
    body = data("view", {"name": "V", "query": "status:open", "project_id": project})
    view = (await peer("create_case_view", body=body))["data"]["id"]
    await peer("update_case_view", view, body=data("view", {"name": "W"}))
    assert (await peer("get_case_view", view))["data"]["attributes"]["name"] == "W"
    assert len((await peer("list_case_views", project))["data"]) == 1
    await peer("delete_case_view", view)
    window = (await peer("create_maintenance_window", body=data("maintenance_window", WINDOW)))["data"]["id"]
    await peer("update_maintenance_window", window, body=data("maintenance_window", {"name": "X"}))
    assert len((await peer("list_maintenance_windows"))["data"]) == 1
    await peer("delete_maintenance_window", window)


async def types_and_attributes(peer: Peer) -> None:
    assert len((await peer("get_all_case_types"))["data"]) == 6
    fields = {"name": "Inquiry", "description": "D", "emoji": "🔍"}
    kind = (await peer("create_case_type", body=data("case_type", fields)))["data"]["id"]
    changed = await peer("update_case_type", kind, body=data("case_type", {**fields, "name": "Review"}))
    assert changed["data"]["attributes"]["name"] == "Review"
    config = {"key": "region_1", "display_name": "AWS Region", "is_multi": True, "type": "NUMBER"}
    made = await peer("create_custom_attribute_config", kind, body=data("custom_attribute", config))
    attribute = made["data"]["id"]
    renamed = data("custom_attribute", {"display_name": "Region"})
    await peer("update_custom_attribute_config", kind, attribute, body=renamed)
    (listed,) = (await peer("get_all_custom_attribute_configs_by_case_type", kind))["data"]
    assert listed["attributes"]["display_name"] == "Region"
    assert len((await peer("get_all_custom_attributes"))["data"]) == 13
    await peer("delete_custom_attribute_config", kind, attribute)
    await peer("delete_case_type", kind)


async def people(peer: Peer) -> None:
    me = (await peer("get_current_user"))["data"]
    assert (await peer("get_user", me["id"]))["data"]["id"] == me["id"]
    found = await peer("list_users", page_size=100, page_number=0, filter="ada", filter_status="Active")
    assert [user["id"] for user in found["data"]] == [me["id"]]
    team = (await peer("list_teams", page_size=10, page_number=0, filter_keyword="plat"))["data"][0]["id"]
    members = (await peer("get_team_memberships", team, page_size=10, page_number=0))["data"]
    assert members[0]["relationships"]["user"]["data"]["id"] == me["id"]
    on_call = await peer("get_team_on_call_users", team, include="responders")
    assert on_call["data"]["relationships"]["responders"]["data"][0]["id"] == me["id"]


async def test_recorded_refusals_come_out(peer: Peer) -> None:
    found = await peer("search_cases", page_size=1)
    case = found["data"][0]["id"]
    project = found["data"][0]["relationships"]["project"]["data"]["id"]
    fields = {"title": "T", "type_id": TYPE_ID}

    def create(project_id: str, kind: str) -> dict[str, Any]:
        relationships = {
            "project": {"data": {"id": project_id, "type": "project"}},
            "assignee": {"data": {"id": NOBODY, "type": kind}},
        }
        return data("case", fields, relationships=relationships)

    assert await peer.status("create_case", body=create(NOBODY, "user")) == 404
    assert await peer.status("create_case", body=create(project, "userx")) == 400
    assert await peer.status("get_case", NOBODY) == 404
    assert await peer.status("archive_case", case, body=data("project")) == 400
    assert await peer.status("assign_case", case, body=data("case", {"assignee_id": "invalid-uuid"})) == 400
    assert await peer.status("comment_case", case, body=data("case", {"comment": ""})) == 400
    assert await peer.status("update_priority", case, body=data("case", {"priority": "P1234"})) == 400
    assert await peer.status("update_status", case, body=data("case", {"status": "OPENED"})) == 400
    cell = (await peer("comment_case", case, body=data("case", {"comment": "x"})))["data"][0]["id"]
    await peer("delete_case_comment", case, cell)
    assert await peer.status("delete_case_comment", case, cell) == 404
    assert await peer.status("delete_case_comment", case, "nonsense") == 400
    assert await peer.status("update_project", NOBODY, body=data("project", {"name": "x"})) == 404
    wrong = data("case", {"type": "FLOAT", "is_multi": False, "value": 1.0})
    assert await peer.status("update_case_custom_attribute", case, "k", body=wrong) == 400


async def test_its_pager_walks_every_case(emulator: Emulator) -> None:
    """Its pager leaves the first page number out and goes on from there; every case comes once."""

    def walk() -> list[str]:
        with ApiClient(configuration(emulator)) as client:
            pages = CaseManagementApi(client).search_cases_with_pagination(page_size=20, sort_asc=True)
            return [case.id for case in pages]

    assert sorted(await asyncio.to_thread(walk)) == sorted(case.id for case in emulator.store.tables.cases)
