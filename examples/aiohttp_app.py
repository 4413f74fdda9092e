"""A case desk as an aiohttp.web service: search, details and a triage action.

python examples/aiohttp_app.py          # keys in DD_API_KEY and DD_APP_KEY, or an emulator's
                                        # address in CASEMGMT_BASE_URL
"""

from __future__ import annotations

import os

from aiohttp import web

from casemgmt_async import CaseSession, InvalidArgumentError, Priority, cases, timeline
from casemgmt_async.integrations.aiohttp_web import SESSION, answer_errors, json_response, session_context

routes = web.RouteTableDef()


@routes.get("/cases")
async def search(request: web.Request) -> web.Response:
    """Search the cases, one page at a time."""
    try:
        number = int(request.query.get("page", "1"))
    except ValueError:
        raise InvalidArgumentError("page", "must be a whole number") from None
    page = await cases.search_cases(request.app[SESSION], filter=request.query.get("query"), page_number=number)
    return json_response(page)


@routes.get("/cases/{case_id}")
async def show(request: web.Request) -> web.Response:
    """Show one case, by its id or its key."""
    return json_response(await cases.get_case(request.app[SESSION], request.match_info["case_id"]))


@routes.post("/cases/{case_id}/triage")
async def triage(request: web.Request) -> web.Response:
    """Set the priority and say why; the case as it is afterwards."""
    session, case_id = request.app[SESSION], request.match_info["case_id"]
    form = await request.post()
    priority = Priority(str(form.get("priority", Priority.NOT_DEFINED)))
    if not priority.known:
        raise InvalidArgumentError("priority", f"must be one of {', '.join(Priority)}")
    case = await cases.update_priority(session, case_id, priority=priority)
    if comment := str(form.get("comment", "")):
        await timeline.comment_case(session, case_id, comment=comment)
    return json_response(case)


def make_app() -> web.Application:
    """Put the app together: one session for its life, our errors mapped to answers."""
    app = web.Application(middlewares=[answer_errors])
    app.cleanup_ctx.append(session_context(lambda: CaseSession(timeout=20)))
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8080"))
    # A client that hangs up cancels the upstream call.
    web.run_app(make_app(), host="127.0.0.1", port=port, handler_cancellation=True)
