"""At home in an aiohttp.web app: one session for the app's life, errors mapped. No extra is needed.

    from aiohttp import web
    from casemgmt_async import cases
    from casemgmt_async.integrations.aiohttp_web import SESSION, answer_errors, json_response, session_context

    async def show(request: web.Request) -> web.Response:
        case = await cases.get_case(request.config_dict[SESSION], request.match_info["case_id"])
        return json_response(case)

    app = web.Application(middlewares=[answer_errors])
    app.cleanup_ctx.append(session_context())
    app.router.add_get("/cases/{case_id}", show)
    web.run_app(app, handler_cancellation=True)

`handler_cancellation=True` is aiohttp's own switch: the handler of a client that hung up is
cancelled, and with it the upstream call it waits for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import attrs
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from casemgmt_async import CaseManagementError, CaseSession
from casemgmt_async.integrations.answers import answer_for

__all__ = ["SESSION", "answer_errors", "json_response", "session_context"]

SESSION: Final = web.AppKey("casemgmt_session", CaseSession)
"""Where the session is: `request.config_dict[SESSION]`, in sub-applications too."""


def session_context(
    open_session: Callable[[], CaseSession] = CaseSession,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Make a `cleanup_ctx` that opens one session when the app starts and closes it when the app stops.

    `open_session` makes the session, inside the running loop: by default from the environment.
    """

    async def live(app: web.Application) -> AsyncIterator[None]:
        async with open_session() as session:
            app[SESSION] = session
            yield

    return live


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer our errors by the table that all web integrations share.

    429 becomes 503 with `Retry-After`, 404 stays 404, time-outs become 504, an argument that breaks
    a rule 400, everything else 502.
    """
    try:
        return await handler(request)
    except CaseManagementError as error:
        answer = answer_for(error)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)


def json_response(value: Any, *, status: int = 200) -> web.Response:
    """Answer with models, or lists and mappings of them, as JSON that reads like the model in Python."""
    return web.Response(body=msgspec.json.encode(_plain(value)), status=status, content_type="application/json")


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        fields = (field.name for field in attrs.fields(type(value)) if not field.name.startswith("_"))
        return {name: _plain(getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
