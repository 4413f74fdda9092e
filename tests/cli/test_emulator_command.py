"""`casemgmt emulator` prints what points a shell at it, and ends on Ctrl-C without a fuss."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys

import aiohttp
import pytest


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
    _, err = await asyncio.wait_for(process.communicate(), 30)
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
    process = await start(bare, "--port", port, "--cases", "0")
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert err.decode().strip().count("\n") == 0
    assert port in err.decode()


async def stop(process):
    """End an emulator, and return what it wrote to standard error."""
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    return err.decode()


async def test_keys_switches_and_comments(bare):
    process = await start(bare, "--cases", "3", "--comments", "2", "--keys", "a:b", "--switch", "comment-count=false")
    base_url = (await process.stdout.readline()).decode().strip().partition("=")[2]
    assert await process.stdout.readline() == b"export DD_API_KEY=a DD_APP_KEY=b\n"
    async with aiohttp.ClientSession(base_url) as http:
        async with http.get("/api/v2/cases", headers={"DD-API-KEY": "x", "DD-APPLICATION-KEY": "y"}) as refused:
            assert refused.status == 403
        keys = {"DD-API-KEY": "a", "DD-APPLICATION-KEY": "b"}
        async with http.get("/api/v2/cases", headers=keys) as answer:
            page = await answer.json(content_type=None)
        case = page["data"][0]
        assert "comment_count" not in case["attributes"]
        async with http.get(f"/api/v2/cases/{case['id']}/timelines", headers=keys) as answer:
            assert len((await answer.json(content_type=None))["data"]) == 2
    await stop(process)


async def test_data_is_saved_and_loaded(bare, tmp_path):
    file = str(tmp_path / "state.bin")
    first = await start(bare, "--cases", "7", "--save", file)
    await first.stdout.readline()
    assert "wrote" in await stop(first)
    second = await start(bare, "--load", file)
    await second.stdout.readline()
    assert "7 cases" in await stop(second)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--switch", "colour=red"), "unknown switch 'colour=red'"),
        (("--switch", "shuffle_ties=maybe"), "must be true or false, not 'maybe'"),
        (("--switch", "index_lag=soon"), "must be a number, not 'soon'"),
        (("--switch", "error_shape=odd"), "error_shape"),
        (("--keys", "only-one"), "--keys must be API_KEY:APP_KEY"),
        (("--load", "{this}"), "was not written by `save`"),
        (("--facts", "{this}"), "must be JSON"),
        (("--fault", "create_case: drp"), "did you mean 'drop'?"),
    ],
)
async def test_a_wrong_option_is_one_line(casemgmt, arguments, said):
    answer = await casemgmt("emulator", "--port", "0", *(text.format(this=__file__) for text in arguments))
    assert answer.status == 2
    assert answer.err.count("\n") == 1
    assert said in answer.err


async def test_the_default_port_is_none_of_the_agents(casemgmt):
    told = (await casemgmt("emulator", "--help")).out
    assert "8129" in told
    assert not {"8125", "8126"} & set(re.findall(r"[0-9]{4}", told))
