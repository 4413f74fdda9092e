"""What is said of an attempt without an answer: whether anything was sent, why it failed, and what is chained."""

from __future__ import annotations

import errno
import os
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from casemgmt_async.transport.attempt import SendTracker, connect_problem, safe_cause

KEY: Any = ConnectionKey("api.example", 443, True, True, None, None, None)
REFUSED, UNREACHABLE = (os.strerror(number).lower() for number in (errno.ECONNREFUSED, errno.ENETUNREACH))


def could_not_connect(problem: OSError) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, problem)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed"), REFUSED),
        # As asyncio raises it if a name has several addresses.
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 9), [Errno 111] Connect"), REFUSED),
        (OSError("Multiple exceptions: [Errno 111] Connect ('::1', 9), [Errno 101] x"), f"{REFUSED}, {UNREACHABLE}"),
        (OSError("something else"), "ClientConnectorError"),
    ],
)
def test_why_no_connection_could_be_made(problem: OSError, text: str) -> None:
    assert connect_problem(could_not_connect(problem)) == text


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (aiohttp.ServerDisconnectedError(), True),
        (TimeoutError(), True),
        (could_not_connect(OSError(errno.ECONNREFUSED, "x")), False),
        (aiohttp.InvalidURL("x"), False),
    ],
)
def test_without_a_middleware_the_exception_says_whether_anything_was_sent(error: Exception, sent: bool) -> None:
    tracker = SendTracker()
    tracker.begin()
    tracker.record_failure(error)
    assert tracker.sent is sent


async def test_with_the_middleware_the_exception_says_nothing() -> None:
    """It ran and saw nothing written, so that nothing was sent, whatever aiohttp raises."""

    class Unsent:
        response = None

    async def fail(_: Any) -> Any:
        raise TimeoutError

    tracker = SendTracker()
    tracker.begin()
    request: Any = Unsent()
    with pytest.raises(TimeoutError):
        await tracker(request, fail)
    tracker.record_failure(TimeoutError())
    assert tracker.sent is False


@pytest.mark.parametrize(
    ("inner", "is_kept"),
    [(OSError(errno.EPIPE, "broken"), True), (ValueError("DD-API-KEY: abc"), False), (None, False)],
)
def test_a_chained_exception_is_one_of_the_system_or_none(inner: Exception | None, is_kept: bool) -> None:
    """Others of aiohttp may hold the headers of the request."""
    error = ConnectionResetError("reset")
    error.__cause__ = error.__context__ = inner
    kept = safe_cause(error)
    assert kept is not None
    assert kept is error
    assert kept.__cause__ is kept.__context__ is (inner if is_kept else None)


def test_an_answer_that_is_quoted_is_not_chained() -> None:
    assert safe_cause(aiohttp.ServerDisconnectedError("Server disconnected")) is not None
    quoting: Any = object()  # a message of the parser, which holds the answer
    assert safe_cause(aiohttp.ServerDisconnectedError(quoting)) is None
    assert safe_cause(aiohttp.ClientPayloadError("x")) is None
