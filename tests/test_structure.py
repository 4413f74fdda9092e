"""The structure of the package: who imports whom, and what a name means."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import frozen

import casemgmt_async
from casemgmt_async.routes import NEIGHBOURS, ROUTES

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

import layers_picture
from import_graph import PACKAGE, PUBLIC, ROOT, When, areas, cycle, imports, module_of, modules, part_of

RUNNING = (When.LOADING, When.CALLING)
FILES = list(modules().values())
PUBLIC_NAMES = {PUBLIC, *casemgmt_async.PARTS}
"""What a program of a user can import: the names of the package, and the parts that are reached by their own names."""

MAY_IMPORT = {
    "_names": set(),
    "_lazy": {"_names"},
    "_version": set(),
    "errors": set(),
    "routes": set(),
    "models": {"_lazy"},
    "codec": {"models", "errors"},
    "transport": {"errors", "routes", "_version"},
    "session": {"codec", "models", "transport", "routes", "errors", "_version"},
    "pagination": {"_lazy", "errors", "models"},
    "endpoints": {"session", "routes", "models", "pagination", "errors"},
    "directory": {"endpoints", "models", "errors", "session"},
    "once": {"endpoints", "session", "models", "errors"},
    "watching": {"endpoints", "session", "routes", "models", "errors"},
    "emulator": {"routes", "facts"},
    "facts": set(),
    "probe": PUBLIC_NAMES - {"emulator", "jobs", "probe"},
    "jobs": PUBLIC_NAMES - {"emulator", "jobs"},
    "cli": PUBLIC_NAMES | {"integrations"},  # the command of the workers
    "integrations": PUBLIC_NAMES,
    PUBLIC: {
        "errors",
        "facts",
        "models",
        "routes",
        "codec",
        "transport",
        "pagination",
        "session",
        "endpoints",
        "directory",
    }
    | {"watching", "once", "_lazy", "_version"},
}
"""For each part of the package the others that it may import."""
SEPARATE = {
    "jobs": {"triage", "backfill", "export", "report"},
}
"""Packages inside a part that no other module of the part imports."""
NEEDS = {
    "aiohttp": {"transport", "session", "emulator", "integrations"},
    "backoff": {"transport"},
    "cattrs": {"codec", "jobs"},
    "msgspec": {"codec", "jobs", "emulator", "integrations"},
    "click": {"cli"},
    "rich": {"cli"},
    "lark": {"emulator"},
    "sqlite3": {"jobs"},
    "redis": {"integrations"},
}
"""Which parts may import a package of others."""
SQL = re.compile(
    r"\b(SELECT\b.+\bFROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA)\b", re.DOTALL
)


@frozen
class Class:
    """A class statement of the package."""

    name: str
    module: str


def classes() -> list[Class]:
    """All classes that are defined in the package, inside functions and other classes too."""
    return [
        Class(node.name, module)
        for module, file in modules().items()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_it_may(part):
    assert areas().get(part, set()) <= MAY_IMPORT[part]


def test_every_part_has_its_rule():
    assert areas().keys() <= MAY_IMPORT.keys()


@pytest.mark.parametrize("outer", SEPARATE)
def test_separate_packages_are_not_imported_by_their_neighbours(outer):
    found = areas(f"{PACKAGE}.{outer}")
    assert found.keys() >= SEPARATE[outer]
    assert {part: found[part] & SEPARATE[outer] for part in found if part != "__init__"} == {
        part: set() for part in found if part != "__init__"
    }


def test_no_rule_allows_an_import_upwards():
    order = list(TopologicalSorter(MAY_IMPORT).static_order())
    assert order.index("transport") < order.index("session") < order.index(PUBLIC) < order.index("cli")


def test_no_modules_import_one_another():
    assert cycle(*RUNNING) == []


def test_no_modules_import_one_another_for_type_checkers():
    assert cycle(*When) == []


@pytest.mark.parametrize("inside", [PACKAGE, f"{PACKAGE}.jobs", f"{PACKAGE}.emulator"])
def test_no_packages_import_one_another(inside):
    found = areas(inside)
    assert set(TopologicalSorter(found).static_order()) == found.keys()


@pytest.mark.parametrize("package", NEEDS)
def test_a_package_of_others_is_imported_only_where_it_is_needed(package):
    users = {
        part_of(module_of(file), PACKAGE)
        for file in FILES
        for found in imports(file)
        if found.module.split(".")[0] == package
    }
    assert users <= NEEDS[package]


def test_one_module_imports_backoff():
    users = [module_of(file) for file in FILES if "backoff" in {found.module for found in imports(file)}]
    assert users == ["casemgmt_async.transport.retry"]


def test_only_the_journal_imports_sqlite():
    users = {module_of(file) for file in FILES if "sqlite3" in {found.module for found in imports(file)}}
    assert {module for module in users if not module.startswith(f"{PACKAGE}.jobs.journal")} == set()


def test_the_page_on_architecture_names_every_package():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = re.findall(r"^\| `?([\w ]+?)`? \|.*`([\w/]+\.py)` \|$", page, re.MULTILINE)
    assert {name for name, _ in listed} == {part for part in areas() if not part.startswith("_")}
    assert [file for _, file in listed if not (ROOT / PACKAGE / file).is_file()] == []


def test_the_readme_names_every_package():
    tree = (ROOT / "README.md").read_text("utf-8").partition(f"```text\n{PACKAGE}/\n")[2].partition("```")[0]
    packages = {part for part in areas() if (ROOT / PACKAGE / part / "__init__.py").is_file()}
    assert packages - {line.split()[0].removesuffix("/") for line in tree.splitlines()} == set()


def test_endpoints_do_not_import_one_another():
    resources = {route.resource for route in ROUTES + NEIGHBOURS}
    for part, others in areas(f"{PACKAGE}.endpoints").items():
        assert others & resources == set(), part


def test_sql_is_in_the_stores_only():
    users = {
        module_of(file)
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value))
        or (isinstance(node, ast.Attribute) and node.attr in ("execute", "executemany", "executescript"))
    }
    stores = (f"{PACKAGE}.jobs.journal", f"{PACKAGE}.integrations.budgets.postgres")
    assert {module for module in users if not module.startswith(stores)} == set()


def test_a_class_name_means_one_thing():
    homes = defaultdict(list)
    for found in classes():
        homes[found.name].append(found.module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


@pytest.mark.parametrize("picture", layers_picture.PICTURES)
def test_the_pictures_show_the_imports(picture):
    drawn = layers_picture.draw(*layers_picture.PICTURES[picture])
    written = (layers_picture.STATIC / picture).read_text("utf-8")
    assert written == drawn, f"the imports have changed: run `python docs/layers_picture.py` to draw {picture} again"
