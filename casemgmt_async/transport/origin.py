"""The origin that a session calls, and the URL of each route below it.

Keys are sent to this origin and to no other. It is checked once, when the session is made.
"""

from __future__ import annotations

import enum
import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from yarl import URL

from casemgmt_async.errors import ConfigurationError, InvalidArgumentError
from casemgmt_async.routes import Route

__all__ = ["SITES", "Origin", "web_address"]

SITES: Final = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
"""The sites of the service; each answers at `https://api.<site>`."""

UNRESERVED: Final = re.compile(r"[A-Za-z0-9_~-]+").fullmatch  # needs no encoding; without dots, see `path_segment`
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
SURROGATE: Final = re.compile(r"[\ud800-\udfff]").search
MAX_DIGITS: Final = 18
"""The longest whole number in a query; no count of the API comes near it."""


def web_address(base_url: str) -> str | None:
    """Return the address of the web application for the base URL of a session.

    None if the base URL is not that of a site, as for an emulator or a proxy.
    """
    site = base_url.removeprefix("https://api.")
    if site not in SITES:
        return None
    return f"https://app.{site}" if site.count(".") == 1 else f"https://{site}"


class Origin:
    """The base of all URLs; makes the URL of a call, in which each id is one whole path segment."""

    __slots__ = ("_templates", "_urls", "base")

    def __init__(self, base_url: str) -> None:
        self.base: Final = checked_base(base_url)
        self._urls: dict[str, URL] = {}
        self._templates: dict[str, str] = {}

    @classmethod
    def of(cls, *, base_url: str | None, site: str | None) -> Origin:
        """Make the origin of the first address that is given: an argument, a variable, or the default site."""
        if base_url:
            return cls(base_url)
        if site:
            return cls.of_site(site)
        for variable, make in (("CASEMGMT_BASE_URL", cls), ("DD_SITE", cls.of_site)):
            value = os.environ.get(variable)
            if value:
                try:
                    return make(value)
                except ConfigurationError as error:
                    raise ConfigurationError(f"{variable}: {error}") from None
        return cls.of_site(SITES[0])

    @classmethod
    def of_site(cls, site: str) -> Origin:
        """Make the origin of a site of the service."""
        if site not in SITES:
            raise ConfigurationError(f"unknown site {site!r}; use one of {', '.join(SITES)}, or pass base_url")
        return cls(f"https://api.{site}")

    def __repr__(self) -> str:
        return f"<Origin {getattr(self, 'base', '')}>"  # in a traceback out of `__init__` it has no base

    def url(self, route: Route, ids: tuple[str, ...], query: Mapping[str, Any] | None) -> URL:
        """Make the URL of one call; `ids` are in the order of `route.parameters`."""
        if len(ids) != len(route.parameters):
            expected = ", ".join(route.parameters) or "none"
            raise InvalidArgumentError(
                "ids", f"{route.name} takes {len(route.parameters)} ids ({expected}), not {len(ids)}"
            )
        if ids:
            template = self._templates.get(route.name) or self._template(route)
            url = URL(template % tuple(map(path_segment, route.parameters, ids)), encoded=True)
        else:
            url = self._urls.get(route.name) or self._urls.setdefault(route.name, URL(self.base + route.path))
        if query and (
            pairs := [(key, text) for key, value in query.items() if (text := query_text(key, value)) is not None]
        ):
            return url.with_query(pairs)
        return url

    def _template(self, route: Route) -> str:
        path = re.sub(r"\{\w+\}", "%s", (self.base + route.path).replace("%", "%%"))
        return self._templates.setdefault(route.name, path)


def checked_base(base_url: str) -> str:
    """Refuse a base URL that could send the keys to another place than the one it shows."""
    try:
        url = URL(base_url)
        host = url.host if isinstance(base_url, str) else None
    except (TypeError, ValueError):
        raise ConfigurationError("base_url is not a URL") from None
    if url.user is not None or url.password is not None or url.raw_query_string or url.raw_fragment:
        raise ConfigurationError("base_url must not contain a user, password, query or fragment")
    if url.scheme not in {"https", "http"} or not host or CONTROL(base_url) or SURROGATE(base_url):
        raise ConfigurationError("base_url must be a URL such as https://api.datadoghq.com")
    if url.path.rstrip("/").endswith("/api/v2"):
        raise ConfigurationError("base_url must end before /api/v2, which the session adds")
    if any(map(str.isspace, base_url)):
        raise ConfigurationError("base_url must not contain blanks")
    if url.scheme == "http" and not is_loopback(host):
        raise ConfigurationError("base_url must be https, because http would show the keys; http is for loopback only")
    return str(url).rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def path_segment(name: str, value: str) -> str:
    """Encode an id as one whole path segment; refuse an id that could change the path."""
    if not isinstance(value, str):
        raise InvalidArgumentError(name, f"must be a string, not {type(value).__name__}")
    if UNRESERVED(value):
        return value
    if value.strip() in {"", ".", ".."}:
        raise InvalidArgumentError(name, "must not be empty, '.' or '..'")
    if CONTROL(value):
        raise InvalidArgumentError(name, f"must not contain control characters: {value!r}")
    if SURROGATE(value):
        raise InvalidArgumentError(name, f"must not contain lone surrogates: {value!r}")
    return quote(value, safe="")


def query_text(key: str, value: Any) -> str | None:
    """The text of a query parameter, or None if the parameter is left out."""
    if isinstance(value, enum.Enum):  # our open enums are strings; the other one is UNSET, which is left out
        value = value.value if isinstance(value, str) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return None
    if isinstance(value, str):
        if SURROGATE(value):  # yarl would drop it without an error
            raise InvalidArgumentError(key, f"must not contain lone surrogates: {value!r}")
        return value
    if isinstance(value, int):
        if abs(value) >= 10**MAX_DIGITS:
            raise InvalidArgumentError(key, f"must have at most {MAX_DIGITS} digits")
        return str(value)
    raise InvalidArgumentError(key, f"must be a string, an integer or a bool, not {type(value).__name__}")
