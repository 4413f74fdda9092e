"""The aiohttp.web example under aiohttp's own runner, driven over HTTP, with the emulator behind it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from serving import FAULTS, UNKNOWN_ID, hang_up_on, load_example, one_try, run_and_interrupt, under_aiohttp, until
from yarl import URL

from casemgmt_async import CaseSession, Priority
from casemgmt_async.integrations.aiohttp_web import answer_errors, get_session, json_response, session_context

desk = load_example("aiohttp_app")


def make_app(open_session=one_try) -> web.Application:
    """The example's handlers with a session of the test's choice."""
    app = web.Application(middlewares=[answer_errors])
    app.cleanup_ctx.append(session_context(open_session))
    app.add_routes(desk.routes)
    return app


async def test_search_details_and_triage(emulator):
    async with under_aiohttp(desk.make_app()) as client:
        async with client.get("/cases", params={"page": 2}) as answer:
            page = await answer.json()
        assert answer.content_type == "application/json"
        assert (page["number"], page["total_items"], len(page["items"])) == (2, 250, 100)
        case_id = page["items"][0]["id"]
        form = {"priority": "P1", "comment": "Paged on-call."}
        async with client.post(f"/cases/{case_id}/triage", data=form) as answer:
            assert (await answer.json())["priority"] == "P1"
        async with client.get(f"/cases/{case_id}") as answer:
            case = await answer.json()
        assert (case["id"], case["priority"]) == (case_id, "P1")
    routes = ["search_cases", "update_priority", "comment_case", "get_case", "get_case"]
    assert [entry.route for entry in emulator.log] == routes


async def test_bad_input_is_refused_before_anything_is_asked(emulator):
    async with under_aiohttp(desk.make_app()) as client:
        bad = [
            (client.get("/cases", params={"page": "two"}), "page: must be a whole number"),
            (client.get("/cases", params={"page": "0"}), "page_number: "),
            (client.post("/cases/x/triage", data={"priority": "P77"}), "priority: must be one of NOT_DEFINED"),
            (client.post("/cases/x/triage"), "priority, comment: give at least one"),
            (client.get(URL("/cases/a%00b", encoded=True)), "case_id: "),
        ]
        for request, said in bad:
            async with request as answer:
                assert (answer.status, said in (await answer.json())["detail"]) == (400, True)
    assert len(emulator.log) == 0


@pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_upstream_is_mapped_and_nothing_of_it_leaks(emulator, fault, status, caplog):
    emulator.set_faults(fault)
    async with under_aiohttp(make_app()) as client, client.get(f"/cases/{UNKNOWN_ID}") as answer:
        body = await answer.json()
    assert answer.status == status
    assert set(body) == {"detail"}
    assert "get_case" not in body["detail"]
    assert "casemgmt_async.integrations" in {record.name for record in caplog.records}


async def test_a_rate_limit_upstream_says_when_to_come_back(emulator):
    emulator.set_limits("cases=0/1000s:get_case")
    async with under_aiohttp(make_app()) as client, client.get(f"/cases/{UNKNOWN_ID}") as answer:
        assert answer.status == 503
        assert 0 < int(answer.headers["Retry-After"]) <= 1001


async def test_what_is_not_there_is_404_from_either_side(emulator):
    async with under_aiohttp(make_app()) as client:
        async with client.get(f"/cases/{UNKNOWN_ID}") as answer:
            assert (answer.status, await answer.json()) == (404, {"detail": "Not found: case not found"})
        async with client.get("/nowhere") as answer:
            assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_200_requests_at_once_share_one_session(emulator):
    emulator.latency = 0.001
    ids = emulator.seed_cases(200)
    async with under_aiohttp(make_app(lambda: CaseSession(max_concurrency=8))) as client:

        async def show(case_id: str) -> str:
            async with client.get(f"/cases/{case_id}") as answer:
                return (await answer.json())["id"]

        shown = await asyncio.gather(*map(show, ids))
    assert shown == ids
    assert len(emulator.log) == 200
    assert 2 <= max(entry.in_flight for entry in emulator.log) <= 8, "the limit of one session"


async def test_a_client_that_hangs_up_cancels_the_upstream_call(emulator):
    emulator.set_faults("get_case#1: stall")
    (case_id,) = emulator.seed_cases(1)
    async with under_aiohttp(desk.make_app()) as client:
        await hang_up_on(client.get(f"/cases/{case_id}"), lambda: emulator.log)
        await until(lambda: emulator.log[0].finished is not None)
        async with client.get(f"/cases/{case_id}") as answer:
            assert answer.status == 200, "the session goes on"
    assert emulator.log[0].status is None, "the emulator saw the connection go"


async def test_a_sub_application_finds_the_session_and_it_is_closed_in_the_end(emulator):
    opened: list[CaseSession] = []

    def open_session() -> CaseSession:
        opened.append(one_try())
        return opened[-1]

    async def inner(request: web.Request) -> web.Response:
        assert get_session(request) is opened[0]
        return json_response({"priorities": [Priority.P1, Priority("P77")]}, status=202)

    app, sub = make_app(open_session), web.Application()
    sub.router.add_get("/inner", inner)
    app.add_subapp("/sub", sub)
    async with under_aiohttp(app) as client, client.get("/sub/inner") as answer:
        assert (answer.status, await answer.json()) == (202, {"priorities": ["P1", "P77"]})
        assert not opened[0].closed
    assert [session.closed for session in opened] == [True]


async def test_a_comment_alone_leaves_the_priority(emulator):
    (case_id,) = emulator.seed_cases(1)
    async with under_aiohttp(desk.make_app()) as client:
        async with client.post(f"/cases/{case_id}/triage", data={"priority": "P2"}) as answer:
            assert answer.status == 200
        async with client.post(f"/cases/{case_id}/triage", data={"comment": "Seen."}) as answer:
            assert (await answer.json())["priority"] == "P2"


async def test_an_app_without_a_session_says_so_at_the_first_request(emulator, caplog):
    app = web.Application(middlewares=[answer_errors])
    app.add_routes(desk.routes)
    async with under_aiohttp(app) as client, client.get("/cases") as answer:
        assert answer.status == 500
        assert "app.cleanup_ctx.append(session_context())" in (await answer.json())["detail"]
    assert "session_context()" in caplog.text


async def test_the_command_of_the_page_starts_and_stops_it_without_a_warning(emulator):
    said = await run_and_interrupt("examples/aiohttp_app.py", ready="Running on", PORT="0")
    assert "CTRL+C" in said
