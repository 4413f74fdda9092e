"""The table of responses: what a web app says when a call failed, and what it writes to its log alone."""

from __future__ import annotations

import logging
import math

import pytest

from casemgmt_async import errors
from casemgmt_async.integrations.answers import answer_for

SECRET = "org 4711 on shard b"
SAID = (errors.ErrorDetail(SECRET),)

EXPECTED = [
    (errors.InvalidArgumentError("case_id", "must not be empty"), 400),
    (errors.NotFoundError(404, SAID), 404),
    (errors.RateLimitError(429, SAID, retry_after=3), 503),
    (errors.RequestTimeoutError(SECRET), 504),
    (errors.BadRequestError(400, SAID), 400),
    (errors.AuthenticationError(401, SAID), 502),
    (errors.PermissionDeniedError(403, SAID), 502),
    (errors.ConflictError(409, SAID), 409),
    (errors.UnprocessableError(422, SAID), 422),
    (errors.NameLookupError("user", "ann", reason=SECRET), 422),
    (errors.UnknownNameError("user", "ann", reason=SECRET), 422),
    (errors.AmbiguousNameError("user", "ann", reason=SECRET), 422),
    (errors.ServerError(503, SAID), 502),
    (errors.RedirectError(307, SAID), 502),
    (errors.StatusError(418, SAID), 502),
    (errors.ConnectionFailedError(SECRET), 502),
    (errors.ResponseTooLargeError(SECRET), 502),
    (errors.TransportError(SECRET), 502),
    (errors.OutcomeUnknownError("create_case", b"{}", SECRET), 502),
    (errors.DecodeError(SECRET), 502),
    (errors.ConfigurationError(SECRET), 500),
    (errors.SessionClosedError(SECRET), 500),
    (errors.PaginationError(SECRET), 502),
    (errors.CaseManagementError(SECRET), 502),
]


@pytest.mark.parametrize(("error", "status"), EXPECTED, ids=lambda one: type(one).__name__)
def test_an_error_becomes_a_status_and_the_caller_reads_what_the_caller_can_mend(error, status, caplog):
    with caplog.at_level(logging.INFO, "casemgmt_async.integrations"):
        answer = answer_for(error)
    assert answer.status == status
    assert set(answer.body) == {"detail"}
    if not isinstance(error, errors.InvalidArgumentError):
        assert SECRET in caplog.text
        assert (SECRET in answer.detail) == (status in {400, 404, 409, 422})
    expected = "INFO" if status < 500 else "ERROR" if status == 500 else "WARNING"
    assert [record.levelname for record in caplog.records] == [expected]


def test_a_page_of_a_proxy_is_one_line_of_the_log(caplog):
    page = errors.ErrorDetail("<html>\n<h1>Bad Gateway</h1>\r\n</html>")
    answer_for(errors.ServerError(502, (page,), "get_case"))
    (message,) = caplog.messages
    assert message == ("responding with 502: ServerError: get_case answered 502: <html> <h1>Bad Gateway</h1> </html>")


def test_a_long_explanation_is_cut():
    answer = answer_for(errors.BadRequestError(400, (errors.ErrorDetail("x" * 10_000),)))
    assert 500 <= len(answer.detail) < 600


def test_every_error_class_is_tried():
    tried = {type(error) for error, _ in EXPECTED}
    known = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)}
    assert known == tried


def test_a_broken_rule_is_told_to_the_caller():
    assert answer_for(errors.InvalidArgumentError("case_id", "must not be empty")).body == {
        "detail": "case_id: must not be empty"
    }


@pytest.mark.parametrize(
    ("known", "told"), [(None, "1"), (math.inf, "1"), (0, "0"), (0.2, "1"), (12, "12"), (12.01, "13")]
)
def test_retry_after_is_whole_seconds_never_too_few(known, told):
    assert answer_for(errors.RateLimitError(429, retry_after=known)).headers == {"Retry-After": told}


def test_only_a_rate_limit_says_when_to_come_back():
    with_header = [type(error) for error, _ in EXPECTED if answer_for(error).headers]
    assert with_header == [errors.RateLimitError]


def test_a_create_whose_answer_did_not_come_in_time_is_a_time_out_that_warns_of_a_second_try():
    error = errors.OutcomeUnknownError("create_case", b"{}", "no answer")
    error.__cause__ = errors.RequestTimeoutError("60 s")
    answer = answer_for(error)
    assert answer.status == 504
    assert "check before you try again" in answer.detail
