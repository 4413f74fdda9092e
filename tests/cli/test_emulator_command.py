"""`casemgmt emulator` prints what points a shell at it, and ends on Ctrl-C without a fuss."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys

import aiohttp


async def start(bare, *arguments):
    # the last --port given counts
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "casemgmt_async.cli",
        "emulator",
        "--port",
        "0",
        *arguments,
        env=bare,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_prints_two_export_lines_and_answers(bare):
    process = await start(bare, "--cases", "12", "--limit", "cases=50/10s:*")
    first, second = [(await process.stdout.readline()).decode() for _ in range(2)]
    base_url = re.fullmatch(r"export CASEMGMT_BASE_URL=(\S+)\n", first)[1]
    assert re.fullmatch(r"export DD_API_KEY=\S+ DD_APP_KEY=\S+\n", second)
    keys = {"DD-API-KEY": "any", "DD-APPLICATION-KEY": "any"}
    async with aiohttp.ClientSession(headers=keys) as http, http.get(f"{base_url}/api/v2/cases") as answer:
        page = await answer.json(content_type=None)
    assert page["meta"]["total_cases"] == 12
    assert answer.headers["X-RateLimit-Limit"] == "50"
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert b"Traceback" not in err


async def test_as_json_it_prints_the_environment(bare):
    process = await start(bare, "--json", "--cases", "0")
    assert set(json.loads(await process.stdout.readline())) == {"CASEMGMT_BASE_URL", "DD_API_KEY", "DD_APP_KEY"}
    process.terminate()
    await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0


async def test_a_taken_port_is_one_line(bare, emulator):
    port = emulator.base_url.rpartition(":")[2]
    process = await start(bare, "--port", port)
    _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 1
    assert err.decode().strip().count("\n") == 0
    assert port in err.decode()
