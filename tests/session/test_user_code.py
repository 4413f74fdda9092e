"""An exception out of the user's own code is raised as it is, at once, and says whether a create was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from session_tools import TOKEN, bare_server, http, open_session, replies

from casemgmt_async import CallFailed, CallSucceeded, NotFoundError, RequestStarted, ResponseReceived, routes
from casemgmt_async.transport import attempt

CASE = b'{"data": {"id": "a", "type": "case", "attributes": {}}}'


class OwnBugError(Exception):
    """A mistake of the user."""


BUGS = [OwnBugError("mine"), KeyError("mine"), ConnectionResetError("mine"), TimeoutError("mine"), ValueError("mine")]


def notes(error: BaseException) -> str:
    return " ".join(getattr(error, "__notes__", ()))


def hook(signal: str, error: Exception) -> aiohttp.TraceConfig:
    async def fail(*_: object) -> None:
        raise error

    config = aiohttp.TraceConfig()
    getattr(config, signal).append(fail)
    return config


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("signal", "requests", "note"),
    [
        ("on_request_start", 0, "has not taken effect"),
        ("on_connection_create_start", 0, "has not taken effect"),
        ("on_request_headers_sent", 0, "has not taken effect"),
        ("on_request_end", 1, "may have taken effect"),
    ],
)
async def test_a_trace_hook(signal: str, requests: int, note: str, error: Exception) -> None:
    error = type(error)("mine")
    async with (
        bare_server(replies(http(CASE))) as wire,
        aiohttp.ClientSession(trace_configs=[hook(signal, error)]) as client,
        open_session(wire.base_url, client_session=client) as session,
    ):
        with pytest.raises(type(error)) as caught:
            await session.raw(routes.CREATE_CASE, body={})
        assert caught.value is error
        assert note in notes(error)
        assert len(wire.requests) == requests
        with pytest.raises(type(error), match="mine"):
            await session.raw(routes.GET_CASE, "a")
        assert session._caller.limiter.in_flight == 0
        assert session._caller.retry_budget.tokens == 100


async def test_a_middleware_of_the_client_session() -> None:
    async def fail(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        raise ZeroDivisionError

    async with (
        bare_server(replies(http(CASE))) as wire,
        aiohttp.ClientSession(middlewares=(fail,)) as client,
        open_session(wire.base_url, client_session=client) as session,
    ):
        with pytest.raises(ZeroDivisionError):
            await session.raw(routes.GET_CASE, "a")
        assert wire.requests == []


async def test_the_middlewares_of_a_client_session_are_where_they_are_looked_for() -> None:
    async def pass_on(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(pass_on,)) as client:
        assert tuple(client._middlewares) == (pass_on,)
    assert "_middlewares" in attempt.send.__code__.co_consts


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("event", "requests", "note"),
    [
        (RequestStarted, 0, "has not taken effect"),
        (ResponseReceived, 1, "may have taken effect"),
        (CallSucceeded, 1, "may have taken effect"),
    ],
)
async def test_a_listener(event: type, requests: int, note: str, error: Exception) -> None:
    error = type(error)("mine")

    async with (
        bare_server(replies(http(CASE))) as wire,
        open_session(wire.base_url, on_event=failing_on(event, error)) as session,
    ):
        with pytest.raises(type(error)) as caught:
            await session.raw(routes.CREATE_CASE, body={})
        assert caught.value is error
        assert note in notes(error)
        assert len(wire.requests) == requests


def failing_on(kind: type, error: Exception) -> Callable[[Any], None]:
    def listen(event: Any) -> None:
        if isinstance(event, kind):
            raise error

    return listen


async def test_a_listener_that_fails_on_a_failure_keeps_the_failure_as_the_cause() -> None:
    error = OwnBugError("mine")
    async with (
        bare_server(replies(http(b"{}", 404))) as wire,
        open_session(wire.base_url, on_event=failing_on(CallFailed, error)) as session,
    ):
        with pytest.raises(OwnBugError) as caught:
            await session.raw(routes.GET_CASE, "a")
    assert isinstance(caught.value.__cause__, NotFoundError)


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
async def test_a_token_supplier(error: Exception) -> None:
    asked = 0
    error = type(error)("mine")

    async def supply() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise error
        return TOKEN

    async with bare_server(replies(http(b"{}", 401))) as wire:
        async with open_session(wire.base_url, api_key=None, app_key=None, access_token=supply) as session:
            with pytest.raises(type(error)) as caught:
                await session.raw(routes.CREATE_CASE, body={})
        assert caught.value is error
        assert asked == 2
        assert len(wire.requests) == 1
        assert "has not taken effect" in notes(error)
