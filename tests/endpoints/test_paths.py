"""Whatever an id is made of, it arrives as one segment of the path, or is refused and never leaves."""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import unquote

from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st

from casemgmt_async import CaseSession, InvalidArgumentError, cases, timeline
from casemgmt_async.routes import ROUTES

HOSTILE = st.sampled_from(["/", "\\", "..", ".", "%2F", "%", "?", "#", ";", "&", "+", " ", "ä", "日", "🦊", "\0", "\n"])
IDS = st.one_of(st.text(max_size=12), st.lists(HOSTILE, max_size=5).map("".join), st.just("SEC-12"))


async def arriving(calls) -> list[str | None]:
    """The raw paths that arrive at a real server, one a call; None where the call was refused before."""
    arrived: list[str] = []

    async def note(request: web.BaseRequest) -> web.Response:
        arrived.append(request.raw_path)
        return web.json_response({"data": {"type": "case", "id": "1", "attributes": {}}})

    server = web.Server(note)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    paths: list[str | None] = []
    try:
        async with CaseSession(api_key="k", app_key="a", base_url=f"http://{host}:{port}", retry=None) as session:
            for call in calls:
                try:
                    await call(session)
                except InvalidArgumentError:
                    assert arrived == []
                paths.append(arrived.pop() if arrived else None)
    finally:
        await runner.cleanup()
    return paths


@given(st.lists(IDS, min_size=1, max_size=20))
@example(["a/b", "../projects", "..", "", ".", "SEC-1/archive", "a%2Fb", "x?filter=y", "x#y", "\\", "link"])
@settings(max_examples=25)
def test_any_id_stays_one_segment(ids):
    paths = asyncio.run(arriving([partial(cases.get_case, case_id=case_id) for case_id in ids]))
    for case_id, path in zip(ids, paths, strict=True):
        if path is None:
            continue
        *before, segment = path.split("/")
        assert before == ["", "api", "v2", "cases"]
        assert unquote(segment, errors="strict") == case_id
        assert segment not in {"", ".", ".."}
        assert not set(segment) & set("/?#\\ ")


@given(IDS, IDS)
@example("a/b", "../..")
@settings(max_examples=25)
def test_two_ids_stay_two_segments(case_id, cell_id):
    (path,) = asyncio.run(arriving([lambda session: timeline.delete_case_comment(session, case_id, cell_id)]))
    if path is not None:
        segments = path.split("/")
        assert len(segments) == 7
        assert (segments[4], segments[6]) == tuple(map(encoded_once, (segments[4], segments[6])))
        assert [unquote(segments[4]), segments[5], unquote(segments[6])] == [case_id, "comment", cell_id]


def encoded_once(segment: str) -> str:
    """The segment itself, checked to hold nothing that a server would read as part of a path."""
    assert segment not in {"", ".", ".."}
    return segment.replace("/", "")


def test_what_people_use_as_ids_is_never_refused():
    ids = ["SEC-12", "aeadc05e-98a8-11ec-ac2c-da7ad0900001", "team.region", "über", "a b", "a/b", "50%", "..."]
    paths = asyncio.run(arriving([partial(cases.get_case, case_id=case_id) for case_id in ids]))
    assert [unquote(path.split("/")[-1]) for path in paths if path] == ids


def test_the_ids_of_every_route_are_segments_of_their_own():
    for route in ROUTES:
        for name in route.parameters:
            assert route.path.split("/").count(f"{{{name}}}") == 1
