"""Use the client in a FastAPI app: one session for the life of the app, errors as responses, disconnects noticed.

    from casemgmt_async import cases
    from casemgmt_async.integrations.fastapi import EXCEPTION_HANDLERS, CancelOnDisconnect, Session, lifespan
    from casemgmt_async.models import Case

    app = FastAPI(
        lifespan=lifespan(),
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[Middleware(CancelOnDisconnect)],
    )

    @app.get("/cases/{case_id}")
    async def show(session: Session, case_id: str) -> Case:
        return await cases.get_case(session, case_id)

Needs the extra `casemgmt-async[fastapi]`. Importing this module also registers the models with pydantic (see
`pydantic_models`), so that handlers can be annotated with `-> Case` or `-> Page[Case]`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection, Request

from casemgmt_async import CaseManagementError, CaseSession
from casemgmt_async.integrations.answers import ANSWERS, MissingSessionError, answer_for
from casemgmt_async.integrations.asgi import CancelOnDisconnect
from casemgmt_async.integrations.pydantic_models import teach

__all__ = [
    "EXCEPTION_HANDLERS",
    "RESPONSES",
    "SESSION",
    "CancelOnDisconnect",
    "Session",
    "get_session",
    "lifespan",
    "teach",
]

SESSION: Final = "casemgmt_session"
"""The key of the session in the state of the lifespan."""


def lifespan(
    open_session: Callable[[], CaseSession] = CaseSession,
    *,
    around: Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]] | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]:
    """Make a lifespan that opens one session when the app starts and closes it when the app stops.

    `open_session` is called in the running event loop. By default it makes a session from the environment.
    `around` is a lifespan of your own: it starts before the session, stops after it, and the state that it yields is
    kept. To start something *after* the session, enter this lifespan in yours and yield its state too:
    `async with lifespan()(app) as state: ... yield {**state, ...}`. The session is `state[SESSION]`.
    """

    @asynccontextmanager
    async def live(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            state = await stack.enter_async_context(around(app)) if around else None
            session = await stack.enter_async_context(open_session())
            yield {**(state or {}), SESSION: session}

    return live


async def get_session(connection: HTTPConnection) -> CaseSession:
    """Return the session of the app; a handler declares it as a parameter: `session: Session`.

    Replace it in tests with `app.dependency_overrides[get_session]`. Raises `MissingSessionError` if the lifespan of
    the app did not run.
    """
    session = getattr(connection.state, SESSION, None)
    if not isinstance(session, CaseSession):
        raise MissingSessionError(
            "the app has no session: build it with FastAPI(lifespan=lifespan()), and let its lifespan run "
            "(the lifespan of a mounted app, or under httpx.ASGITransport, does not run by itself)"
        )
    return session


Session = Annotated[CaseSession, Depends(get_session)]
"""Type of a handler's parameter that receives the session of the app."""


async def answer_error(_: Request, error: Exception) -> JSONResponse:
    """Turn an error of this library into a response, by the table in `casemgmt_async.integrations.answers`."""
    assert isinstance(error, CaseManagementError)
    answer = answer_for(error)
    return JSONResponse(answer.body, answer.status, answer.headers)


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {CaseManagementError: answer_error}
"""For `FastAPI(exception_handlers=...)`. Errors that the caller can correct are 400, 404, 409 or 422. A rate limit is
503 with `Retry-After`, a time-out 504, a mistake in the app's configuration 500, and everything else 502."""

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    answer.status: {
        "description": answer.detail,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"detail": {"type": "string"}},
                    "required": ["detail"],
                }
            }
        },
    }
    for answer in ANSWERS.values()
}
"""The same responses for the OpenAPI schema: `FastAPI(responses=...)`, or the same argument of a router or handler."""
