"""Every code block of the README and the docs does what the page says: it is run, against an emulator."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from casemgmt_async import probe
from casemgmt_async.emulator import Emulator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^( *)```(\w[\w-]*) *([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(  # needs the network or goes on until Ctrl-C: shown by nox sessions and tests of their own
    r"(venv|pip install|nox|pre-commit|git clone|--live|casemgmt emulator|^export |^#)"
)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language on one page, in order."""
    return [textwrap.dedent(m[4]) for m in BLOCK.finditer(page.read_text("utf-8")) if m[2] == language]


def pages_with(*languages: str) -> list[Path]:
    return [page for page in PAGES if any(blocks(page, language) for language in languages)]


def environment(emulator: Emulator) -> dict[str, str]:
    return {**os.environ, **emulator.env, "NO_COLOR": "1", "COLUMNS": "100"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.stem)
async def test_python_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    async with Emulator(cases=300, seed=7) as emulator:
        for name, value in emulator.env.items():
            monkeypatch.setenv(name, value)
        space = {"__name__": "docs_page"}
        tests: list[tuple[Path, str]] = []
        for number, source in enumerate(blocks(page, "python"), 1):
            if re.search(r"^(async )?def test_", source, re.MULTILINE):
                tests.append((tmp_path / f"test_block_{number}.py", source))
                continue
            where = f"{page.name}, python block {number}"
            code = compile(source, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            result = eval(code, space)
            if inspect.isawaitable(result):
                await result
    if tests:
        run_as_tests(tests)
    defined = space.keys() - {"__name__", "__builtins__"}
    assert defined or tests, f"{page.name} has python blocks that define nothing"


def run_as_tests(tests: list[tuple[Path, str]]) -> None:
    """Run the blocks that define tests as a user's pytest would, all in one process: starting it takes longest."""
    for file, source in tests:
        file.write_text(source, "utf-8")
    files = [str(file) for file, _ in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=tests[0][0].parent, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.stem)
def test_every_python_block_is_type_checked_at_its_line_of_the_page(page, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    modules = importlib.import_module("check_types").modules(page)
    text = page.read_text("utf-8").splitlines()
    checked = []
    for source in modules.values():
        ast.parse(source)
        for number, line in enumerate(source.splitlines()):
            if line.strip() and number and line != "async def page() -> None:":
                assert line.strip() == text[number].strip()
                checked.append(line.strip())
    lines = [line.strip() for block in blocks(page, "python") for line in block.splitlines() if line.strip()]
    assert sorted(checked) == sorted(lines)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", pages_with("console", "sh"), ids=lambda page: page.stem)
async def test_commands_of_a_page_run(page, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name, text in re.findall(r"Save .* as `([\w.-]+)`:\n\n```\w+\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        (tmp_path / name).write_text(text, "utf-8")
    async with Emulator(cases=300, seed=7) as emulator:
        ran = 0
        for block in [*blocks(page, "console"), *blocks(page, "sh")]:
            for line in commands(block):
                if ELSEWHERE.search(line):
                    continue
                process = await asyncio.create_subprocess_exec(
                    "bash",
                    "-c",
                    f"set -o pipefail; {FROM_HERE}{line}",
                    cwd=tmp_path,
                    env=environment(emulator),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
                try:
                    said, _ = await asyncio.wait_for(process.communicate(), 60)
                except TimeoutError:
                    process.kill()
                    raise
                assert process.returncode == 0, f"{line}\n{said.decode()}"
                ran += 1
        assert ran or all(ELSEWHERE.search(line) for block in blocks(page, "sh") for line in commands(block))


def commands(block: str) -> list[str]:
    """The commands of a block: in a console block the lines behind `$ `, else all; a backslash goes on."""
    lines = block.replace("\\\n", " ").splitlines()
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    return [line.strip() for line in prompted or lines if line.strip()]


FROM_HERE = (
    f'casemgmt() {{ "{sys.executable}" -m casemgmt_async.cli "$@"; }}; python() {{ "{sys.executable}" "$@"; }}; '
)
"""Take `casemgmt` and `python` from the environment that runs the tests."""


@pytest.mark.parametrize("page", pages_with("toml"), ids=lambda page: page.stem)
def test_toml_blocks_are_toml(page):
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)


def test_ci_runs_the_test_command_of_the_readme():
    last = (ROOT / ".ci" / "run").read_text("utf-8").strip().splitlines()[-1]
    assert any(last in block for block in blocks(ROOT / "README.md", "sh"))


RUN = {"python", "console", "sh", "toml"}
READ_ONLY = {"text", "eval-rst", "ini", "json", "yaml", "sql"}
"""Languages of blocks that are run above, and of those that are only to be read."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_block_is_run_or_says_that_it_is_only_to_be_read(page):
    fences = re.findall(r"^ *```([^\n`]*)\n.*?^ *```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [info for info in fences if (info.split() or [""])[0].strip("{}") not in RUN | READ_ONLY] == []


def test_the_parts_that_are_made_from_the_code_are_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    generated = importlib.import_module("generated")
    old = [
        page
        for page in generated.PARTS
        if (text := (ROOT / "docs" / page).read_text("utf-8")) != generated.fill(page, text)
    ]
    assert old == [], "run `python docs/generated.py`"


def test_a_constant_is_described_where_it_is_and_not_by_another_one_of_its_name(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    generated = importlib.import_module("generated")
    assert generated.doc_of(probe, "MARK").startswith("A word in the title")


def test_every_page_is_in_the_contents():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = {line.strip() for line in index.splitlines()}
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} <= listed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
