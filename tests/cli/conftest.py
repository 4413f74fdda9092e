"""The command as a user has it: an emulator to talk to, and what it printed."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from attrs import frozen
from click.testing import CliRunner

from casemgmt_async.cli.app import app
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
def casemgmt(emulator, bare, tmp_path, monkeypatch):
    """Run the command in an empty folder, against the emulator unless `env` says otherwise."""
    monkeypatch.chdir(tmp_path)
    unset = dict.fromkeys((*KEYS, "TERM", "LINES"))

    async def run(*arguments, env=None) -> Said:
        given = {**unset, **(emulator.env if env is None else env)}
        result = await asyncio.to_thread(
            CliRunner().invoke, app, [*map(str, arguments)], prog_name="casemgmt", env=given, catch_exceptions=False
        )
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def shell(emulator, bare, tmp_path):
    """Run a line of shell in which `casemgmt` is the command, as a process of its own."""

    async def run(line, **env) -> Said:
        command = f'casemgmt() {{ "{sys.executable}" -m casemgmt_async.cli "$@"; }}; {line}'
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            command,
            env={**bare, **emulator.env, **env},
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 50)
        assert b"Traceback" not in err, err
        return Said(process.returncode, out.decode(), err.decode())

    return run
