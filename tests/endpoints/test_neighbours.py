"""Each of the fifteen operations beside the reference: what is sent, and what is made of a recorded answer."""

from __future__ import annotations

import pytest
from neighbour_calls import CALLS, IDS, MEMBER, MODELS, UUID, pagination

from casemgmt_async import (
    CaseSession,
    CustomAttributeType,
    InvalidArgumentError,
    Page,
    User,
    UserStatus,
    encode,
    teams,
    users,
)
from casemgmt_async.errors import STATUS_ERRORS, StatusError
from casemgmt_async.routes import NEIGHBOURS

EACH = pytest.mark.parametrize("route", NEIGHBOURS, ids=lambda route: route.name)
BASE = "https://api.datadoghq.eu"


@pytest.fixture
async def session():
    async with CaseSession(api_key="k" * 32, app_key="a" * 40, site="datadoghq.eu", retry=None) as session:
        yield session


async def run(name, wire, session):
    row = CALLS[name]
    wire.answer(row.status, row.answer)
    route = next(route for route in NEIGHBOURS if route.name == name)
    return await row.run(session, *(IDS[parameter] for parameter in route.parameters))


@EACH
async def test_request_is_the_declared_one(route, wire, session):
    await run(route.name, wire, session)
    row, sent = CALLS[route.name], wire.last
    assert sent.method == route.method
    assert str(sent.url.with_query(None)) == BASE + route.path.format(**IDS)
    assert dict(sent.url.query) == dict(row.query)
    assert sent.json == row.body


@EACH
async def test_recorded_answer_is_structured(route, wire, session):
    row, result = CALLS[route.name], await run(route.name, wire, session)
    if row.gives is None:
        assert result is None
    elif isinstance(row.gives, list):
        assert [type(item) for item in result] == row.gives
        assert encode(result) == row.answer
    elif row.gives is Page:
        assert [type(item) for item in result] == [MODELS[route.name]]
        assert (result.number, result.total_items, result.total_pages) == (2, 41, 3)
    else:
        assert type(result) is row.gives
        assert result.id == row.answer["data"]["id"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
@EACH
async def test_each_error_becomes_its_class(route, status, wire, session):
    wire.answer(status, {"errors": [{"code": "resource_not_found", "title": "case_type not found"}]})
    with pytest.raises(StatusError) as caught:
        await CALLS[route.name].run(session, *(IDS[parameter] for parameter in route.parameters))
    assert type(caught.value) is STATUS_ERRORS[status]
    assert (caught.value.status, caught.value.route) == (status, route.name)


async def test_a_case_type_tells_its_statuses(wire, session):
    (kind,) = await run("get_all_case_types", wire, session)
    assert (kind.name, kind.internal, kind.emoji) == ("Investigation", False, "🔍")
    assert kind.status_names == ("Open", "Triage", "In Progress", "Closed")
    assert kind.statuses["in_progress"].default == "In Progress"


async def test_a_case_type_of_an_older_answer_tells_none(wire, session):
    wire.answer(200, {"data": [{"id": UUID, "type": "case_type", "attributes": {"name": "Standard"}}]})
    (kind,) = await CALLS["get_all_case_types"].run(session)
    assert (kind.internal, kind.statuses, kind.status_names) == (None, {}, ())


async def test_a_custom_attribute_tells_key_and_type(wire, session):
    (attribute,) = await run("get_all_custom_attributes", wire, session)
    assert (attribute.key, attribute.display_name) == ("region_1", "AWS Region")
    assert (attribute.type, attribute.is_multi) == (CustomAttributeType.NUMBER, True)
    assert attribute.case_type_id == UUID
    assert attribute.extra == {"case_type": "TUNKNOWN"}


async def test_options_of_a_select_are_read(wire, session):
    attributes = {"key": "env", "type": "SELECT", "type_data": {"options": [{"value": "eu"}, {"value": "us"}]}}
    wire.answer(200, {"data": [{"id": UUID, "type": "custom_attribute", "attributes": attributes}]})
    (attribute,) = await CALLS["get_all_custom_attributes"].run(session)
    assert [option.value for option in attribute.options] == ["eu", "us"]


async def test_a_user_is_described(wire, session):
    user = await run("get_user", wire, session)
    assert (user.id, user.email, user.handle, user.name) == (MEMBER, "ada@example.com", "ada@example.com", None)
    assert (user.status, user.disabled, user.service_account) == (UserStatus.PENDING, False, False)
    assert (user.org_id, user.role_ids, user.last_login_at) == (UUID, (UUID,), None)
    assert user.created_at.year == 2022


async def test_included_people_are_named(wire, session):
    on_call = await run("get_team_on_call_users", wire, session)
    assert on_call.responders == (User(MEMBER, name="", email="ada@example.com"),)
    assert on_call.escalations == ()
    (member,) = await run("get_team_memberships", wire, session)
    assert (member.user.email, member.role) == ("ada@example.com", "admin")


async def test_people_whom_the_answer_does_not_include_keep_their_ids(wire, session):
    data = {"id": "1", "type": "team_oncall_responders"}
    data["relationships"] = {"responders": {"data": [{"id": MEMBER, "type": "users"}]}}
    wire.answer(200, {"data": data})
    assert (await CALLS["get_team_on_call_users"].run(session, UUID)).responders == (User(MEMBER),)


async def test_an_answer_without_totals_is_a_page_all_the_same(wire, session):
    for function in (users.list_users, teams.list_teams):
        wire.answer(200, {"data": []})
        page = await function(session, page_number=4)
        assert (page.number, page.total_items, page.total_pages) == (4, None, None)


@pytest.mark.parametrize("walk", [users.iter_users, teams.iter_teams, lambda s: teams.iter_team_memberships(s, UUID)])
async def test_walks_count_from_0_and_end(walk, wire, session):
    wire.answer(200, {"data": [], **pagination(0)})
    assert await walk(session).collect() == []
    assert [sent.url.query["page[number]"] for sent in wire.sent] == ["0"]


@pytest.mark.parametrize("page", [{"page_number": -1}, {"page_size": 0}, {"page_size": 101}, {"page_number": True}])
async def test_pages_that_do_not_exist_are_refused(page, wire, session):
    for call in (users.list_users(session, **page), teams.list_teams(session, **page)):
        with pytest.raises(InvalidArgumentError):
            await call
    assert wire.sent == []
