"""What all tests rely on: asyncio debug is on, nobody waits for time to pass, nobody replaces the session."""

from __future__ import annotations

import ast
import asyncio
import re
import traceback
from collections import Counter
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.rglob("*.py"))
POLL = 0.05
FOR_EVER = 60
VIRTUAL = {"virtual_loop.py", "virtual_time.py", "listing.py"}
"""What runs in virtual time only."""


async def test_asyncio_debug_is_on_and_records_a_short_stack():
    loop = asyncio.get_running_loop()
    _, frames = traceback.extract_stack.__defaults__
    assert loop.get_debug()
    for made in (loop.create_future(), loop.call_soon(print), asyncio.current_task()):
        assert 0 < len(made._source_traceback) <= frames == 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_test_sleeps_in_virtual_time_or_polls(file):
    """A sleep for ever is one that the test cancels."""
    code = file.read_text("utf-8")
    if "virtual_loop" in code or file.name in VIRTUAL:
        return
    sleeps = [
        node.args[0]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("asyncio.sleep", "time.sleep")
    ]
    seconds = [ast.literal_eval(sleep) for sleep in sleeps]
    assert [number for number in seconds if POLL < number < FOR_EVER] == []


def test_nobody_replaces_the_session():
    replaced = re.compile(r"(Mock\(spec=CaseSession|patch\S*\(\S*CaseSession|setattr\(CaseSession)")
    assert [
        file.name for file in FILES if file.name != "test_suite.py" and replaced.search(file.read_text("utf-8"))
    ] == []


def test_no_two_files_of_tests_have_the_same_name():
    """Pytest imports them by their names alone."""
    names = Counter(file.name for file in FILES if file.name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []
