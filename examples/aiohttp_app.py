"""A case desk as an aiohttp.web service: search, details and a triage action.

    python examples/aiohttp_app.py

It needs Datadog keys in DD_API_KEY and DD_APP_KEY, or the variables that `casemgmt emulator` prints.
"""

from __future__ import annotations

import os

from aiohttp import web

from casemgmt_async import CaseSession, InvalidArgumentError, Priority, cases, timeline
from casemgmt_async.integrations.aiohttp_web import answer_errors, get_session, json_response, session_context

routes = web.RouteTableDef()


@routes.get("/cases")
async def search(request: web.Request) -> web.Response:
    """Search the cases, one page at a time."""
    try:
        number = int(request.query.get("page", "1"))
    except ValueError:
        raise InvalidArgumentError("page", "must be a whole number") from None
    page = await cases.search_cases(get_session(request), filter=request.query.get("query"), page_number=number)
    return json_response(page)


@routes.get("/cases/{case_id}")
async def show(request: web.Request) -> web.Response:
    """Show one case, by its id or its key."""
    return json_response(await cases.get_case(get_session(request), request.match_info["case_id"]))


@routes.post("/cases/{case_id}/triage")
async def triage(request: web.Request) -> web.Response:
    """Set the priority, add a comment, or both; return the case as it is afterwards."""
    session, case_id = get_session(request), request.match_info["case_id"]
    form = await request.post()
    priority, comment = str(form.get("priority", "")), str(form.get("comment", ""))
    if not priority and not comment:
        raise InvalidArgumentError("priority, comment", "give at least one of them")
    if priority:
        if not Priority(priority).known:
            raise InvalidArgumentError("priority", f"must be one of {', '.join(Priority)}, not {priority!r}")
        await cases.update_priority(session, case_id, priority=Priority(priority))
    if comment:
        await timeline.comment_case(session, case_id, comment=comment)
    return json_response(await cases.get_case(session, case_id))


def make_app() -> web.Application:
    """Build the app: one session for its life, and errors of the client as responses."""
    app = web.Application(middlewares=[answer_errors])
    app.cleanup_ctx.append(session_context(lambda: CaseSession(timeout=20)))
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8080"))
    # handler_cancellation: a client that disconnects cancels the call to Case Management.
    web.run_app(make_app(), host="127.0.0.1", port=port, handler_cancellation=True)
