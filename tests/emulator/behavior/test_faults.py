"""Every fault, as it is seen on the wire by a raw socket."""

import asyncio
import json

import pytest
from raw_client import create, listen, make_project, request_bytes, talk, unchunked, unzipped

from casemgmt_async.emulator import Emulator, Fault


@pytest.fixture
async def emulator():
    async with Emulator(cases=30, seed=4, clock=1_700_000_000) as emulator:
        yield emulator


SEARCH = "/api/v2/cases?page[size]=30"


async def whole(emulator):
    """A whole page, as it is without a fault."""
    emulator.set_faults(None)
    return (await talk(emulator, path=SEARCH)).body


def titles(emulator):
    return [case.title for case in emulator.store.cases.found("")]


async def test_reset_strikes_before_the_body_is_read(emulator):
    project = await make_project(emulator)
    emulator.set_faults("create_case#1: reset")
    _, writer = connection = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    request = request_bytes("POST", "/api/v2/cases", b"x" * 1000)
    writer.write(request[:-900])  # most of the body never leaves
    heard = await listen(connection[0])
    writer.close()
    assert (heard.data, heard.reset) == (b"", True)
    assert emulator.log[-1].status is None
    assert emulator.log[-1].body is None
    assert (await create(emulator, "next", project)).status == 201


@pytest.mark.parametrize(("fault", "happened"), [("drop", 0), ("drop-after-effect", 1)])
async def test_drop_resets_before_or_after_the_effect(emulator, fault, happened):
    project = await make_project(emulator)
    emulator.set_faults(f"create_case#1: {fault}")
    heard = await create(emulator, "dropped", project)
    assert (heard.data, heard.reset) == (b"", True)
    assert titles(emulator).count("dropped") == happened
    assert emulator.ledger.times("dropped") == happened
    assert [fate.mark for fate in emulator.ledger.unacknowledged()] == ["dropped"] * happened


async def test_refuse_closes_the_listening_socket(emulator):
    bystander_reader, bystander = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    emulator.set_faults("search_cases#1: refuse=1h")
    assert (await talk(emulator)).reset
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    with pytest.raises(ConnectionResetError):
        await bystander_reader.read()
    bystander.close()


async def test_refuse_opens_again_after_its_time(emulator):
    port = emulator.listener.port
    emulator.set_faults("search_cases#1: refuse=2ms")
    assert (await talk(emulator)).reset
    heard = None
    while heard is None:
        try:
            heard = await talk(emulator)
        except ConnectionRefusedError:
            await asyncio.sleep(0.001)
    assert (heard.status, emulator.listener.port) == (200, port)


async def test_down_refuses_until_its_end(emulator):
    async with emulator.down():
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    assert (await talk(emulator)).status == 200


async def test_down_ends_a_refusal_that_is_going_on(emulator):
    emulator.set_faults("search_cases#1: refuse=1h")
    assert (await talk(emulator)).reset
    async with emulator.down():
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    assert (await talk(emulator)).status == 200


async def test_hang_up_resets_the_next_connections(emulator):
    emulator.set_faults("search_cases#1: hang-up=3")
    heard = []
    for _ in range(4):
        try:
            heard.append((await talk(emulator)).status)
        except ConnectionResetError:  # before the request could be written
            heard.append(None)
    assert heard == [None, None, None, 200]
    assert len(emulator.log) == 2


