"""Arguments of a wrong type are refused by name, before any I/O."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import pickle
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from session_tools import bare_server, http, open_session, replies, served
from yarl import URL

from casemgmt_async import CaseSession, ConfigurationError, DecodeError, InvalidArgumentError, RetryPolicy, routes
from casemgmt_async.models import Case, Page
from casemgmt_async.transport.retry import RetryBudget

CASE = b'{"data": {"id": "a", "type": "case", "attributes": {}}}'
KEYS: dict[str, Any] = {"api_key": "an-api-key", "app_key": "an-app-key", "base_url": "http://127.0.0.1:9"}


async def coroutine_function(_: object) -> None:
    """A listener that nobody would await."""


class AsyncListener:
    async def __call__(self, _: object) -> None:
        """Nobody would await it either."""


@pytest.mark.parametrize(
    ("argument", "value", "match"),
    [
        ("timeout", "5", "number of seconds greater than 0, or None, not '5'"),
        ("timeout", True, "not True"),
        ("timeout", math.nan, "not nan"),
        ("retry", 3, "RetryPolicy, or None to send each request once, not 3"),
        ("retry", False, "RetryPolicy"),
        ("max_concurrency", "3", "whole number of at least 1, not '3'"),
        ("max_concurrency", 1.5, "not 1.5"),
        ("max_concurrency", True, "not True"),
        ("max_body", None, "not None"),
        ("headers", [("X-Team", "ops")], "must map names to values, not list"),
        ("headers", "X-Team: ops", "not str"),
        ("budget", "redis://localhost", r"open_budget\(url\) returns, not str"),
        ("client_session", aiohttp.ClientSession, "not the class ClientSession"),
        ("connector", 5, "connector of aiohttp, not int"),
        ("clock", math.floor, "must be a Clock"),
        ("on_event", 5, "must be a function, not int"),
        ("on_event", coroutine_function, "coroutine function"),
        ("on_event", functools.partial(coroutine_function), "coroutine function"),
        ("on_event", AsyncListener(), "coroutine function"),
    ],
)
def test_an_argument_of_another_type_is_named(argument: str, value: Any, match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match) as caught:
        CaseSession(**{**KEYS, argument: value})
    assert caught.value.argument == argument


def test_options_of_a_variant_are_checked_too() -> None:
    session = CaseSession(**KEYS)
    wrong: list[dict[str, Any]] = [{"timeout": "5"}, {"retry": 3}, {"headers": "X-Team: ops"}]
    for options in wrong:
        with pytest.raises(InvalidArgumentError, match=next(iter(options))):
            session.with_options(**options)
    for listener in (5, coroutine_function):
        with pytest.raises(InvalidArgumentError, match="listener"):
            session.add_listener(listener)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("base_url", ["https://api.datadoghq.com/api/v2", "https://proxy.example/datadog/api/v2/"])
def test_a_base_url_ends_before_the_paths_of_the_routes(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="/api/v2, which the session adds"):
        CaseSession(**{**KEYS, "base_url": base_url})


def test_a_base_url_is_a_string() -> None:
    with pytest.raises(ConfigurationError, match="base_url must be a URL such as"):
        CaseSession(**{**KEYS, "base_url": URL("http://127.0.0.1:9")})


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_session_cannot_be_copied_or_pickled(duplicate: Any) -> None:
    with pytest.raises(TypeError, match="a session cannot be copied or pickled"):
        duplicate(CaseSession(**KEYS))


async def test_a_call_names_a_route_or_a_query_of_another_type() -> None:
    async with CaseSession(**KEYS, retry=None) as session:
        with pytest.raises(InvalidArgumentError, match=r"route: must be a Route, such as routes\.GET_CASE, not str"):
            await session.raw("get_case", "a")  # type: ignore[arg-type]  # the mistake
        with pytest.raises(InvalidArgumentError, match="query: must map names to values, not list"):
            await session.call(routes.SEARCH_CASES, Page[Case], query=[("filter", "a")])  # type: ignore[call-overload]
        with pytest.raises(InvalidArgumentError, match="replay: must be a Replay, not 'read'"):
            await session.raw(routes.GET_CASE, "a", replay="read")  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("value", ["a-token-of-a-vault", None, 5])
async def test_a_supplier_of_tokens_that_is_no_coroutine_function_is_refused(value: Any) -> None:
    options = {"api_key": None, "app_key": None, "access_token": lambda: value}
    async with open_session("http://127.0.0.1:9", **options) as session:
        with pytest.raises(ConfigurationError, match="must be a coroutine function") as caught:
            await session.raw(routes.GET_CASE, "a")
    assert "vault" not in str(caught.value)


async def test_proxies_of_the_environment_are_read_only_by_a_client_session_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """aiohttp reads them with `trust_env`; by default it does not."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with bare_server(replies(http(CASE))) as proxy, bare_server(replies(http(CASE))) as wire:
        monkeypatch.setenv("http_proxy", proxy.base_url)
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url)
        async with open_session(wire.base_url) as session:
            await session.raw(routes.GET_CASE, "a")
        assert (len(wire.requests), len(proxy.requests)) == (1, 0)
        async with (
            aiohttp.ClientSession(trust_env=True) as client,
            open_session(wire.base_url, client_session=client) as session,
        ):
            await session.raw(routes.GET_CASE, "a")
        assert (len(wire.requests), len(proxy.requests)) == (1, 1)


async def test_a_page_of_a_proxy_is_described_and_not_quoted() -> None:
    page = http(b"<html>Sign in</html>", Content_Type="text/html; x=api-key-5f1d9c")
    async with served(page, retry=RetryPolicy(attempts=1)) as (_, session):
        with pytest.raises(DecodeError, match=r"the body of 20 bytes \(text/html; x=<secret>\) is not JSON"):
            await session.call(routes.GET_CASE, Case, "a")


DOCS = Path(__file__).parents[2] / "docs"
POLICY = RetryPolicy()
DEFAULTS = {name: each.default for name, each in inspect.signature(CaseSession).parameters.items()}


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("faults", f"| attempts of one call | {POLICY.attempts} |"),
        ("faults", f"random, at most {POLICY.initial_backoff:g} s, doubling up to {POLICY.max_backoff:g} s |"),
        ("faults", f"longest wait that the service may ask for | {POLICY.max_retry_after:g} s;"),
        ("faults", f"| one attempt | {POLICY.attempt_timeout:g} s, then it counts as lost |"),
        ("faults", f"| the whole call, waits included | {DEFAULTS['timeout']:g} s |"),
        (
            "faults",
            f"| retries of all calls together | {RetryBudget().tokens:g} at once; each success adds half a retry |",
        ),
        ("faults", f"a body of more than {DEFAULTS['max_body'] / 2**20:g} MiB decompressed (`max_body`"),
        (
            "sessions",
            f"`timeout` bounds one whole call with its retries and its waits: {DEFAULTS['timeout']:g} seconds",
        ),
        ("sessions", f"`max_concurrency` ({DEFAULTS['max_concurrency']}) is the number of requests in flight"),
        ("web-apps", f"(`max_concurrency`, {DEFAULTS['max_concurrency']})"),
    ],
)
def test_the_pages_state_the_defaults(page: str, sentence: str) -> None:
    assert sentence in DOCS.joinpath(f"{page}.md").read_text("utf-8")
