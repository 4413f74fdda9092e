"""The pytest plugin, in a pytest of its own."""

import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

PLUGIN = "casemgmt_async.integrations.pytest_plugin"
ROOT = Path(__file__).parents[2]

SUITE = """
import os
import pytest

@pytest.mark.case_emulator(cases=7, faults="create_case#1: drop")
{aio}
async def test_options(case_emulator):
    assert len(case_emulator.store.cases) == 7
    assert [str(fault) for fault in case_emulator.faults] == ["create_case#1: drop"]

{aio}
async def test_session(case_session, case_emulator):
    from casemgmt_async import cases
    case_emulator.seed_cases(3)
    page = await cases.search_cases(case_session)
    assert len(page) == 3
    assert case_emulator.log[0].route == "search_cases"

{aio}
async def test_a_session_of_the_programs_own_lands_there(case_emulator):
    from casemgmt_async import CaseSession, cases
    async with CaseSession() as session:
        assert len(await cases.search_cases(session)) == 0
    assert case_emulator.requests == 1

def test_environment_is_put_back():
    assert "CASEMGMT_BASE_URL" not in os.environ

def test_sync(case_emulator):
    import asyncio
    from casemgmt_async import CaseSession, cases
    case_emulator.seed_cases(2)
    async def count():
        async with CaseSession() as session:
            return len(await cases.search_cases(session))
    assert asyncio.run(count()) == 2
    assert [(entry.route, entry.status) for entry in case_emulator.log] == [("search_cases", 200)]
    with case_emulator.down():
        pass
"""
SCOPED = """
import asyncio
import pytest
from casemgmt_async import cases

pytestmark = pytest.mark.asyncio(loop_scope="{scope}")
loops = set()

@pytest.mark.case_emulator(cases=3, faults="search_cases#1: status=503")
@pytest.mark.parametrize("turn", [1, 2])
async def test_in_one_loop(case_session, case_emulator, turn):
    loops.add(asyncio.get_running_loop())
    assert len(await cases.search_cases(case_session)) == 3
    assert [entry.status for entry in case_emulator.log] == [503, 200]
    async with case_emulator.down():
        pass
    assert len(await cases.search_cases(case_session)) == 3

async def test_it_was_one_loop():
    assert len(loops) == 1
"""
MARKED = """
import pytest

pytestmark = pytest.mark.case_emulator(cases=5, faults="get_case: drop")

class TestMarkers:
    pytestmark = pytest.mark.case_emulator(faults="search_cases: drop", seed=3)

    @pytest.mark.case_emulator(cases=7)
    def test_all_three(self, case_emulator):
        assert len(case_emulator.store.cases) == 7
        assert [str(fault) for fault in case_emulator.faults] == ["search_cases: drop"]

@pytest.mark.case_emulator("search_cases: drop")
def test_positional(case_emulator):
    pass
"""
ANYIO = """
import pytest
from casemgmt_async import cases

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
@pytest.mark.case_emulator(cases=3)
async def test_with_anyio(case_session, case_emulator):
    assert len(await cases.search_cases(case_session)) == 3
    assert case_emulator.requests == 1
"""
PLUGINS = ("pytest_asyncio.plugin", PLUGIN)
FUNCTION_SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")


def run(folder, *arguments, plugins=("pytest_asyncio.plugin", PLUGIN)):
    """Run pytest in a process of its own, on that folder, with no other plugins than those."""
    chosen = [word for plugin in plugins for word in ("-p", plugin)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", *chosen, *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_pytest_finds_the_plugin_where_the_library_is_installed():
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"casemgmt_async": PLUGIN}


@pytest.mark.parametrize(("mode", "aio"), [("strict", "@pytest.mark.asyncio"), ("auto", "")])
def test_the_fixtures_in_both_modes_of_pytest_asyncio(tmp_path, mode, aio):
    tmp_path.joinpath("test_theirs.py").write_text(SUITE.format(aio=aio))
    done = run(tmp_path, "-o", f"asyncio_mode={mode}", "-o", "asyncio_default_fixture_loop_scope=function")
    assert "5 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_the_session_is_in_the_loop_of_the_test(tmp_path, scope):
    tmp_path.joinpath("__init__.py").touch()
    suite = SCOPED.format(scope=scope)
    if scope == "class":  # a class scope is one of classes
        top, _, tests = (
            suite.replace("loop(case_session", "loop(self, case_session")
            .replace("loop():", "loop(self):")
            .partition("@pytest")
        )
        suite = f"{top}class TestThem:\n" + textwrap.indent(f"@pytest{tests}", "    ")
    tmp_path.joinpath("test_theirs.py").write_text(suite)
    done = run(tmp_path, *FUNCTION_SCOPE)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixtures_under_anyio(tmp_path):
    tmp_path.joinpath("test_theirs.py").write_text(ANYIO)
    done = run(tmp_path, *FUNCTION_SCOPE, plugins=("anyio", *PLUGINS))
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    alone = run(tmp_path, plugins=("anyio", PLUGIN))
    assert "1 passed" in alone.stdout, alone.stdout + alone.stderr


def test_the_fixtures_under_xdist(tmp_path):
    tmp_path.joinpath("test_theirs.py").write_text(SUITE.format(aio="@pytest.mark.asyncio"))
    done = run(tmp_path, "-n", "2", *FUNCTION_SCOPE, plugins=("xdist.plugin", "xdist.looponfail", *PLUGINS))
    assert "5 passed" in done.stdout, done.stdout + done.stderr


def test_a_sync_test_is_told_that_it_has_no_loop_for_a_session(tmp_path):
    tmp_path.joinpath("test_theirs.py").write_text("def test_sync(case_session): pass")
    done = run(tmp_path, *FUNCTION_SCOPE)
    assert "case_session needs an async test; a sync test can use case_emulator" in done.stdout


def test_who_asks_for_nothing_pays_nothing(tmp_path):
    tmp_path.joinpath("test_unrelated.py").write_text(
        """
import sys

def test_unrelated():
    loaded = {name.partition(".")[0] for name in sys.modules} & {"aiohttp", "attrs", "cattrs", "msgspec", "lark"}
    ours = {name for name in sys.modules if name.startswith("casemgmt_async.")}
    ours -= {"casemgmt_async._version", "casemgmt_async._lazy", "casemgmt_async._names"}
    assert loaded == set()
    assert ours == {"casemgmt_async.integrations", "casemgmt_async.integrations.pytest_plugin"}
"""
    )
    done = run(tmp_path, "-o", "asyncio_default_fixture_loop_scope=function")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_markers_of_a_test_its_class_and_its_module_are_combined(tmp_path):
    tmp_path.joinpath("test_theirs.py").write_text(MARKED)
    done = run(tmp_path, *FUNCTION_SCOPE)
    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "the arguments of the marker case_emulator are keywords" in done.stdout


def test_a_wrong_option_is_told(tmp_path):
    tmp_path.joinpath("test_wrong.py").write_text(
        """
import pytest

@pytest.mark.case_emulator(faults="create_case: drp")
@pytest.mark.asyncio
async def test_wrong(case_emulator):
    pass
"""
    )
    done = run(tmp_path, "-o", "asyncio_default_fixture_loop_scope=function")
    assert "did you mean 'drop'" in done.stdout


def test_without_pytest_asyncio_other_suites_still_run(tmp_path):
    tmp_path.joinpath("pytest_asyncio.py").write_text("raise ImportError")
    tmp_path.joinpath("test_unrelated.py").write_text("def test_unrelated(): pass")
    done = run(tmp_path, plugins=[PLUGIN])
    assert "1 passed" in done.stdout, done.stdout + done.stderr
