"""What users import: all of it is there, nothing else is, and it costs nothing until it is used."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import casemgmt_async
from casemgmt_async import endpoints, errors, models, pagination
from casemgmt_async.routes import NEIGHBOURS, ROUTES

ROOT = Path(__file__).resolve().parents[1]


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return set(result.stdout.split())


@pytest.mark.parametrize("name", casemgmt_async.__all__)
def test_every_public_name_is_there(name):
    value = getattr(casemgmt_async, name)
    assert value is getattr(casemgmt_async, name)


def test_the_table_of_public_names_is_what_the_packages_import(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    made = importlib.import_module("public_names").table()
    assert (ROOT / "casemgmt_async" / "_names.py").read_text("utf-8") == made, "run `python docs/public_names.py`"


@pytest.mark.parametrize("package", [casemgmt_async, models, pagination])
def test_a_type_checker_hides_no_name(package):
    """What is imported for others is imported with `as`, or with a star."""
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert all(isinstance(node, ast.ImportFrom) for node in block.body)
    assert all(name.name == "*" or name.asname == name.name for node in block.body for name in node.names)


def test_a_name_loads_its_module_and_no_other():
    loaded = loaded_by("from casemgmt_async import Priority")
    ours = {name.removeprefix("casemgmt_async.") for name in loaded if name.startswith("casemgmt_async.")}
    used = {"models", "models.base", "models.cases", "models.descriptions", "models.plain", "models.users"}
    assert ours == {"_lazy", "_names", "_version", *used}
    assert "aiohttp" not in loaded


def test_a_star_import_gives_the_public_names():
    namespace = {}
    exec("from casemgmt_async import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(casemgmt_async.__all__)


def test_all_names_are_listed_once():
    assert len(casemgmt_async.__all__) == len(set(casemgmt_async.__all__))
    assert set(casemgmt_async.__all__) <= set(dir(casemgmt_async))


def test_all_models_and_errors_are_public():
    assert set(models.__all__) <= set(casemgmt_async.__all__)
    assert set(errors.__all__) <= set(casemgmt_async.__all__)


def test_every_resource_has_its_module_under_its_name():
    for resource in {route.resource for route in ROUTES + NEIGHBOURS}:
        assert getattr(casemgmt_async, resource) is importlib.import_module(f"casemgmt_async.endpoints.{resource}")


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'case'"):
        casemgmt_async.case  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'nobody'"):
        endpoints.nobody  # noqa: B018


def test_a_look_for_a_special_name_loads_nothing():
    loaded = loaded_by("import casemgmt_async; assert not hasattr(casemgmt_async, '__wrapped__')")
    assert "casemgmt_async.errors" not in loaded


def test_the_version_is_a_literal():
    source = Path(casemgmt_async.__file__).with_name("_version.py").read_text("utf-8")
    assert f'__version__ = "{casemgmt_async.__version__}"' in source


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by("import casemgmt_async")
    assert not {name for name in loaded if name.startswith("casemgmt_async.")} - {
        "casemgmt_async._lazy",
        "casemgmt_async._names",
        "casemgmt_async._version",
    }
    assert not loaded & {"aiohttp", "attrs", "cattrs", "msgspec"}


def test_the_first_call_loads_neither_jobs_nor_emulator_nor_command():
    loaded = loaded_by("from casemgmt_async import CaseSession, Priority, cases, timeline")
    assert "casemgmt_async.endpoints.cases" in loaded
    for heavy in ("jobs", "emulator", "cli", "integrations"):
        assert not {name for name in loaded if name.startswith(f"casemgmt_async.{heavy}")}, heavy
    assert not loaded & {"click", "rich", "lark", "sqlite3"}
    unused = {"project_settings", "automation_rules", "notification_rules", "views", "links"}
    assert not loaded & {f"casemgmt_async.models.{module}" for module in unused}


async def test_the_example_runs(monkeypatch, capsys):
    from casemgmt_async.emulator import Emulator

    example = casemgmt_async.__doc__.partition("::\n\n")[2].partition("\nOperations")[0]
    code = compile(textwrap.dedent(example), "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with Emulator(cases=20, seed=5) as emulator:
        for name, value in emulator.env.items():
            monkeypatch.setenv(name, value)
        await eval(code, {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(re.match(r"[A-Z]+-\d+ .", line) for line in lines)


def test_a_part_is_loaded_by_its_own_name():
    assert casemgmt_async.routes.ROUTES is ROUTES
    assert casemgmt_async.errors is errors
