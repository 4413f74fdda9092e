"""The control routes, as another process uses them."""

import asyncio
import signal
import sys
from types import SimpleNamespace

import pytest
from raw_client import create, make_project, talk

from casemgmt_async.emulator import Emulator, serve
from casemgmt_async.emulator.http import control


async def ask(emulator, name, body=None):
    """Call a control route without any keys."""
    heard = await talk(emulator, "GET" if body is None else "POST", f"/_emulator/{name}", body, keys={})
    assert heard.headers["Content-Type"] == "application/json"
    return heard.status, heard.json


@pytest.fixture
async def emulator():
    async with Emulator(cases=4, seed=1, clock=1000) as emulator:
        yield emulator


async def test_state_and_scripts(emulator):
    assert await ask(emulator, "faults", {"script": "create_case#1: drop"}) == (
        200,
        {"faults": ["create_case#1: drop"]},
    )
    assert (await ask(emulator, "limits", {"script": ["c=5/10s:*"]}))[1] == {"limits": ["c=5/10s:*"]}
    assert (await ask(emulator, "actors", {"script": "search_cases: close"}))[1] == {
        "actors": ["search_cases: close=1"]
    }
    assert await ask(emulator, "clock", {"advance": 2.5}) == (200, {"clock": 1002.5})
    assert await ask(emulator, "state") == (
        200,
        {
            "cases": 4,
            "requests": 0,
            "clock": 1002.5,
            "seed": 1,
            "faults": ["create_case#1: drop"],
            "limits": ["c=5/10s:*"],
            "actors": ["search_cases: close=1"],
        },
    )
    project = await make_project(emulator)
    assert (await create(emulator, "one", project)).reset


async def test_log_and_ledger(emulator):
    project = await make_project(emulator)
    for _ in range(2):
        await create(emulator, "twice", project)
    status, told = await ask(emulator, "log?after=1")
    assert status == 200
    assert [(entry["seq"], entry["route"], entry["status"]) for entry in told["log"]] == [
        (2, "create_case", 201),
        (3, "create_case", 201),
    ]
    assert (await ask(emulator, "ledger"))[1]["doubled"] == {"twice": 2}


async def test_seed_snapshot_restore_and_reset(emulator):
    assert len((await ask(emulator, "seed", {"cases": 6, "status": "CLOSED"}))[1]["ids"]) == 6
    assert await ask(emulator, "snapshot", {}) == (200, {"snapshot": 0})
    await ask(emulator, "seed", {"cases": 5})
    assert len(emulator.store.cases) == 15
    assert await ask(emulator, "restore", {"snapshot": 0}) == (200, {})
    assert len(emulator.store.cases) == 10
    assert await ask(emulator, "reset", {}) == (200, {})
    assert len(emulator.store.cases) == 4


async def test_control_is_no_part_of_the_api(emulator):
    emulator.set_limits("all=0/1h:*")
    emulator.set_faults("*: reset")
    assert (await ask(emulator, "state"))[0] == 200
    assert (emulator.requests, list(emulator.log)) == (0, [])


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("nothing", None, 404, "POST /_emulator/seed"),
        ("seed", None, 404, "GET /_emulator/seed"),
        ("seed", {}, 400, "the body needs 'cases'"),
        ("clock", {}, 400, "the body needs 'advance'"),
        ("faults", {}, 400, "the body needs 'script'"),
        ("restore", {}, 400, "the body needs 'snapshot'"),
        ("seed", b"{", 400, "truncated"),
        ("seed", [1], 400, "object"),
        ("restore", {"snapshot": 7}, 400, "there is no snapshot 7; 0 were made"),
        ("restore", {"snapshot": -1}, 400, "there is no snapshot -1"),
        ("clock", {"advance": -1}, 400, "turn the clock back"),
        ("faults", {"script": "create_case: drp"}, 400, "did you mean 'drop'"),
        ("faults", {"script": [1]}, 400, "TypeError"),
    ],
)
async def test_what_cannot_be_done_is_said(emulator, name, body, status, said):
    got, told = await ask(emulator, name, body)
    assert got == status
    assert said in told["error"]


@pytest.mark.parametrize(("remote", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 404), (None, 404)])
async def test_only_this_machine_may(emulator, remote, status):
    async def read():
        return b""

    sent = []
    request = SimpleNamespace(method="GET", remote=remote, read=read)
    writer = SimpleNamespace(request=request, send=lambda got, *_: sent.append(got))
    await control.answer(emulator, writer, "/_emulator/state", "")
    assert sent == [status]


PROGRAM = """
import asyncio
from casemgmt_async.emulator import Emulator, serve
asyncio.run(serve(Emulator(cases=2, port=0), lambda emulator: print(emulator.exports, flush=True)))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_runs_until_it_is_told_to_stop(number):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-X", "dev", "-c", PROGRAM,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    url = (await process.stdout.readline()).decode().strip().removeprefix("export CASEMGMT_BASE_URL=")
    assert await process.stdout.readline() == b"export DD_API_KEY=emulator DD_APP_KEY=emulator\n"
    there = SimpleNamespace(listener=SimpleNamespace(port=int(url.rpartition(":")[2])))
    assert (await ask(there, "state"))[1]["cases"] == 2
    process.send_signal(number)
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")


async def test_serve_can_be_cancelled():
    running = asyncio.Event()
    task = asyncio.ensure_future(serve(Emulator(), lambda emulator: running.set()))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
