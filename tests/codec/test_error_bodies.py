"""What the body of an error answer says, in every shape it has been seen in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from codec_documents import ANYTHING
from hypothesis import given, settings
from hypothesis import strategies as st

from casemgmt_async.codec import decode_errors
from casemgmt_async.errors import ErrorDetail


@pytest.mark.parametrize(
    ("errors", "read"),
    [
        (["Not Found", "Also"], [ErrorDetail("Not Found"), ErrorDetail("Also")]),
        (
            [{"code": "resource_not_found", "title": "case not found"}],
            [ErrorDetail("case not found", code="resource_not_found")],
        ),
        (
            [{"status": "400", "title": "Bad Request", "detail": 'got type "userx"'}],
            [ErrorDetail("Bad Request", 'got type "userx"', status="400")],
        ),
        ([{"title": "Generic Error", "detail": "invalid"}], [ErrorDetail("Generic Error", "invalid")]),
        ([{"status": 400, "detail": "only this"}], [ErrorDetail("only this", status="400")]),
        ([{"message": "older"}, 7, None, ""], [ErrorDetail("older")]),
        ([{}], [ErrorDetail("error")]),
    ],
)
def test_the_shapes(errors: Any, read: list[ErrorDetail]) -> None:
    assert decode_errors(json.dumps({"errors": errors}).encode()) == tuple(read)


@pytest.mark.parametrize("body", [b"<html>502 Bad Gateway</html>", b'{"status": "error"}', b'{"errors": 5}', b'"text"'])
def test_another_body_is_quoted(body: bytes) -> None:
    assert decode_errors(body, "text/html") == (ErrorDetail(body.decode()),)


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_says_nothing(body: bytes) -> None:
    assert decode_errors(body) == ()


def test_what_is_kept_is_bounded() -> None:
    (quoted,) = decode_errors(b"<" + b"\xff" * 10_000_000)
    assert len(quoted.title) == 1000
    many = decode_errors(json.dumps({"errors": ["x" * 5000] * 5000}).encode())
    assert (len(many), len(many[0].title)) == (100, 1000)


@settings(max_examples=150)
@given(
    st.binary(max_size=40)
    | ANYTHING.map(json.dumps).map(str.encode)
    | st.builds(lambda e: json.dumps({"errors": e}).encode(), ANYTHING)
)
def test_it_never_fails(body: bytes) -> None:
    assert all(isinstance(detail, ErrorDetail) for detail in decode_errors(body, None))
