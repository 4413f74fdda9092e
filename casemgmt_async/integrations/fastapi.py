"""At home in a FastAPI app: one session for the app's life, errors mapped, hang-ups noticed.

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

Needs the extra `casemgmt-async[fastapi]`. Importing this module also teaches pydantic the models
(see `pydantic_models`), which is why a handler may say `-> Case` or `-> Page[Case]`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection, Request

from casemgmt_async import CaseManagementError, CaseSession, ConfigurationError
from casemgmt_async.integrations.answers import ANSWERS, answer_for
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
"""Where the session is in the lifespan's state."""


def lifespan(
    open_session: Callable[[], CaseSession] = CaseSession,
    *,
    around: Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]] | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]:
    """Make a lifespan that opens one session when the app starts and closes it when the app stops.

    `open_session` makes the session, inside the running loop: by default from the environment.
    `around` is the app's own lifespan: it starts before the session and stops after it, and what it
    yields is kept. To start something *after* the session, enter this one in yours and pass on its
    state: `async with lifespan()(app) as state: ... yield {**state, ...}`; the session is `state[SESSION]`.
    """

    @asynccontextmanager
    async def live(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            state = await stack.enter_async_context(around(app)) if around else None
            session = await stack.enter_async_context(open_session())
            yield {**(state or {}), SESSION: session}

    return live


async def get_session(connection: HTTPConnection) -> CaseSession:
    """Give a handler the app's session; as a parameter, write `session: Session`.

    Override it in tests with `app.dependency_overrides[get_session]`. Raises ConfigurationError
    where the app was not started with `lifespan`.
    """
    session = getattr(connection.state, SESSION, None)
    if not isinstance(session, CaseSession):
        raise ConfigurationError("the app has no session: build it with FastAPI(lifespan=lifespan())")
    return session


Session = Annotated[CaseSession, Depends(get_session)]
"""The app's session as a parameter of a handler."""


async def answer_error(_: Request, error: Exception) -> JSONResponse:
    """Answer one of our errors by the table that all web integrations share."""
    assert isinstance(error, CaseManagementError)
    answer = answer_for(error)
    return JSONResponse(answer.body, answer.status, answer.headers)


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {CaseManagementError: answer_error}
"""For `FastAPI(exception_handlers=...)`: 429 becomes 503 with `Retry-After`, 404 stays 404,
time-outs become 504, an argument that breaks a rule 400, everything else 502."""

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
"""For `FastAPI(responses=...)` or one router or handler: the same answers in the OpenAPI schema."""
