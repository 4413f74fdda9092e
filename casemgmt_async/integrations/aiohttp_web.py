"""Use the client in an aiohttp.web app: one session for the life of the app, and errors as responses. No extra needed.

    from aiohttp import web
    from casemgmt_async import cases
    from casemgmt_async.integrations.aiohttp_web import answer_errors, get_session, json_response, session_context

    async def show(request: web.Request) -> web.Response:
        case = await cases.get_case(get_session(request), request.match_info["case_id"])
        return json_response(case)

    app = web.Application(middlewares=[answer_errors])
    app.cleanup_ctx.append(session_context())
    app.router.add_get("/cases/{case_id}", show)
    web.run_app(app, handler_cancellation=True)

`handler_cancellation=True` is an option of aiohttp: when a client disconnects, its handler is cancelled, and with it
the call to Case Management that the handler awaits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from casemgmt_async import CaseManagementError, CaseSession
from casemgmt_async.integrations.answers import MissingSessionError, answer_for

__all__ = ["SESSION", "answer_errors", "get_session", "json_response", "session_context"]

SESSION: Final = web.AppKey("casemgmt_session", CaseSession)
"""The key of the session in the app; `get_session` looks it up for a handler."""


def session_context(
    open_session: Callable[[], CaseSession] = CaseSession,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Make a `cleanup_ctx` that opens one session when the app starts and closes it when the app stops.

    `open_session` is called in the running event loop. By default it makes a session from the environment.
    """

    async def live(app: web.Application) -> AsyncIterator[None]:
        async with open_session() as session:
            app[SESSION] = session
            yield

    return live


def get_session(request: web.Request) -> CaseSession:
    """Return the session of the app, also in a sub-application.

    Raises `MissingSessionError` if `session_context` was not added to the app's `cleanup_ctx`.
    """
    session = request.config_dict.get(SESSION)
    if session is None:
        raise MissingSessionError("the app has no session: add app.cleanup_ctx.append(session_context())")
    return session


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors of this library into responses, by the table in `casemgmt_async.integrations.answers`.

    Errors that the caller can correct are 400, 404, 409 or 422. A rate limit is 503 with `Retry-After`, a time-out 504,
    a mistake in the app's configuration 500, and everything else 502.
    """
    try:
        return await handler(request)
    except CaseManagementError as error:
        answer = answer_for(error)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)


def json_response(value: Any, *, status: int = 200) -> web.Response:
    """Make a JSON response of models, or of lists and mappings of them; each model is written as its `to_dict()`."""
    return web.Response(body=msgspec.json.encode(plain(value)), status=status, content_type="application/json")


def plain(value: Any) -> Any:
    """Put the plain data of each model in its place."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
