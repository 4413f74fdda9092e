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

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.responses import JSONResponse, Response
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casemgmt_async import CaseSession
from casemgmt_async.errors import CaseManagementError, ConfigurationError

from .answers import ANSWERS, answer_for, log
from .pydantic_models import teach

__all__ = ["EXCEPTION_HANDLERS", "RESPONSES", "CancelOnDisconnect", "Session", "get_session", "lifespan", "teach"]

STATE: Final = "casemgmt_session"
CLIENT_CLOSED: Final = 499  # what proxies log for a client that hung up before the response


def lifespan(
    open_session: Callable[[], CaseSession] = CaseSession,
    *,
    around: Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]] | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]:
    """Make a lifespan that opens one session when the app starts and closes it when the app stops.

    `open_session` makes the session, inside the running loop: by default from the environment.
    `around` is the app's own lifespan: it starts before the session and stops after it, and what it
    yields is kept. To start something *after* the session, enter this one in yours and pass on its
    state: `async with lifespan()(app) as state: ... yield state`.
    """

    @asynccontextmanager
    async def live(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            state = await stack.enter_async_context(around(app)) if around else None
            session = await stack.enter_async_context(open_session())
            yield {**(state or {}), STATE: session}

    return live


async def get_session(connection: HTTPConnection) -> CaseSession:
    """Give a handler the app's session; as a parameter, write `session: Session`.

    Override it in tests with `app.dependency_overrides[get_session]`. Raises ConfigurationError
    where the app was not started with `lifespan`.
    """
    session = getattr(connection.state, STATE, None)
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


class CancelOnDisconnect:
    """Cancel the handler of a client that hung up, and with it the upstream call it waits for.

    FastAPI lets a handler run to its end though nobody listens any more. This ASGI middleware reads
    what the server has to say beside the app and cancels the app when that is `http.disconnect`,
    unless the response was complete: background tasks run on. Handlers see an ordinary
    `asyncio.CancelledError`; plain `def` handlers run in a thread and cannot be cancelled. At most
    one message is read ahead, so a large body that nobody reads hides the hang-up behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ahead: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)  # one read ahead: a body is never gathered here
        patience = asyncio.timeout(None)
        started = complete = False

        async def listen() -> None:
            while (message := await receive())["type"] != "http.disconnect":
                await ahead.put(message)
            if not complete:
                # A time-out that is due now cancels this task only, and takes its own cancellation back.
                patience.reschedule(asyncio.get_running_loop().time())
            await ahead.put(message)

        async def hear() -> Message:
            message = await ahead.get()
            if message["type"] == "http.disconnect":
                ahead.put_nowait(message)  # once said it stays said
            return message

        async def tell(message: Message) -> None:
            nonlocal started, complete
            started = True
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            async with patience:
                listener = asyncio.create_task(listen())
                try:
                    await self.app(scope, hear, tell)
                finally:
                    listener.cancel()
                    await asyncio.gather(listener, return_exceptions=True)
        except Exception:
            if not patience.expired():
                raise
            log.debug("the client of %s hung up", scope["path"], exc_info=True)
            if not started:
                # Nobody reads it, but middleware around this one wants a response to pass on.
                await Response(status_code=CLIENT_CLOSED)(scope, receive, send)
