"""The classification of an answer depends on the answer alone."""

from __future__ import annotations

import json

import pytest
from multidict import CIMultiDict
from yarl import URL

from casemgmt_async import codec, routes
from casemgmt_async.errors import (
    STATUS_ERRORS,
    DecodeError,
    NotFoundError,
    RateLimitError,
    RedirectError,
    ServerError,
    StatusError,
)
from casemgmt_async.routes import Replay
from casemgmt_async.transport.attempt import RawResponse, Request
from casemgmt_async.transport.classify import Failure, FailureKind, classify

NOW = 1_768_000_000.0


def classified(status: int, body: bytes = b"{}", *, expects_body: bool = True, framed: bool = True, **headers: str):
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    if framed:
        named["Content-Length"] = str(len(body))
    request = Request(routes.GET_CASE, Replay.READ, ("PROJ-1",), URL("https://x/"), None, expects_body)
    return classify(RawResponse(status, named, body), request, codec.decode_errors, redact, lambda: NOW)


def redact(text: str) -> str:
    return text.replace("the-api-key", "<secret>")


def failed(status: int, body: bytes = b"{}", **headers: str) -> Failure:
    found = classified(status, body, **headers)
    assert found is not None
    return found


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_complete_json_success_is_no_failure(status: int) -> None:
    assert classified(status, b' {"data": []}\n') is None


@pytest.mark.parametrize(
    "body", [b"{} and more", b"[]x", b"", b" \n", b"<html></html>", b'{"data": [', b"null", b'"text"', b"7", b"\xff{}"]
)
def test_a_success_without_its_json_is_a_lost_answer(body: bytes) -> None:
    found = classified(200, body)
    assert found is not None
    assert found.kind is FailureKind.LOST
    assert isinstance(found.error, DecodeError)


@pytest.mark.parametrize("body", [b'{"data": [{"id": "a"}', b'[{"a": 1}, {"b": [2]'])
def test_without_framing_a_body_must_be_whole_json(body: bytes) -> None:
    found = classified(200, body, framed=False)
    assert found is not None
    assert found.kind is FailureKind.LOST
    assert classified(200, b'{"data": [{"id": "a"}]}', framed=False) is None


@pytest.mark.parametrize("status", [100, 199, 300])
def test_only_2xx_is_a_success(status: int) -> None:
    assert failed(status).kind is FailureKind.REFUSED


def test_an_empty_success_is_right_where_nothing_is_due() -> None:
    assert classified(204, b"", expects_body=False) is None
    assert classified(200, b"", expects_body=False) is None
    assert classified(200, b"<html>", expects_body=False) is not None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, FailureKind.FAILED) for status in (408, 500, 501, 502, 503, 504, 512, 599)),
        *((status, FailureKind.REFUSED) for status in (400, 401, 403, 404, 405, 409, 413, 418, 422)),
        *((status, FailureKind.REFUSED) for status in (300, 301, 302, 303, 304, 307, 308)),
        (429, FailureKind.LIMITED),
    ],
)
def test_each_status_has_one_kind_and_one_class(status: int, kind: FailureKind) -> None:
    found = failed(status, b"<html>Bad gateway</html>", X_Request_Id="r-1")
    assert found.kind is kind
    assert isinstance(found.error, StatusError)
    expected = STATUS_ERRORS.get(status) or {3: RedirectError, 5: ServerError}.get(status // 100, StatusError)
    assert type(found.error) is expected
    assert (found.error.status, found.error.route, found.error.request_id) == (status, "get_case", "r-1")
    assert "Bad gateway" in str(found.error)


@pytest.mark.parametrize(
    "errors",
    [
        ["case not found"],
        [{"code": "resource_not_found", "title": "case not found"}],
        [{"status": "404", "title": "Not Found", "detail": "case not found"}],
    ],
)
def test_all_shapes_of_error_are_understood(errors: list[object]) -> None:
    found = failed(404, json.dumps({"errors": errors}).encode())
    assert isinstance(found.error, NotFoundError)
    assert "case not found" in str(found.error)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "17"}, 17.0),
        ({"Retry_After": "Fri, 09 Jan 2026 23:07:10 GMT"}, 30.0),
        ({"Retry_After": "Fri, 09 Jan 2026 23:00:00 GMT"}, 0.0),
        ({"Retry_After": "soon"}, None),
        ({"X_RateLimit_Reset": "0"}, 0.0),
        ({"X_RateLimit_Reset": "42"}, 42.0),
        ({"X_RateLimit_Reset": "1768000021"}, 21.0),
        ({"X_RateLimit_Reset": "1768000021", "Date": "Fri, 09 Jan 2026 23:06:50 GMT"}, 11.0),
        ({"X_RateLimit_Reset": "5", "Retry_After": "9"}, 9.0),
    ],
)
def test_the_wait_a_429_asks_for(headers: dict[str, str], wait: float | None) -> None:
    found = failed(429, b"", **headers)
    assert isinstance(found.error, RateLimitError)
    assert found.wait == wait
    assert found.error.retry_after == wait


def test_a_server_error_can_ask_for_a_wait_only_by_retry_after() -> None:
    assert failed(503, Retry_After="4").wait == 4.0
    assert failed(503, X_RateLimit_Reset="4").wait is None


def test_nothing_of_an_error_is_lost() -> None:
    entry = {"title": "not found", "meta": {"key": "severity"}, "source": {"pointer": "/data"}, "id": 7}
    body = json.dumps({"errors": [entry]}).encode()
    error = failed(404, body).error
    assert isinstance(error, StatusError)
    (detail,) = error.errors
    assert (detail.title, detail.meta) == ("not found", {"key": "severity"})
    assert detail.extra == {"source": {"pointer": "/data"}, "id": 7}
    assert json.loads(error.body) == {"errors": [entry]}
    hash(detail)


def test_the_body_of_an_error_is_redacted_and_cut() -> None:
    error = failed(500, b"x" * 4090 + b" the-api-key " + b"y" * 10_000).error
    assert isinstance(error, StatusError)
    assert len(error.body) == 4096
    assert "the-api" not in error.body
    assert "the-api-key" not in str(failed(500, b"", X_Request_Id="the-api-key").error)


def test_an_error_says_which_id_it_is_about() -> None:
    error = failed(404, b'{"errors": ["case not found"]}').error
    assert isinstance(error, NotFoundError)
    assert error.ids == {"case_id": "PROJ-1"}
    assert str(error) == "get_case(case_id='PROJ-1') answered 404: case not found"
