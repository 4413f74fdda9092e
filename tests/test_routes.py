"""Every operation is in all its places: the table of routes, its function, its handler in the emulator, the tests."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest

import casemgmt_async
from casemgmt_async.routes import NEIGHBOURS, ROUTES, Route

ROOT = Path(__file__).parents[1]
OPERATIONS = json.loads((ROOT / "tests" / "data" / "operations.json").read_text("utf-8"))


def test_the_table_of_routes_is_that_of_the_reference():
    keys = ("operation_id", "resource", "method", "path", "scope")
    ours = [(route.name, route.resource, route.method, route.path, route.scope) for route in ROUTES]
    assert ours == [tuple(operation[key] for key in keys) for operation in OPERATIONS]
    assert len(ours) == 66


def test_the_neighbours_are_fifteen_operations_beside_the_reference():
    assert len(NEIGHBOURS) == 15
    assert not {route.name for route in NEIGHBOURS} & {route.name for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES + NEIGHBOURS, ids=lambda route: route.name)
def test_an_operation_is_in_all_its_places(route):
    missing = [place for place, there in places(route).items() if not there]
    assert missing == [], f"{route.name} is missing in: {', '.join(missing)}"


def places(route: Route) -> dict[str, bool]:
    """The places an operation has to be in, and whether it is."""
    endpoints = import_module(f"casemgmt_async.endpoints.{route.resource}")
    handler = import_module("casemgmt_async.emulator.resources").HANDLERS.get(route.name)
    file = "neighbour_calls.py" if route in NEIGHBOURS else "operation_calls.py"
    calls = (ROOT / "tests" / "endpoints" / file).read_text("utf-8")
    return {
        f"endpoints/{route.resource}.py": inspect.iscoroutinefunction(getattr(endpoints, route.name, None)),
        f"emulator/resources/{route.resource}.py": getattr(handler, "__module__", "").endswith(f"s.{route.resource}"),
        f"tests/endpoints/{file}": f'    "{route.name}": ' in calls,
    }


@pytest.mark.parametrize("route", ROUTES + NEIGHBOURS, ids=lambda route: route.name)
def test_the_signature_follows_the_route(route):
    function = getattr(getattr(casemgmt_async, route.resource), route.name)
    session, *others = inspect.signature(function).parameters.values()
    positional = [parameter.name for parameter in others if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    named = [parameter for parameter in others if parameter.kind is parameter.KEYWORD_ONLY]
    assert session.name == "session"
    # A bulk update has no ids in its path, but is about cases all the same.
    assert positional == (["case_ids"] if route.name == "bulk_update_cases" else list(route.parameters))
    assert len(positional) + len(named) == len(others)


@pytest.mark.parametrize("route", ROUTES + NEIGHBOURS, ids=lambda route: route.name)
def test_the_docstring_names_method_and_path(route):
    function = getattr(getattr(casemgmt_async, route.resource), route.name)
    first, _, rest = inspect.getdoc(function).partition("\n")
    assert first.endswith(".")
    assert f"`{route.method} {route.path}`" in rest
