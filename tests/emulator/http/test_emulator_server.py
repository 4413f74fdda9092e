"""The server: which operation a request means, who may call, and how answers travel."""

import asyncio
import gc
import json
import re
import socket

import aiohttp
import pytest
from raw_client import KEYS, create, listen, make_project, request_bytes, talk, unzipped

from casemgmt_async.emulator import Emulator, Key, Switches, server
from casemgmt_async.emulator.http.router import match
from casemgmt_async.routes import ROUTES

NO_CASE = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_is_found_and_its_parameters_decoded(route):
    path = re.sub(r"\{(\w+)\}", r"a%2Fb%20\1", route.path)
    assert match(route.method, path) == (route, {name: f"a/b {name}" for name in route.parameters})


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/v2/cases/count", "count_cases"),
        ("GET", "/api/v2/cases/link", "list_case_links"),
        ("GET", "/api/v2/cases/aggregate", "get_case"),
        ("GET", "/api/v2/cases/projects/favorites", "list_user_case_project_favorites"),
        ("POST", "/api/v2/cases/link/title", "update_case_title"),
    ],
)
def test_a_named_segment_wins_over_a_parameter(method, path, name):
    assert match(method, path)[0].name == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/case"),
        ("GET", "/api/v2/cases/"),
        ("GET", "/api/v2/cases//timelines"),
        ("GET", "/api/v2/cases/a/b/c"),
        ("PATCH", "/api/v2/cases"),
        ("OPTIONS", "/api/v2/cases"),
        ("GET", "/"),
    ],
)
async def test_what_the_api_has_not_is_told_loudly_and_recorded(method, path):
    async with Emulator() as emulator:
        heard = await talk(emulator, method, f"{path}?x=1", {"some": "body"})
    assert heard.status == 404
    assert f"{method} {path}" in heard.json["errors"][0]["detail"]
    entry = emulator.log[-1]
    assert (entry.route, entry.method, entry.path, entry.query, entry.status) == (None, method, path, {"x": "1"}, 404)
    assert entry.body == {"some": "body"}


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        (KEYS, 200),
        ({"Authorization": "Bearer abc"}, 200),
        ({}, 401),
        ({"DD-API-KEY": "x"}, 401),
        ({"DD-APPLICATION-KEY": "x"}, 401),
        ({"DD-API-KEY": "", "DD-APPLICATION-KEY": ""}, 401),
        ({"Authorization": "Basic abc"}, 401),
        ({"Authorization": "Bearer "}, 401),
    ],
)
async def test_keys_or_a_token_are_needed(keys, status):
    async with Emulator() as emulator:
        assert (await talk(emulator, keys=keys)).status == status


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"DD-API-KEY": "a", "DD-APPLICATION-KEY": "b"}, 200),
        ({"Authorization": "bearer t"}, 200),
        ({"DD-API-KEY": "a", "DD-APPLICATION-KEY": "x"}, 403),
        ({"Authorization": "Bearer x"}, 403),
        ({}, 401),
    ],
)
async def test_an_emulator_can_be_particular_about_keys(keys, status):
    async with Emulator(keys=[Key("a", "b"), Key(access_token="t")]) as emulator:
        assert (await talk(emulator, keys=keys)).status == status
        assert emulator.env["DD_API_KEY"] == "a"


async def test_refusals_have_the_documented_shape_where_that_is_switched_on():
    async with Emulator(switches=Switches(error_shape="documented")) as emulator:
        assert all(isinstance(error, str) for error in (await talk(emulator, keys={})).json["errors"])


async def test_media_types_and_an_empty_answer():
    async with Emulator() as emulator:
        project = await make_project(emulator)
        assert (await talk(emulator)).headers["Content-Type"] == "application/vnd.api+json"
        gone = await talk(emulator, "DELETE", f"/api/v2/cases/projects/{project}")
    assert (gone.status, gone.body) == (204, b"")
    assert "Content-Length" not in gone.headers
    assert "Content-Type" not in gone.headers


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"nul"])
async def test_a_body_that_is_no_json(body):
    async with Emulator() as emulator:
        assert (await talk(emulator, "POST", "/api/v2/cases", body)).status == 400
        assert emulator.log[-1].body == "BAD_JSON"


