"""Arguments as people write them: literals, None for what a model does not say, and numbers and texts at the edges."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import get_args

import pytest

from casemgmt_async import (
    UNSET,
    CaseSession,
    InvalidArgumentError,
    cases,
    endpoints,
    maintenance_windows,
    models,
    projects,
    timeline,
    users,
    views,
)
from casemgmt_async.endpoints import literals
from casemgmt_async.routes import NEIGHBOURS, ROUTES

CASE = {"data": {"type": "case", "id": "1", "attributes": {}}}
NEEDED = {"title": "t", "type_id": "y", "project_id": "p"}
LEFT_OUT = {
    "cases.create_case": (
        lambda s, x: cases.create_case(
            s, **NEEDED, description=x, priority=x, status_name=x, assignee_id=x, custom_attributes=x
        ),
        {"title": "t", "type_id": "y"},
    ),
    "cases.update_status": (
        lambda s, x: cases.update_status(s, "S-1", status="CLOSED", status_name=x),
        {"status": "CLOSED"},
    ),
    "cases.update_case_custom_attribute": (
        lambda s, x: cases.update_case_custom_attribute(s, "S-1", "k", value=[1, 2], type=x, is_multi=x),
        {"type": "NUMBER", "value": [1, 2], "is_multi": True},
    ),
    "projects.update_project": (
        lambda s, x: projects.update_project(s, "p", name="n", settings=x, columns_config=x, team_uuid=x),
        {"name": "n"},
    ),
    "views.update_case_view": (lambda s, x: views.update_case_view(s, "v", name="n", query=x), {"name": "n"}),
    "maintenance_windows.update_maintenance_window": (
        lambda s, x: maintenance_windows.update_maintenance_window(s, "w", name="n", start_at=x, end_at=x),
        {"name": "n"},
    ),
}


@pytest.fixture
async def session():
    async with CaseSession(api_key="k", app_key="a", retry=None) as session:
        yield session


@pytest.mark.parametrize("nothing", [None, UNSET], ids=["None", "UNSET"])
@pytest.mark.parametrize("name", LEFT_OUT)
async def test_none_leaves_a_field_as_it_is(name, nothing, wire, session):
    call, attributes = LEFT_OUT[name]
    moments = dict.fromkeys(("created_at", "start_at", "end_at"), "2026-06-01T00:00:00Z")
    wire.answer(200, {"data": {"type": "any", "id": "1", "attributes": {"name": "n", "query": "q", **moments}}})
    await call(session, nothing)
    assert wire.last.json["data"]["attributes"] == attributes


async def test_none_clears_a_due_date_all_the_same(wire, session):
    wire.answer(200, CASE)
    await cases.update_case_due_date(session, "S-1", due_date=None)
    assert wire.last.json["data"]["attributes"] == {"due_date": None}


@pytest.mark.parametrize("number", [2**63, 10**5000, -(10**5000)], ids=["2**63", "10**5000", "-10**5000"])
async def test_a_page_number_that_no_service_counts_to_is_refused(number, wire, session):
    for call in (cases.search_cases, users.list_users):
        with pytest.raises(InvalidArgumentError, match="page_number: must be a whole number"):
            await call(session, page_number=number)
    with pytest.raises(InvalidArgumentError):
        await timeline.list_case_timeline(session, "S-1", page_number=number)
    with pytest.raises(InvalidArgumentError):
        cases.iter_cases(session, first_page=number)
    assert wire.sent == []


async def test_a_lone_surrogate_is_refused_and_not_dropped(wire, session):
    for call in (
        cases.search_cases(session, filter="title:\ud800"),
        cases.count_cases(session, query_filter="\udfff"),
        cases.update_case_title(session, "S-1", title="a\ud800b"),
        users.list_users(session, filter="\ud800"),
    ):
        with pytest.raises(InvalidArgumentError, match="lone surrogates"):
            await call
    assert wire.sent == []


@pytest.mark.parametrize("name", literals.__all__)
def test_a_literal_has_the_values_of_its_enum(name):
    enum = getattr(models, name.removesuffix("Name"))
    assert set(get_args(getattr(literals, name))) == {member.value for member in enum}


@pytest.mark.parametrize("resource", endpoints.__all__)
def test_a_module_shows_its_operations_and_no_helpers(resource):
    module = import_module(f"casemgmt_async.endpoints.{resource}")
    operations = {route.name for route in ROUTES + NEIGHBOURS if route.resource == resource}
    assert operations <= set(dir(module)) == set(module.__all__)
    for name in dir(module):
        assert inspect.isfunction(getattr(module, name))
        assert name in operations or name.startswith(("iter_", "sweep_"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"title": None}, "title: must be text that is not empty, without lone surrogates, not None"),
        ({"priority": 1}, "priority: must be text that is not empty, without lone surrogates, not 1"),
        ({"custom_attributes": {1: "a"}}, "custom_attributes: must map keys, which are texts, to values, not {1: 'a'}"),
        ({"custom_attributes": [1, 2, 3, 4]}, "custom_attributes: must map keys, .* not a list of 4"),
        ({"custom_attributes": {"a": True}}, r"custom_attributes\['a'\]: must be text, a finite number, .* not True"),
        (
            {"project_id": models.Project("p-1")},
            r"project_id: must be text that is not empty, .* not Project\(id='p-1'.{,60}$",
        ),
    ],
)
async def test_a_message_quotes_the_value_that_breaks_a_rule(session, given, message):
    arguments = NEEDED | given
    with pytest.raises(InvalidArgumentError, match=message):
        await cases.create_case(session, **arguments)
