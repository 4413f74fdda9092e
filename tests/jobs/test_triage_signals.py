"""SIGTERM and Ctrl-C end the installed command safely: nothing changed before the first change, nothing lost after."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from scenes import comments, routes

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import RunState, State, list_runs, load_rules, read_report, run_triage

RULES = """
[[rules]]
name = "greet"
once = true
match = "all"
actions = { comment = "hello" }
"""
GRACE = 0.5
SIGNALS = pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Start]:
    """Start `casemgmt triage run` as a process of its own, in the folder of the test."""
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    command = Path(sys.executable).with_name("casemgmt")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "CASEMGMT_"))}
    begun: list[Process] = []

    async def run(*options: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(command, "triage", "run", "rules.toml", "--yes", "--state", "state.db", *options),
            env={**environment, **emulator.env},
            cwd=tmp_path,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_sent(emulator: Emulator, process: Process, route: str, count: int) -> None:
    """Wait until the command has sent so many requests of a kind."""
    while routes(emulator)[route] < count:
        assert process.returncode is None, "it ended before"
        await asyncio.sleep(0.01)


async def ended(process: Process) -> tuple[int | None, str]:
    """Wait until a command has ended; gives its exit status and what it said."""
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert b"Traceback" not in said
    return process.returncode, said.decode()


@SIGNALS
async def test_a_stop_before_the_first_change_changes_nothing(
    emulator: Emulator, start: Start, tmp_path: Path, sent: signal.Signals
) -> None:
    """Also when the answer that it waits for never comes; no run is left behind."""
    emulator.set_faults("search_cases#1..: stall")
    process = await start("--grace", str(GRACE))
    await until_sent(emulator, process, "search_cases", 1)
    process.send_signal(sent)
    status, said = await ended(process)

    assert status == 1
    assert "nothing was changed" in said
    assert all(entry.method == "GET" for entry in emulator.log)
    assert await list_runs(tmp_path / "state.db") == []


@SIGNALS
async def test_a_stop_amid_the_changes_ends_within_the_grace_and_keeps_the_state(
    emulator: Emulator, session: CaseSession, start: Start, tmp_path: Path, sent: signal.Signals
) -> None:
    """Requests that never get an answer are cut off; the next run looks for what they did and does the rest."""
    emulator.set_faults("comment_case#5..: stall")
    process = await start("--grace", str(GRACE), "--concurrency", "2")
    await until_sent(emulator, process, "comment_case", 6)
    began = time.monotonic()
    process.send_signal(sent)
    status, said = await ended(process)
    took = time.monotonic() - began

    assert status == 1
    assert took >= GRACE * 0.9, "what is in flight may end within the grace"
    assert "to continue: casemgmt triage run rules.toml --state state.db" in said
    report = await read_report(tmp_path / "state.db")
    assert report.states == {State.DONE: 4, State.SENDING: 2, State.PLANNED: 34}
    assert [run.state for run in await list_runs(tmp_path / "state.db")] == [RunState.APPLYING]

    emulator.set_faults(None)
    rules = load_rules(tmp_path / "rules.toml")
    assert (await run_triage(session, rules, state=tmp_path / "state.db", settle=0)).states == {State.DONE: 40}
    assert comments(emulator, "hello") == 40


@SIGNALS
async def test_requests_that_are_answered_within_the_grace_count(
    emulator: Emulator, start: Start, tmp_path: Path, sent: signal.Signals
) -> None:
    """Nothing stays in doubt, and nothing more is begun."""
    emulator.set_faults("comment_case#5..6: stall=0.3s")
    process = await start("--grace", "20", "--concurrency", "2")
    await until_sent(emulator, process, "comment_case", 6)
    process.send_signal(sent)
    status, said = await ended(process)

    assert status == 1
    assert "finishing the requests in flight" in said
    assert (await read_report(tmp_path / "state.db")).states == {State.DONE: 6, State.PLANNED: 34}
    assert comments(emulator, "hello") == routes(emulator)["comment_case"] == 6
