"""The arguments of a session: what they must be, and what follows from them."""

from __future__ import annotations

import base64
import inspect
import platform
from collections.abc import Mapping
from ssl import SSLContext
from typing import Any

import aiohttp
from aiohttp.typedefs import StrOrURL
from yarl import URL

from casemgmt_async._version import __version__
from casemgmt_async.errors import ConfigurationError, InvalidArgumentError
from casemgmt_async.transport.caller import CallOptions
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.credentials import Secret
from casemgmt_async.transport.retry import RetryPolicy, is_number
from casemgmt_async.transport.shared_budget import SharedBudget

__all__ = ["call_options", "check_arguments", "check_listener", "read_proxy", "user_agent"]

CLASSES: dict[str, tuple[Any, str]] = {
    "client_session": (aiohttp.ClientSession, "an aiohttp.ClientSession"),
    "connector": (aiohttp.BaseConnector, "a connector of aiohttp"),
    "budget": (SharedBudget, "a shared budget, such as open_budget(url) returns"),
    "clock": (Clock, "a Clock"),
}
"""The arguments that are objects of a class."""
COUNTS = ("max_concurrency", "max_body")
"""The arguments that are whole numbers of at least 1."""


def check_arguments(**arguments: Any) -> None:
    """Refuse arguments of another type than they must have, and those that exclude each other."""
    given = {name: value for name, value in arguments.items() if value is not None}
    if "client_session" in given and "connector" in given:
        raise ConfigurationError("pass either client_session or connector, not both")
    if given.get("base_url") and given.get("site"):
        raise ConfigurationError("pass either base_url or site, not both")
    if not isinstance(given.get("ssl"), SSLContext | aiohttp.Fingerprint | None):
        raise ConfigurationError(
            "ssl must be an SSLContext or a Fingerprint; the verification of certificates cannot be switched off"
        )
    for name, (kind, what) in CLASSES.items():
        if name in given and (isinstance(given[name], type) or not isinstance(given[name], kind)):
            raise InvalidArgumentError(name, f"must be {what}, not {described(given[name])}")
    for name in COUNTS:
        if type(arguments[name]) is not int or arguments[name] < 1:
            raise InvalidArgumentError(name, f"must be a whole number of at least 1, not {arguments[name]!r}")
    if "on_event" in given:
        check_listener("on_event", given["on_event"])


def check_listener(name: str, listener: object) -> None:
    """Refuse what cannot be called, and coroutine functions: nobody would await what they return."""
    if not callable(listener):
        raise InvalidArgumentError(name, f"must be a function, not {described(listener)}")
    if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(type(listener).__call__):
        raise InvalidArgumentError(name, "must be a plain function: a coroutine function would not be awaited")


def described(value: object) -> str:
    """Name the type of a value, or the class that was passed in place of an object."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def read_proxy(proxy: StrOrURL | None) -> dict[str, Any] | None:
    """The arguments of a request for a proxy, with its password as a `Secret`; None if it is not a URL."""
    if proxy is None:
        return {}
    try:
        url = URL(proxy)
        host = url.host
    except (TypeError, ValueError):
        return None
    if not host or url.scheme not in {"http", "https"}:
        return None
    if url.user is None and url.password is None:
        return {"proxy": url}
    login = base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
    return {"proxy": url.with_user(None), "proxy_headers": {"Proxy-Authorization": Secret(f"Basic {login}")}}


def call_options(
    timeout: float | None,
    retry: RetryPolicy | None,
    extra_headers: Mapping[str, str],
    request_options: Mapping[str, Any],
) -> CallOptions:
    """Check the options of calls."""
    if timeout is not None and not (is_number(timeout) and timeout > 0):
        raise InvalidArgumentError("timeout", f"must be a number of seconds greater than 0, or None, not {timeout!r}")
    if retry is not None and not isinstance(retry, RetryPolicy):
        raise InvalidArgumentError("retry", f"must be a RetryPolicy, or None to send each request once, not {retry!r}")
    policy = RetryPolicy(attempts=1) if retry is None else retry
    return CallOptions(timeout, policy, extra_headers, request_options)


def user_agent() -> str:
    """The versions of the library, Python and aiohttp."""
    return f"casemgmt-async/{__version__} (python {platform.python_version()}; aiohttp {aiohttp.__version__})"
