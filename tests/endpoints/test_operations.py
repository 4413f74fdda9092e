"""Each of the 66 operations: what is sent, to the letter, and what is made of the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from operation_calls import CALLS, IDS

from casemgmt_async import CaseSession, Page, encode, errors
from casemgmt_async.errors import STATUS_ERRORS, StatusError

OPERATIONS = json.loads((Path(__file__).parents[1] / "data" / "operations.json").read_text("utf-8"))
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operation_id"])
BASE = "https://api.datadoghq.eu"


@pytest.fixture
async def session():
    async with CaseSession(api_key="k" * 32, app_key="a" * 40, site="datadoghq.eu", retry=None) as session:
        yield session


def filled(example: Any) -> Any:
    """An example of the reference with a number where it only says that one stands there."""
    if isinstance(example, dict):
        return {key: filled(value) for key, value in example.items()}
    if isinstance(example, list):
        return [filled(value) for value in example]
    return 7 if example == "integer" else example


def run(session: CaseSession, operation: dict[str, Any]) -> Any:
    return CALLS[operation["operation_id"]].run(session, *(IDS[name] for name in operation["path_params"]))


def test_every_row_of_the_reference_is_called_and_no_other():
    assert list(CALLS) == [operation["operation_id"] for operation in OPERATIONS]


@EACH
async def test_request_is_that_of_the_reference(operation, wire, session):
    row = CALLS[operation["operation_id"]]
    wire.answer(operation["success"][0], filled(operation["response_example"]))
    await run(session, operation)

    assert len(wire.sent) == 1
    sent = wire.last
    assert sent.method == operation["method"]
    assert str(sent.url.with_query(None)) == BASE + operation["path"].format(**IDS)
    assert dict(sent.url.query) == dict(row.query)
    assert set(row.query) == {parameter["name"] for parameter in operation["query_params"]}
    assert sent.json == (row.body or operation["body_example"])


@EACH
async def test_headers_are_complete_and_no_more(operation, wire, session):
    wire.answer(operation["success"][0], filled(operation["response_example"]))
    await run(session, operation)

    headers = wire.last.headers
    assert headers["DD-API-KEY"] == "k" * 32
    assert headers["DD-APPLICATION-KEY"] == "a" * 40
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("casemgmt-async/")
    assert headers.get("Content-Type") == ("application/json" if operation["body_example"] else None)
    assert "Authorization" not in headers


@EACH
async def test_answer_is_structured(operation, wire, session):
    row = CALLS[operation["operation_id"]]
    example = filled(operation["response_example"])
    wire.answer(operation["success"][0], example)
    result = await run(session, operation)

    if row.gives is None:
        assert result is None
        return
    # The timeline's answer does not tell its page, so the number asked for stands in for it.
    told = {"meta": {"page": {"current": 2}}} if operation["operation_id"] == "list_case_timeline" else {}
    assert encode(result) == example | told
    if isinstance(row.gives, list):
        assert [type(item) for item in result] == row.gives
        assert [item.id for item in result] == [item["id"] for item in example["data"]]
    elif row.gives is Page:
        assert [item.id for item in result] == [item["id"] for item in example["data"]]
    else:
        assert type(result) is row.gives
        assert result.id == example["data"]["id"]


@pytest.mark.parametrize(
    ("operation", "status"),
    [(operation, status) for operation in OPERATIONS for status in operation["errors"]],
    ids=lambda value: value["operation_id"] if isinstance(value, dict) else str(value),
)
async def test_each_documented_error_becomes_its_class(operation, status, wire, session):
    wire.answer(status, {"errors": ["no such luck"]})
    with pytest.raises(StatusError) as caught:
        await run(session, operation)

    assert type(caught.value) is STATUS_ERRORS[status]
    assert caught.value.status == status
    assert caught.value.route == operation["operation_id"]
    assert [error.title for error in caught.value.errors] == ["no such luck"]


async def test_the_number_of_a_timeline_page_is_the_one_asked_for(wire, session):
    wire.answer(200, {"data": []})
    page = await run(session, next(o for o in OPERATIONS if o["operation_id"] == "list_case_timeline"))
    assert page.number == 2
    assert len(page) == 0


NO_BODY = [operation for operation in OPERATIONS if operation["response_example"] is None]


@pytest.mark.parametrize("operation", NO_BODY, ids=lambda operation: operation["operation_id"])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_an_operation_without_an_answer_takes_any_success(operation, status, wire, session):
    wire.answer(status)
    assert await run(session, operation) is None


DUE = [operation for operation in OPERATIONS if operation["response_example"] is not None]


@pytest.mark.parametrize("operation", DUE, ids=lambda operation: operation["operation_id"])
async def test_an_answer_that_is_due_and_missing_is_an_error(operation, wire, session):
    wire.answer(operation["success"][0])
    with pytest.raises((errors.DecodeError, errors.OutcomeUnknownError)):
        await run(session, operation)
