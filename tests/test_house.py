"""The house stands as the plan says: who imports whom, and nothing forgotten for any operation."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import casemgmt_async
from casemgmt_async.routes import ROUTES, Route

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "casemgmt_async"
OPERATIONS = json.loads((ROOT / "tests" / "data" / "operations.json").read_text("utf-8"))
FACADE = "the façade"
MAY_IMPORT = {
    "_version": set(),
    "errors": set(),
    "routes": set(),
    "models": set(),
    "codec": {"models", "errors"},
    "transport": {"errors", "routes", "_version"},
    "session": {"codec", "transport", "routes", "errors", "_version"},
    "pagination": {"errors", "models"},
    "endpoints": {"session", "routes", "models", "pagination", "errors"},
    "emulator": {"routes"},
    "jobs": {FACADE, *casemgmt_async.PARTS} - {"emulator"},
    "cli": {FACADE, *casemgmt_async.PARTS},
    "integrations": {FACADE, *casemgmt_async.PARTS},
    FACADE: {"errors", "models", "codec", "pagination", "session", "endpoints", "transport", "_version"},
}
"""Room by room. The parts that the façade opens by their own names belong to it."""
NEEDS = {
    "aiohttp": {"transport", "session", "emulator", "integrations"},
    "backoff": {"transport"},
    "click": {"cli"},
    "rich": {"cli"},
}
"""Which rooms may know a package."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The room a module of ours is in; the package itself, and what is imported from it, is the façade."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FACADE


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, by its full name."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module_of(file.parent / "__init__.py").split(".")
            parts = above[: len(above) - node.level + 1] if node.level else []
            module = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = ROOT.joinpath(*module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield f"{module}.{alias.name}" if is_module else module


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_room_imports_only_what_it_may(file):
    room = room_of(module_of(file))
    ours = {room_of(name) for name in imports(file) if name.split(".")[0] == PACKAGE.name}
    assert ours - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_package_is_known_only_where_it_is_needed(file):
    tops = {name.split(".")[0] for name in imports(file)}
    assert {package for package in tops & NEEDS.keys() if room_of(module_of(file)) not in NEEDS[package]} == set()


def test_one_module_imports_backoff():
    assert [module_of(file) for file in FILES if "backoff" in set(imports(file))] == ["casemgmt_async.transport.retry"]


def test_resources_do_not_import_one_another():
    resources = {route.resource for route in ROUTES}
    for file in (PACKAGE / "endpoints").glob("*.py"):
        others = {name.split(".")[-1] for name in imports(file) if name.startswith("casemgmt_async.endpoints.")}
        assert others & resources == set(), file.name


def test_the_table_of_routes_is_that_of_the_reference():
    keys = ("operation_id", "resource", "method", "path", "scope")
    ours = [(route.name, route.resource, route.method, route.path, route.scope) for route in ROUTES]
    assert ours == [tuple(operation[key] for key in keys) for operation in OPERATIONS]
    assert len(ours) == 66


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_operation_is_in_all_its_places(route, pytestconfig):
    missing = [place for place, there in places(route).items() if not there]
    assert missing == [], f"{route.name} is missing in: {', '.join(missing)}"


def places(route: Route) -> dict[str, bool]:
    """The places an operation has to be in, and whether it is."""
    endpoints = import_module(f"casemgmt_async.endpoints.{route.resource}")
    world = import_module("casemgmt_async.emulator.world")
    handler = world.HANDLERS.get(route.name)
    calls = (ROOT / "tests" / "endpoints" / "operation_calls.py").read_text("utf-8")
    return {
        f"endpoints/{route.resource}.py": inspect.iscoroutinefunction(getattr(endpoints, route.name, None)),
        f"emulator/{route.resource}.py": getattr(handler, "__module__", "").endswith(f"emulator.{route.resource}"),
        "tests/endpoints/operation_calls.py": f'    "{route.name}": ' in calls,
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_signature_follows_the_route(route):
    function = getattr(getattr(casemgmt_async, route.resource), route.name)
    session, *others = inspect.signature(function).parameters.values()
    positional = [parameter.name for parameter in others if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    named = [parameter for parameter in others if parameter.kind is parameter.KEYWORD_ONLY]
    assert session.name == "session"
    # A bulk update has no ids in its path, but is about cases all the same.
    assert positional == (["case_ids"] if route.name == "bulk_update_cases" else list(route.parameters))
    assert len(positional) + len(named) == len(others)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_the_docstring_names_method_and_path(route):
    function = getattr(getattr(casemgmt_async, route.resource), route.name)
    first, _, rest = inspect.getdoc(function).partition("\n")
    assert first.endswith(".")
    assert f"`{route.method} {route.path}`" in rest