async def test_cut_ends_within_the_content_length(emulator):
    body = await whole(emulator)
    emulator.set_faults(["search_cases#1: cut", "search_cases#2: cut=7"])
    half, seven = await talk(emulator, path=SEARCH), await talk(emulator, path=SEARCH)
    assert int(half.headers["Content-Length"]) == int(seven.headers["Content-Length"]) == len(body)
    assert half.body == body[: len(body) // 2]
    assert seven.body == body[:7]
    assert not half.reset


async def test_cut_chunked_ends_without_the_last_chunk(emulator):
    body = await whole(emulator)
    emulator.set_faults("search_cases: cut-chunked")
    heard = await talk(emulator, path=SEARCH)
    assert heard.headers["Transfer-Encoding"] == "chunked"
    assert unchunked(heard.body) == (body[: len(body) // 2], False)


async def test_cut_gzip_looks_whole_from_outside(emulator):
    body = await whole(emulator)
    emulator.set_faults("search_cases: cut-gzip")
    heard = await talk(emulator, path=SEARCH)
    assert heard.headers["Content-Encoding"] == "gzip"
    assert int(heard.headers["Content-Length"]) == len(heard.body)
    part, ended = unzipped(heard.body)
    assert body.startswith(part)
    assert 0 < len(part) < len(body)
    assert not ended


async def test_early_eof_ends_a_200_of_untold_length(emulator):
    body = await whole(emulator)
    emulator.set_faults("search_cases: early-eof=40")
    heard = await talk(emulator, path=SEARCH)
    assert heard.status == 200
    assert "Content-Length" not in heard.headers
    assert "Transfer-Encoding" not in heard.headers
    assert heard.headers["Connection"] == "close"
    assert (heard.body, heard.reset) == (body[:40], False)


async def test_an_empty_answer_cannot_be_cut_but_in_its_head(emulator):
    case = emulator.store.cases.found("")[0].id
    emulator.set_faults("bulk_update_cases: cut")
    payload = {"data": {"type": "bulk", "attributes": {"case_ids": [case], "type": "archive", "payload": {}}}}
    heard = await talk(emulator, "POST", "/api/v2/cases/bulk", payload)
    assert (heard.status, heard.data) == (None, b"HTTP/1.1 200 O")


async def test_stall_goes_on_after_its_time(emulator):
    emulator.set_faults("search_cases: stall=5ms")
    assert (await talk(emulator)).status == 200
    assert emulator.log[-1].fault == "search_cases: stall=0.005s"


@pytest.mark.parametrize(("fault", "happened"), [("stall", 0), ("stall-after-effect", 1)])
async def test_a_client_that_goes_ends_its_stall(emulator, fault, happened):
    project = await make_project(emulator)
    emulator.set_faults(f"create_case: {fault}")
    client = asyncio.ensure_future(create(emulator, "stalled", project))
    while emulator.ledger.times("stalled") < happened or emulator.requests < 2:
        await asyncio.sleep(0)
    client.cancel()
    await asyncio.wait([client])
    while emulator.log[-1].finished is None:
        await asyncio.sleep(0)
    assert emulator.log[-1].status is None
    assert emulator.ledger.times("stalled") == happened


async def test_stall_in_the_middle_of_the_body(emulator):
    body = await whole(emulator)
    emulator.set_faults("search_cases#1: stall-in-body=5ms; search_cases#2: stall-in-body")
    assert (await talk(emulator, path=SEARCH)).body == body
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    writer.write(request_bytes("GET", SEARCH))
    top = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in top
    assert await reader.readexactly(len(body) // 2) == body[: len(body) // 2]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await reader.read(1)
    writer.close()


async def test_empty_200_after_or_before_the_effect(emulator):
    project = await make_project(emulator)
    emulator.set_faults("create_case#1: empty; create_case#2: empty-before-effect")
    for title in ("there", "lost"):
        heard = await create(emulator, title, project)
        assert (heard.status, heard.body, heard.headers["Content-Length"]) == (200, b"", "0")
    assert titles(emulator).count("there") == 1
    assert "lost" not in titles(emulator)
    assert [fate.mark for fate in emulator.ledger.lost()] == ["lost"]


@pytest.mark.parametrize("status", [200, 429, 502, 503])
async def test_html_page(emulator, status):
    emulator.set_faults(f"search_cases: html={status}")
    heard = await talk(emulator)
    assert heard.status == status
    assert heard.headers["Content-Type"].startswith("text/html")
    assert heard.body.startswith(b"<html>")


async def test_wrong_content_type_over_the_right_body(emulator):
    body = await whole(emulator)
    emulator.set_faults("search_cases#1: content-type; search_cases#2: content-type=image/png")
    plain, png = await talk(emulator, path=SEARCH), await talk(emulator, path=SEARCH)
    assert (plain.headers["Content-Type"], plain.body) == ("text/plain", body)
    assert (png.headers["Content-Type"], png.body) == ("image/png", body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_to_another_origin_that_would_tell(emulator, status):
    emulator.set_faults(f"search_cases#1: redirect={status}")
    host = f"127.0.0.1:{emulator.listener.port}"
    heard = await talk(emulator, path=SEARCH, headers={"Host": host})
    assert heard.status == status
    assert heard.headers["Location"] == f"http://localhost:{emulator.listener.port}{SEARCH}"


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503, 504, 512])
@pytest.mark.parametrize(("moment", "happened"), [("", 0), ("-after-effect", 1)])
async def test_statuses_before_and_after_the_effect(emulator, status, moment, happened):
    project = await make_project(emulator)
    emulator.set_faults(f"create_case: status{moment}={status}")
    heard = await create(emulator, "told", project)
    assert heard.status == status
    assert heard.json["errors"][0]["status"] == str(status)
    assert titles(emulator).count("told") == happened


async def test_giant_is_made_as_it_is_taken(emulator):
    emulator.set_faults("search_cases#1: giant=3MB; search_cases#2: giant")
    text, ended = unchunked((await talk(emulator)).body)
    assert ended
    assert json.loads(text) == "a" * (3_000_000 - 2)
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    writer.write(request_bytes("GET", "/api/v2/cases"))
    assert len((await listen(reader, until=200_000)).data) >= 200_000
    writer.close()


async def test_giant_gzip_is_a_bomb(emulator):
    emulator.set_faults("search_cases: giant-gzip=20MB")
    packed, ended = unchunked((await talk(emulator)).body)
    assert ended
    assert len(packed) < 200_000
    text, whole = unzipped(packed)
    assert whole
    assert json.loads(text) == "a" * (20_000_000 - 2)


async def test_the_first_fault_that_means_a_call_strikes_and_all_count_it(emulator):
    emulator.set_faults(["search_cases#1: status=500", "search_cases#1..2: status=503", Fault("*", "status", 504)])
    assert [(await talk(emulator)).status for _ in range(3)] == [500, 503, 504]


async def test_a_fault_by_chance_is_the_same_again(emulator):
    async def run():
        emulator.reset()
        emulator.set_faults("*@40%: status")
        return [(await talk(emulator)).status for _ in range(20)]

    first = await run()
    assert first == await run()
    assert set(first) == {200, 503}


async def test_no_fault_strikes_a_call_that_is_refused(emulator):
    emulator.set_faults("search_cases#1: status=503")
    assert (await talk(emulator, keys={})).status == 401
    assert (await talk(emulator)).status == 503


async def test_an_emulator_with_stalled_and_pouring_connections_closes_at_once():
    async with Emulator(
        cases=5, faults="search_cases#1: stall; search_cases#2: giant; search_cases: refuse=1h"
    ) as busy:
        pending = [asyncio.ensure_future(talk(busy)) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", busy.listener.port)
        while busy.requests < 2:
            await asyncio.sleep(0)
    assert await reader.read() == b""
    writer.close()
    assert (await pending[0]).data == b""
    assert not (await pending[1]).data.endswith(b"0\r\n\r\n")  # its last chunk never came
