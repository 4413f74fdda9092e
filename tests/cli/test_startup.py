"""A command loads what it needs and nothing else: `--version` next to nothing, `get` what one call takes."""

from __future__ import annotations

import asyncio
import gc
import json
import sys

import click
import pytest

from casemgmt_async.cli.app import COMMANDS, Commands, app

# The entry point as pip installs it; afterwards the modules that it has loaded, and whether garbage is collected.
SCRIPT = """
import gc, sys
sys.argv[0] = "casemgmt"
before = set(sys.modules)
from casemgmt_async.cli import main
try:
    main()
finally:
    print(*sorted(set(sys.modules) - before), gc.isenabled(), file=sys.stderr)
"""
UNUSED_BY_GET = {
    "backoff",
    "casemgmt_async.directory",
    "casemgmt_async.endpoints.case_sweeps",
    "casemgmt_async.jobs",
    "casemgmt_async.models.projects",
    "casemgmt_async.pagination.sweep",
    "casemgmt_async.transport.leases",
    "casemgmt_async.watching",
    "click.shell_completion",
    "csv",
    "difflib",
    "rich",
    "sqlite3",
    "tomllib",
    "yaml",
}


@pytest.fixture
def loaded_by(emulator, bare, tmp_path):
    """Run the command in a process of its own; gives what it printed, the modules it loaded, and whether gc is on."""

    async def run(*arguments):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SCRIPT, *arguments),
            env={**bare, **emulator.env},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 50)
        *modules, collects = err.decode().splitlines()[-1].split()
        return out.decode(), set(modules), collects == "True"

    return run


async def test_the_version_loads_five_modules_of_ours_and_no_typing(loaded_by):
    out, modules, _ = await loaded_by("--version")
    assert out.startswith("casemgmt, version ")
    assert {name for name in modules if name.startswith("casemgmt_async")} == {
        "casemgmt_async",
        "casemgmt_async._lazy",
        "casemgmt_async._names",
        "casemgmt_async._version",
        "casemgmt_async.cli",
    }
    assert not modules & {"typing", "pathlib", "re", "asyncio", "click"}
    assert len(modules) < 25


async def test_get_loads_what_one_call_takes(loaded_by, casemgmt):
    key = json.loads((await casemgmt("search", "--limit", "1", "--json")).out)[0]["key"]
    out, modules, collects = await loaded_by("get", key)
    assert key in out
    assert modules & UNUSED_BY_GET == set()
    ours = {name for name in modules if name.startswith("casemgmt_async")}
    assert len(ours) <= 80, sorted(ours)
    assert collects, "garbage is not collected while loading only"


async def test_the_help_loads_no_module_of_a_command(loaded_by):
    out, modules, _ = await loaded_by("--help")
    assert "backfill" in out
    assert {name for name in modules if name.startswith("casemgmt_async.cli.")} == {"casemgmt_async.cli.app"}
    assert "aiohttp" not in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_shows_the_summary_of_the_command(name):
    context = click.Context(app)
    assert app.summary(context, name) == Commands.summary(app, context, name)


async def test_within_another_program_the_command_leaves_the_garbage_collector_alone(casemgmt):
    """Objects that are frozen are never collected, and only the process of the command itself has few of them."""
    frozen = gc.get_freeze_count()
    assert (await casemgmt("search", "nothing-has-this-title")).status == 0
    assert gc.get_freeze_count() == frozen
