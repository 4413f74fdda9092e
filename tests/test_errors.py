"""Errors can be copied, pickled and read, and stand in one tree."""

from __future__ import annotations

import copy
import pickle

import pytest

from casemgmt_async import errors
from casemgmt_async.errors import ErrorDetail, status_error

DETAILS = (ErrorDetail("Bad Request", "unknown priority", "c", "400"), ErrorDetail("plain"))
EXAMPLES = {
    "CaseManagementError": ("what",),
    "ConfigurationError": ("what",),
    "SessionClosedError": ("what",),
    "InvalidArgumentError": ("page_size", "must be 1 to 100"),
    "TransportError": ("what",),
    "RequestTimeoutError": ("what",),
    "ConnectionFailedError": ("what",),
    "ResponseTooLargeError": ("what",),
    "OutcomeUnknownError": ("create_case", b"{}", "the connection broke"),
    "PaginationError": ("the page was repeated",),
    "NameLookupError": ("user", "ann", (), "2 names could not be resolved", ()),
    "UnknownNameError": ("user", "ann", (errors.Candidate("1", "Ann <ann@example.com>"),), "no user is named 'ann'"),
    "AmbiguousNameError": ("user", "ann", (errors.Candidate("1", "Ann"), errors.Candidate("2", "Ann")), "2 are"),
    "DecodeError": ("not a date", "$.data[3].attributes.created_at", "search_cases"),
}
CLASSES = [name for name in errors.__all__ if name.endswith("Error")]


def example(name: str) -> errors.CaseManagementError:
    made = getattr(errors, name)(*EXAMPLES.get(name, (400, DETAILS, "get_case", "r-1", 1.5)))
    assert isinstance(made, errors.CaseManagementError)
    return made


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_are_equal_in_all_they_hold(name: str, twin) -> None:
    error = example(name)
    other = twin(error)
    assert type(other) is type(error)
    assert (other.args, vars(other), str(other)) == (error.args, vars(error), str(error))


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_says_something(name: str) -> None:
    assert len(str(example(name))) > 3


@pytest.mark.parametrize("name", CLASSES)
def test_the_tree_in_the_docstring_names_every_class(name: str) -> None:
    assert f" {name} " in errors.__doc__.replace("\n", " ")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        *((400, "BadRequestError"), (401, "AuthenticationError"), (403, "PermissionDeniedError")),
        *((404, "NotFoundError"), (409, "ConflictError"), (422, "UnprocessableError"), (429, "RateLimitError")),
        *((500, "ServerError"), (512, "ServerError"), (302, "RedirectError"), (418, "StatusError")),
    ],
)
def test_a_status_becomes_its_class(status: int, name: str) -> None:
    assert type(status_error(status)).__name__ == name


def test_standard_classes_catch_what_they_would() -> None:
    assert isinstance(example("RequestTimeoutError"), TimeoutError)
    assert isinstance(example("ConnectionFailedError"), ConnectionError)
    assert isinstance(example("InvalidArgumentError"), ValueError)


def test_what_was_sent_is_held_and_not_shown() -> None:
    error = errors.OutcomeUnknownError("create_case", b'{"secret": "plan"}', "it broke")
    assert error.sent == b'{"secret": "plan"}'
    assert "plan" not in str(error)


def test_a_status_error_reads_as_one_line() -> None:
    assert str(status_error(400, DETAILS, route="get_case", request_id="r", retry_after=2.0)) == (
        "get_case answered 400: Bad Request: unknown priority; plain (retry after 2 s) [request r]"
    )
