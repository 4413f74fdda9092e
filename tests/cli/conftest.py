"""The command as a user has it: a process of its own, an emulator to talk to, and what it printed."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from attrs import frozen

from casemgmt_async.emulator import Emulator

KEYS = ("DD_API_KEY", "DD_APP_KEY", "DD_SITE", "CASEMGMT_BASE_URL", "PYTHONASYNCIODEBUG", "COLUMNS")


@frozen
class Said:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str


@pytest.fixture
async def emulator():
    async with Emulator(cases=60, seed=5) as running:
        yield running


@pytest.fixture
def bare():
    """An environment without anything of ours in it."""
    return {name: value for name, value in os.environ.items() if name not in KEYS}


@pytest.fixture
def casemgmt(emulator, bare, tmp_path):
    """Run the command in an empty folder, against the emulator unless `env` says otherwise."""

    async def run(*arguments, env=None, stdin=None) -> Said:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "casemgmt_async.cli",
            *map(str, arguments),
            env={**bare, **(emulator.env if env is None else env)},
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin), 50)
        said = Said(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in said.err, said.err
        return said

    return run
