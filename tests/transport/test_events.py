"""Events reach those who listen, cost nothing otherwise, and stay out of the way of calls."""

from __future__ import annotations

import logging

import pytest

from casemgmt_async import routes
from casemgmt_async.errors import ErrorDetail, OutcomeUnknownError, ServerError
from casemgmt_async.transport.events import (
    CallFailed,
    CallSucceeded,
    Event,
    Events,
    RateLimited,
    RequestStarted,
    ResponseReceived,
    RetryScheduled,
)
from casemgmt_async.transport.user_code import UserCodeError

ALL: list[Event] = [
    RequestStarted(1, routes.GET_CASE, 1, "https://x/"),
    ResponseReceived(1, routes.GET_CASE, 1, 503, 0.1, 2),
    RetryScheduled(1, routes.GET_CASE, 1, 0.2, ServerError(503)),
    RateLimited(1, routes.GET_CASE, 2, 3.0, answered=True),
    CallSucceeded(1, routes.GET_CASE, 2, 3.5),
    CallFailed(1, routes.GET_CASE, 2, 3.5, OutcomeUnknownError("create_case", b"its-content", "it broke")),
]


def test_nobody_listening_is_known() -> None:
    assert not Events()


def test_listeners_come_and_go() -> None:
    events, heard, other = Events(), [], []
    events.add(heard.append)
    events.add(other.append)
    assert events
    events.emit(ALL[0])
    events.remove(heard.append)
    events.remove(print)
    events.emit(ALL[1])
    assert (heard, other) == (ALL[:1], ALL[:2])


def test_a_listener_that_fails_does_not_hide_the_event_from_the_others() -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("no")

    events, heard = Events(), []
    events.add(fail)
    events.add(heard.append)
    with pytest.raises(UserCodeError) as caught:
        events.emit(ALL[0])
    assert isinstance(caught.value.error, RuntimeError)
    assert heard == ALL[:1]


def test_each_event_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "casemgmt_async"):
        events = Events()
        assert events
        for event in ALL:
            events.emit(event)
    assert len(caplog.records) == len(ALL)
    assert all(record.name == "casemgmt_async" and "get_case" in record.getMessage() for record in caplog.records)
    assert all(record.levelno < logging.WARNING for record in caplog.records)
    assert "its-content" not in caplog.text


@pytest.mark.parametrize("kind", [RetryScheduled, CallFailed])
def test_a_page_of_a_proxy_is_one_line_of_the_log_too(kind: type, caplog: pytest.LogCaptureFixture) -> None:
    error = ServerError(502, [ErrorDetail("<html>\r\n  <h1>Bad Gateway</h1>\n</html>")], "get_case")
    with caplog.at_level(logging.INFO, "casemgmt_async"):
        Events().emit(kind(1, routes.GET_CASE, 1, 0.2, error))
    (message,) = caplog.messages
    assert message.endswith("get_case answered 502: <html> <h1>Bad Gateway</h1> </html>")


def test_the_log_says_what_one_needs_to_know(caplog: pytest.LogCaptureFixture) -> None:
    events = Events()
    with caplog.at_level(logging.DEBUG, "casemgmt_async"):
        events.emit(RequestStarted(1, routes.GET_CASE, 2, "https://x/api/v2/cases/a%0Ab?filter=status:open"))
        events.emit(ResponseReceived(1, routes.GET_CASE, 2, 503, 0.125, 9, "r-7"))
        events.emit(RetryScheduled(1, routes.GET_CASE, 2, 0.25, ServerError(503)))
        events.emit(RateLimited(1, routes.GET_CASE, 3, 3.0, answered=True))
        events.emit(RateLimited(1, routes.GET_CASE, 3, 3.0, answered=False))
    assert [record.getMessage() for record in caplog.records] == [
        "call 1: get_case: GET /api/v2/cases/a%0Ab?filter=status:open, attempt 2",
        "call 1: get_case: attempt 2 answered 503, 9 bytes in 0.125 s, request id r-7",
        "call 1: get_case: attempt 2 failed, next one in 0.250 s: request answered 503: the body gave no reason",
        "call 1: get_case: attempt 3 waits 3.000 s, because the service answered 429",
        "call 1: get_case: attempt 3 waits 3.000 s, because the rate limit would be exceeded",
    ]


def test_the_logger_is_silent_by_default() -> None:
    handlers = logging.getLogger("casemgmt_async").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)
