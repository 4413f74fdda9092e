"""The FastAPI example under a real uvicorn, driven over HTTP, with the emulator behind it."""

from __future__ import annotations

import asyncio
import io
import json
import os
from contextlib import asynccontextmanager

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.middleware import Middleware
from fastapi.responses import StreamingResponse
from serving import FAULTS, UNKNOWN_ID, hang_up_on, load_example, one_try, run_and_interrupt, under_uvicorn, until
from yarl import URL

from casemgmt_async import CaseSession, cases
from casemgmt_async.integrations.fastapi import (
    EXCEPTION_HANDLERS,
    SESSION,
    CancelOnDisconnect,
    Session,
    get_session,
    lifespan,
)

desk = load_example("fastapi_app")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the example keeps its exports."""
    monkeypatch.setenv("CASE_DESK_FOLDER", str(tmp_path / "desk"))
    return tmp_path / "desk"


def make_app(open_session=one_try, **options) -> FastAPI:
    """The example's handlers with a session of the test's choice."""
    app = FastAPI(
        lifespan=lifespan(open_session),
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[Middleware(CancelOnDisconnect)],
        **options,
    )
    app.include_router(desk.router)
    return app


async def test_an_alert_that_is_sent_again_makes_one_case(emulator):
    given = {
        "id": "disk-7",
        "title": "Disk full",
        "text": "95 %",
        "priority": "P1",
        "assignee": "ada.marsh@example.com",
    }
    async with under_uvicorn(desk.app) as client:

        async def send(**changes) -> tuple[int, dict]:
            async with client.post("/alerts", json=given | changes) as answer:
                return answer.status, await answer.json()

        answers = await asyncio.gather(*(send() for _ in range(10)))
        assert sorted(status for status, _ in answers) == [200] * 9 + [201]
        assert len({case["id"] for _, case in answers}) == 1
        assert answers[0][1]["priority"] == "P1"
        assert answers[0][1]["assignee"]["email"] == "ada.marsh@example.com"
        assert answers[0][1]["description"].startswith("95 %")
        status, problem = await send(id="disk-8", assignee="nobody@example.com")
        assert status == 422
        assert "no user has the e-mail address, handle or id 'nobody@example.com'" in str(problem)
        assert (await send(id=" "))[0] == 422
    assert emulator.ledger.created() == {"Disk full": 1}


async def test_search_details_and_triage(emulator):
    async with under_uvicorn(desk.app) as client:
        async with client.get("/cases", params={"page": 2}) as answer:
            page = await answer.json()
        assert answer.status == 200
        assert page["number"] == 2
        assert page["total_items"] == 250
        assert len(page["items"]) == 20
        case_id = page["items"][0]["id"]
        decision = {"priority": "P1", "assignee_id": UNKNOWN_ID, "comment": "Paged on-call."}
        async with client.post(f"/cases/{case_id}/triage", json=decision) as answer:
            assert answer.status == 200, await answer.text()
            triaged = await answer.json()
        async with client.get(f"/cases/{case_id}") as answer:
            assert await answer.json() == triaged
        assert triaged["id"] == case_id
        assert triaged["priority"] == "P1"
        assert triaged["assignee"]["id"] == UNKNOWN_ID
    assert [entry.route for entry in emulator.log] == [
        "search_cases",
        "update_priority",
        "assign_case",
        "comment_case",
        "get_case",
        "get_case",
    ]


async def test_the_schema_tells_of_models_and_errors(emulator):
    async with under_uvicorn(desk.app) as client, client.get("/openapi.json") as answer:
        schema = await answer.json()
    components = schema["components"]["schemas"]
    show = schema["paths"]["/cases/{case_id}"]["get"]["responses"]
    search = schema["paths"]["/cases"]["get"]["responses"]
    assert show["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Case"}
    assert search["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Page_Case_"}
    assert components["Page_Case_"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Case"}
    assert components["Case"]["properties"]["created_at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert components["Case"]["properties"]["title"]["description"] == "Title."
    assert components["Priority"]["type"] == "string"
    assert set(components["Export"]["properties"]) == {"id", "state", "phase", "done", "total"}
    assert {"200", "400", "404", "409", "422", "500", "502", "503", "504"} == set(show)


async def test_bad_input_is_refused_before_anything_is_asked(emulator):
    async with under_uvicorn(desk.app) as client:
        bad = [
            (client.post("/cases/x/triage", json={"priority": "P77"}), 422, "must be one of NOT_DEFINED"),
            (client.post("/cases/x/triage", json={}), 422, "at least one of priority, assignee_id and comment"),
            (client.post("/cases/x/triage"), 422, "body"),
            (client.get("/cases", params={"page": 0}), 422, "page"),
            (client.get("/cases", params={"size": 1000}), 400, "page_size: "),
            (client.get(URL("/cases/%2E%2E", encoded=True)), 400, "case_id: "),
        ]
        for request, status, said in bad:
            async with request as answer:
                assert (answer.status, said in await answer.text()) == (status, True)
    assert len(emulator.log) == 0


@pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_upstream_is_mapped_and_nothing_of_it_leaks(emulator, fault, status, caplog):
    emulator.set_faults(fault)
    async with under_uvicorn(make_app()) as client, client.get(f"/cases/{UNKNOWN_ID}") as answer:
        body = await answer.json()
    assert answer.status == status
    assert set(body) == {"detail"}
    assert "get_case" not in body["detail"]
    assert "casemgmt_async.integrations" in {record.name for record in caplog.records}


async def test_a_rate_limit_upstream_says_when_to_come_back(emulator):
    emulator.set_limits("cases=0/1000s:get_case")
    async with under_uvicorn(make_app()) as client, client.get(f"/cases/{UNKNOWN_ID}") as answer:
        assert answer.status == 503
        assert 0 < int(answer.headers["Retry-After"]) <= 1001


async def test_what_is_not_there_is_404(emulator):
    async with under_uvicorn(make_app()) as client, client.get(f"/cases/{UNKNOWN_ID}") as answer:
        assert answer.status == 404
        assert await answer.json() == {"detail": "Not found: case not found"}


async def test_a_lost_comment_warns_of_a_second_one(emulator):
    emulator.set_faults("comment_case: drop-after-effect")
    (case_id,) = emulator.seed_cases(1)
    async with (
        under_uvicorn(make_app()) as client,
        client.post(f"/cases/{case_id}/triage", json={"comment": "Once."}) as answer,
    ):
        assert answer.status == 502
        assert "check before you try again" in (await answer.json())["detail"]
    assert [entry.route for entry in emulator.log] == ["comment_case"]


async def test_an_unreachable_service_is_502(emulator):
    async with (
        under_uvicorn(make_app(lambda: CaseSession(base_url="http://127.0.0.1:1", retry=None))) as client,
        client.get("/cases") as answer,
    ):
        assert answer.status == 502


async def test_200_requests_at_once_share_one_session(emulator):
    emulator.latency = 0.001
    ids = emulator.seed_cases(200)
    async with under_uvicorn(make_app(lambda: CaseSession(max_concurrency=8))) as client:

        async def show(case_id: str) -> str:
            async with client.get(f"/cases/{case_id}") as answer:
                return (await answer.json())["id"]

        shown = await asyncio.gather(*map(show, ids))
    assert shown == ids
    assert len(emulator.log) == 200
    assert 2 <= max(entry.in_flight for entry in emulator.log) <= 8, "the limit of one session"


@pytest.mark.parametrize(("method", "stalled"), [("get", "get_case"), ("post", "update_priority")])
async def test_a_client_that_hangs_up_cancels_the_upstream_call(emulator, method, stalled):
    emulator.set_faults(f"{stalled}#1: stall")
    (case_id,) = emulator.seed_cases(1)
    async with under_uvicorn(desk.app) as client:
        if method == "get":
            request = client.get(f"/cases/{case_id}")
        else:
            request = client.post(f"/cases/{case_id}/triage", json={"priority": "P1", "comment": "never written"})
        await hang_up_on(request, lambda: emulator.log)
        await until(lambda: emulator.log[0].finished is not None)
        assert emulator.log[0].status is None, "the emulator saw the connection go"
        async with client.get(f"/cases/{case_id}") as answer:
            assert answer.status == 200, "the session goes on"
    assert [entry.route for entry in emulator.log[1:]] == ["get_case"], "nothing else of the handler ran"


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
async def test_hang_ups_are_noticed_with_other_middleware_around_or_inside(emulator, inside):
    emulator.set_faults("search_cases#1: stall")
    app = make_app()

    async def passing(request: Request, call_next):
        return await call_next(request)

    if inside:
        app.user_middleware.append(Middleware(_base_middleware(), dispatch=passing))
    else:
        app.middleware("http")(passing)
    async with under_uvicorn(app) as client:
        await hang_up_on(client.get("/cases"), lambda: emulator.log)
        await until(lambda: emulator.log[0].finished is not None)
        async with client.get("/cases") as answer:
            assert answer.status == 200
    assert emulator.log[0].status is None


def _base_middleware():
    from starlette.middleware.base import BaseHTTPMiddleware

    return BaseHTTPMiddleware


async def test_background_tasks_and_whole_answers_are_not_cancelled(emulator):
    app = make_app()
    done: list[str] = []
    gate = asyncio.Event()

    @app.post("/behind")
    async def behind(session: Session, tasks: BackgroundTasks) -> str:
        async def work() -> None:
            await gate.wait()
            done.append((await cases.search_cases(session)).items[0].id)

        tasks.add_task(work)
        return "accepted"

    async with under_uvicorn(app) as client:
        async with client.post("/behind") as answer:
            assert await answer.json() == "accepted"
        await client.close()
        await asyncio.sleep(0.02)  # long enough for uvicorn to see the connection go
        gate.set()
        await until(lambda: done)
    assert len(emulator.log) == 1


async def test_a_stream_ends_when_its_reader_goes(emulator):
    app = make_app()
    ended = asyncio.Event()

    @app.get("/lines")
    async def lines(session: Session) -> StreamingResponse:
        async def walk():
            try:
                while True:
                    async for case in cases.iter_cases(session, limit=100):
                        yield json.dumps(case.id).encode() + b"\n"
            finally:
                ended.set()

        return StreamingResponse(walk())

    async with under_uvicorn(app) as client:
        async with client.get("/lines") as answer:
            assert await answer.content.readline()
        await client.close()
        await ended.wait()


async def test_an_uploaded_body_arrives_whole(emulator):
    app = make_app()

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    async with under_uvicorn(app) as client, client.post("/echo", data=io.BytesIO(b"x" * 3_000_000)) as answer:
        assert await answer.json() == 3_000_000


async def test_an_export_runs_behind_the_requests(emulator):
    async with under_uvicorn(desk.app) as client:
        async with client.post("/exports") as answer:
            assert answer.status == 202
            export = await answer.json()
        path = f"/exports/{export['id']}"
        while export["state"] == "running":
            async with client.get(path) as answer:
                export = await answer.json()
        assert export == {"id": export["id"], "state": "done", "phase": "writing", "done": 250, "total": 250}
        async with client.get(f"{path}/file") as answer:
            lines = (await answer.text()).splitlines()
        for other in ("other", "..", "%2E%2E%2Fetc"):
            async with client.get(URL(f"/exports/{other}", encoded=True)) as answer:
                assert answer.status in {404, 405}
    assert len({json.loads(line)["id"] for line in lines}) == 250


async def test_every_worker_finds_the_exports_of_the_others(emulator, folder):
    async with under_uvicorn(desk.app) as client, desk.desk(desk.app) as other_worker:
        async with client.post("/exports") as answer:
            export_id = (await answer.json())["id"]
        exports = other_worker["exports"]
        assert exports.find(export_id) is not None
        await until(lambda: exports.find(export_id).state == "done")
        assert len(exports.file(export_id).read_text("utf-8").splitlines()) == 250


async def test_an_export_whose_process_was_killed_is_not_running_for_ever(emulator, folder):
    folder.mkdir()
    state = folder / "abc.state.json"
    state.write_text(json.dumps({"id": "abc"}), "utf-8")
    os.utime(state, (0, 0))
    async with under_uvicorn(desk.app) as client, client.get("/exports/abc") as answer:
        assert (await answer.json())["state"] == "stopped"


@pytest.mark.parametrize(
    ("request_line", "status", "said"),
    [
        (("GET", "/cases?query=status:("), 400, "invalid query"),
        (("POST", "/cases/CASE/triage", {"assignee_id": "nobody"}), 400, "assignee_id"),
        (("GET", f"/cases/{UNKNOWN_ID}"), 404, "case not found"),
    ],
)
async def test_a_mistake_of_the_caller_is_named_and_logged_at_info(emulator, caplog, request_line, status, said):
    (case_id,) = emulator.seed_cases(1)
    method, path, *body = request_line
    caplog.set_level("INFO", "casemgmt_async.integrations")
    async with under_uvicorn(make_app()) as client:
        url = URL(path.replace("CASE", case_id), encoded=True)
        async with client.request(method, url, json=body[0] if body else None) as answer:
            assert answer.status == status
            assert said in (await answer.json())["detail"]
    ours = [record for record in caplog.records if record.name == "casemgmt_async.integrations"]
    assert [record.levelname for record in ours] == ["INFO"]


async def test_an_export_that_fails_says_so_and_one_that_runs_ends_with_the_app(emulator, caplog):
    emulator.set_faults("search_cases: redirect=302")
    async with under_uvicorn(desk.app) as client:
        async with client.post("/exports") as answer:
            path = f"/exports/{(await answer.json())['id']}"
        await until(lambda: "failed" in caplog.text)
        async with client.get(path) as answer:
            assert (await answer.json())["state"] == "failed"
        async with client.get(f"{path}/file") as answer:
            assert answer.status == 409
        emulator.set_faults("search_cases: stall")
        before = len(emulator.log)
        async with client.post("/exports") as answer:
            assert answer.status == 202
            last = (await answer.json())["id"]
        await until(lambda: any(entry.route == "search_cases" for entry in emulator.log[before:]))
    await until(lambda: all(entry.finished is not None for entry in emulator.log))
    assert {entry.status for entry in emulator.log[before:] if entry.route == "search_cases"} == {None}
    async with under_uvicorn(desk.app) as client, client.get(f"/exports/{last}") as answer:
        assert (await answer.json())["state"] == "stopped"


async def test_the_lifespan_of_the_app_goes_around_the_session(emulator):
    steps: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI):
        steps.append("app starts")
        yield {"greeting": "hello"}
        steps.append("app stopped")

    class Noted(CaseSession):
        async def __aenter__(self) -> CaseSession:
            steps.append("session opens")
            return await super().__aenter__()

        async def close(self) -> None:
            steps.append("session closes")
            await super().close()

    app = FastAPI(lifespan=lifespan(Noted, around=own))

    @app.get("/")
    async def greet(request: Request, session: Session) -> str:
        assert request.state._state[SESSION] is session
        return request.state.greeting

    async with under_uvicorn(app) as client, client.get("/") as answer:
        assert await answer.json() == "hello"
    assert steps == ["app starts", "session opens", "session closes", "app stopped"]


async def test_a_session_can_be_replaced_and_a_missing_one_is_explained(emulator, caplog):
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)
    app.include_router(desk.router)
    async with under_uvicorn(app) as client:
        async with client.get("/cases") as answer:
            assert answer.status == 500
            assert "build it with FastAPI(lifespan=lifespan())" in (await answer.json())["detail"]
        assert "build it with FastAPI(lifespan=lifespan())" in caplog.text
        async with one_try() as session:
            app.dependency_overrides[get_session] = lambda: session
            async with client.get("/cases") as answer:
                assert answer.status == 200


async def test_the_command_of_the_page_starts_and_stops_it_without_a_warning(emulator):
    said = await run_and_interrupt("-m", "uvicorn", "examples.fastapi_app:app", "--port", "0", ready="Uvicorn running")
    assert "Application shutdown complete." in said