async def test_gzip_where_it_is_asked_for_and_worth_it():
    async with Emulator(cases=30) as emulator:
        plain = await talk(emulator)
        packed = await talk(emulator, headers={"Accept-Encoding": "deflate, gzip"})
        small = await talk(emulator, path=f"/api/v2/cases/{NO_CASE}", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert unzipped(packed.body) == (plain.body, True)
    assert len(packed.body) < len(plain.body) / 2
    assert "Content-Encoding" not in small.headers


async def test_one_connection_serves_many_requests_also_pipelined():
    async with Emulator() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
        writer.write(
            request_bytes("GET", "/api/v2/cases/count", close=False) * 5 + request_bytes("GET", "/api/v2/cases")
        )
        heard = await listen(reader)
        writer.close()
    assert heard.data.count(b"HTTP/1.1 200 OK") == 6
    assert not heard.reset


async def test_an_ordinary_aiohttp_client_is_served():
    async with Emulator(cases=30) as emulator, aiohttp.ClientSession(emulator.base_url, headers=KEYS) as client:
        for _ in range(3):
            async with client.get("/api/v2/cases", params={"page[size]": "20", "filter": ""}) as answer:
                assert answer.headers["Content-Encoding"] == "gzip"
                assert len((await answer.json(content_type="application/vnd.api+json"))["data"]) == 20
    assert emulator.log[0].query == {"page[size]": "20", "filter": ""}
    assert emulator.log[0].headers["accept-encoding"].startswith("gzip")


async def test_effects_come_in_the_order_of_arrival_before_the_latency():
    async with Emulator(latency=0.001) as emulator:
        project = await make_project(emulator)
        emulator.latency = 3600
        crowd = [asyncio.ensure_future(create(emulator, f"case {number}", project)) for number in range(10)]
        while len(emulator.store.cases) < 10:
            await asyncio.sleep(0)
        made = [entry for entry in emulator.log if entry.route == "create_case"]
        assert [entry.status for entry in made] == [None] * 10
        assert [entry.in_flight for entry in made] == list(range(1, 11))
        assert [effect.seq for effect in emulator.store.effects] == [entry.seq for entry in emulator.log]
    assert [heard.data for heard in await asyncio.gather(*crowd)] == [b""] * 10


async def test_a_crowd_of_connections():
    async with Emulator() as emulator:
        project = await make_project(emulator)
        heard = await asyncio.gather(*(create(emulator, f"case {number}", project) for number in range(200)))
        assert {each.status for each in heard} == {201}
        assert emulator.ledger.doubled() == {}
        assert len(emulator.ledger.created("create_case")) == 200
    assert len({each.json["data"]["attributes"]["key"] for each in heard}) == 200


async def test_nothing_is_left_behind():
    before = asyncio.all_tasks()
    emulator = Emulator(faults="search_cases#2: stall")
    for _ in range(3):
        async with emulator:
            port = emulator.listener.port
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            idle = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_bytes("GET", "/api/v2/cases", close=False) * 2)
            await reader.readuntil(b"\r\n\r\n")
        for each in (writer, idle[1]):
            each.close()
        assert asyncio.all_tasks() == before
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        emulator.reset()
    gc.collect()  # a socket left open would warn, and warnings are errors
    assert emulator.store.effects == []


async def test_a_port_that_is_taken_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with Emulator(port=taken.getsockname()[1]):
            pass


async def test_it_is_on_loopback_and_says_where():
    async with Emulator() as emulator:
        assert emulator.base_url == f"http://127.0.0.1:{emulator.listener.port}"
        assert emulator.env == {
            "CASEMGMT_BASE_URL": emulator.base_url,
            "DD_API_KEY": "emulator",
            "DD_APP_KEY": "emulator",
        }
        assert emulator.exports.splitlines() == [
            f"export CASEMGMT_BASE_URL={emulator.base_url}",
            "export DD_API_KEY=emulator DD_APP_KEY=emulator",
        ]
    with pytest.raises(RuntimeError, match="async with"):
        _ = emulator.base_url


async def test_two_worlds_with_one_seed_answer_the_same_bytes():
    async def run():
        async with Emulator(cases=20, seed=9, clock=1_700_000_000) as emulator:
            project = await make_project(emulator)
            return [(await create(emulator, "one", project)).data, (await talk(emulator)).data]

    assert await run() == await run()


async def test_an_unreadable_body_is_bounded():
    async with Emulator() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
        writer.write(request_bytes("POST", "/api/v2/cases", headers={"Content-Encoding": "gzip"}, body=b"no gzip"))
        heard = await listen(reader)
        writer.close()
    assert heard.status == 400
    assert json.loads(heard.body)["errors"]


async def test_a_body_over_the_cap_is_refused_and_recorded(monkeypatch):
    monkeypatch.setattr(server, "MAX_BODY_SIZE", 1000)
    async with Emulator() as emulator:
        assert b" 413 " in (await talk(emulator, "POST", "/api/v2/cases", b" " * 1001)).data
    assert emulator.log[-1].status == 413


async def test_a_body_that_waits_for_the_word_is_given_it():
    async with Emulator() as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
        request = request_bytes("POST", "/api/v2/cases", {"data": {}}, headers={"Expect": "100-continue"})
        top, _, body = request.partition(b"\r\n\r\n")
        writer.write(top + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await listen(reader)).status == 400
        writer.close()
    assert emulator.log[-1].body == {"data": {}}


async def test_head_has_no_body():
    async with Emulator() as emulator:
        heard = await talk(emulator, "HEAD", "/api/v2/cases")
    assert (heard.status, heard.body) == (404, b"")


async def test_an_error_of_the_emulator_itself_is_a_500_in_the_log(monkeypatch, caplog):
    async with Emulator() as emulator:
        monkeypatch.setattr(emulator, "answer", lambda request: 1 / 0)
        assert (await talk(emulator)).data.startswith(b"HTTP/1.1 500")
    assert emulator.log[-1].status == 500
    assert "ZeroDivisionError" in caplog.text
