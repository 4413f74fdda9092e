"""`doctor --probe` and `--probe-writes`, and the file of facts that an emulator takes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.facts import Facts
from casemgmt_async.probe import MARK, probe_writing


async def test_a_probe_prints_a_line_an_assumption_and_writes_facts(casemgmt, emulator, tmp_path):
    emulator.switches = Switches(dead_facets={"env"})
    said = await casemgmt("doctor", "--probe", "--facts-out", "facts.json")
    assert said.status == 0
    assert "holds          cases that are equal in the sorted field keep their order" in said.out
    assert "not found: env" in said.out
    assert "questions left open" in said.err
    assert Facts.read(tmp_path / "facts.json").dead_facets == ("env",)
    assert {entry.method for entry in emulator.log if entry.route != "update_priority"} == {"GET"}


async def test_as_json_the_findings_are_data(casemgmt):
    said = await casemgmt("doctor", "--probe", "--json")
    found = {each["name"]: each["verdict"] for each in json.loads(said.out)["findings"]}
    assert found["stable_ties"] == "holds"
    assert found["index_lag"] == "could not tell"


async def test_writing_needs_a_confirmation_that_says_what_is_made(casemgmt, emulator):
    said = await casemgmt("doctor", "--probe-writes", "OPS")
    assert said.status == 2
    assert "pass --yes to create 6 cases in project OPS" in said.err
    assert not [entry for entry in emulator.log if entry.route == "create_case"]
    unknown = await casemgmt("doctor", "--probe-writes", "NOPE", "--yes")
    assert "no project has the key, name or id 'NOPE'" in unknown.err


async def test_writing_fills_what_reading_left_open(casemgmt, emulator, tmp_path):
    said = await casemgmt("doctor", "--probe-writes", "OPS", "--yes", "--json", "--facts-out", "f.json")
    found = {each["name"]: each["verdict"] for each in json.loads(said.out)["findings"]}
    assert (found["index_lag"], found["archived_hidden"], found["archived_afterwards"]) == ("holds",) * 3
    assert Facts.read(tmp_path / "f.json").index_lag == 0
    assert [case.archived_at is None for case in emulator.store.tables.cases if MARK in case.title] == [False] * 6


async def test_a_probe_that_was_killed_leaves_marked_cases_that_the_next_one_archives(bare):
    async with Emulator(cases=5, switches=Switches(index_lag=0.2)) as emulator:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "casemgmt_async.cli", "doctor", "--probe-writes", "OPS", "--yes",
            env={**bare, **emulator.env}, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        answer = emulator.answer

        def kill_at_the_fourth(request):
            reply = answer(request)
            if request.route.name == "create_case" and sum(MARK in c.title for c in emulator.store.tables.cases) == 4:
                process.send_signal(signal.SIGKILL)
            return reply

        emulator.answer = kill_at_the_fourth
        await process.wait()
        left = [case for case in emulator.store.tables.cases if MARK in case.title]
        assert len(left) in {4, 5}
        assert not any(case.archived_at for case in left)
        emulator.answer = answer
        emulator.clock.advance(1)
        from casemgmt_async import CaseSession

        async def sleep(seconds: float) -> None:
            emulator.clock.advance(seconds)

        project = emulator.store.project_named("OPS")["id"]
        async with CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session:
            await probe_writing(session, project, sleep=sleep, now=emulator.clock)
        assert all(case.archived_at for case in emulator.store.tables.cases if MARK in case.title)
