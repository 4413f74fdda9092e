"""Every id stays one segment, and keys go to one checked origin only."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from casemgmt_async import routes
from casemgmt_async.errors import ConfigurationError, InvalidArgumentError
from casemgmt_async.models import UNSET, Priority
from casemgmt_async.transport.origin import SITES, Origin

ORIGIN = Origin("https://api.datadoghq.com")
CONTROLS = [*map(chr, range(32)), "\x7f", "\x85", "\u2028"]


def is_unsendable(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


@settings(max_examples=300)
@given(st.text(min_size=1))
def test_any_id_is_one_segment_or_refused(text: str) -> None:
    url = None
    with contextlib.suppress(InvalidArgumentError):
        url = ORIGIN.url(routes.UPDATE_CASE_COMMENT, (text, "c"), None)
    refused = text.strip() in {"", ".", ".."} or not text.isprintable() or any(map(is_unsendable, text))
    if url is None:
        assert refused
        return
    raw = url.raw_path.split("/")
    assert raw[:4] == ["", "api", "v2", "cases"]
    assert raw[5:] == ["comment", "c"]
    assert URL(f"https://x/{raw[4]}", encoded=True).path == f"/{text}"
    assert url.raw_query_string == ""
    assert url.raw_fragment == ""
    assert str(url).isascii()


@pytest.mark.parametrize("text", ["", " ", ".", "..", " .. ", "\ud800", *CONTROLS, "a\r\nX-Evil: 1"])
def test_ids_that_could_reach_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="case_id"):
        ORIGIN.url(routes.GET_CASE, (text,), None)


@pytest.mark.parametrize(
    ("text", "segment"), [("../projects", "..%2Fprojects"), ("a/b", "a%2Fb"), ("%2e%2e", "%252e%252e"), ("é", "%C3%A9")]
)
def test_ids_are_encoded_whole(text: str, segment: str) -> None:
    assert str(ORIGIN.url(routes.GET_CASE, (text,), None)) == f"https://api.datadoghq.com/api/v2/cases/{segment}"


@pytest.mark.parametrize("ids", [(), ("a", "b")])
def test_the_number_of_ids_must_fit(ids: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match="get_case takes 1 ids"):
        ORIGIN.url(routes.GET_CASE, ids, None)


def test_an_id_must_be_text() -> None:
    with pytest.raises(InvalidArgumentError, match="not int"):
        ORIGIN.url(routes.GET_CASE, (5,), None)  # type: ignore[arg-type]


def test_the_query_is_sent_as_text() -> None:
    query = {
        "page[number]": 2,
        "asc": True,
        "not": False,
        "p": Priority.P1,
        "none": None,
        "unset": UNSET,
        "q": "a&b=c +",
    }
    url = ORIGIN.url(routes.SEARCH_CASES, (), query)
    assert dict(url.query) == {"page[number]": "2", "asc": "true", "not": "false", "p": "P1", "q": "a&b=c +"}
    assert url == URL("https://api.datadoghq.com/api/v2/cases").with_query(dict(url.query))


def test_a_query_with_nothing_in_it_is_none() -> None:
    assert ORIGIN.url(routes.SEARCH_CASES, (), {"a": None}).raw_query_string == ""


def test_a_query_value_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="filter"):
        ORIGIN.url(routes.SEARCH_CASES, (), {"filter": ["a"]})


@pytest.mark.parametrize("text", ["a\ud800", "\udfff"])
def test_a_lone_surrogate_in_a_query_is_refused_and_not_dropped(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"filter.*surrogate"):
        ORIGIN.url(routes.SEARCH_CASES, (), {"filter": text})


@pytest.mark.parametrize("number", [10**18, -(10**18), 10**5000], ids=["18", "-18", "5000"])
def test_a_number_that_is_too_long_is_refused(number: int) -> None:
    with pytest.raises(InvalidArgumentError, match=r"page\[number\]"):
        ORIGIN.url(routes.SEARCH_CASES, (), {"page[number]": number})


@pytest.mark.parametrize(
    "url", ["https://x y", " https://x", "https://x ", "https://x/a b", "https://x\u00a0", "https://x\ud800"]
)
def test_an_address_with_blanks_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Origin(url)


@pytest.mark.parametrize("site", SITES)
def test_each_site_has_its_address(site: str) -> None:
    assert Origin.of(base_url=None, site=site).base == f"https://api.{site}"


def test_the_first_site_is_the_default() -> None:
    assert Origin.of(base_url=None, site=None).base == "https://api.datadoghq.com"


@pytest.mark.parametrize(
    "site", ["datadoghq.org", "evil.com/datadoghq.com", "https://datadoghq.com", "app.datadoghq.com"]
)
def test_an_unknown_site_is_refused(site: str) -> None:
    with pytest.raises(ConfigurationError, match="site"):
        Origin.of(base_url=None, site=site)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://localhost:8080", "http://[::1]:80", "http://127.9.9.9"])
def test_plain_http_is_for_loopback(url: str) -> None:
    assert Origin(url).url(routes.GET_CASE, ("a",), None).scheme == "http"


@pytest.mark.parametrize(
    "url",
    [
        *("http://datadoghq.com", "http://10.0.0.1", "http://localhost.evil.com", "http://127.0.0.1.evil.com"),
        *("ftp://datadoghq.com", "api.datadoghq.com", "//x", "https://", "https://user:pw@x", "https://u@x"),
        *("https://x?a=1", "https://x#f", "https://x\r\nHost: y", "https://[::1", "https://x:99999"),
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Origin(url)


def test_a_base_may_have_a_path() -> None:
    base = Origin("https://gate.example/100%25/datadog/")
    assert str(base.url(routes.GET_CASE, ("a",), None)) == "https://gate.example/100%25/datadog/api/v2/cases/a"
    assert str(base.url(routes.SEARCH_CASES, (), None)) == "https://gate.example/100%25/datadog/api/v2/cases"


def test_all_routes_have_a_url() -> None:
    for route in routes.ROUTES:
        url = ORIGIN.url(route, tuple("x" for _ in route.parameters), None)
        assert url.raw_path == route.path.translate({}).format(**dict.fromkeys(route.parameters, "x"))
