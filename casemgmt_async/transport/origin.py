"""Where a session calls: one origin, and the URL of every route under it.

Keys travel to this origin and to no other, so it is checked once, strictly, when the session is made.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from yarl import URL

from casemgmt_async.errors import ConfigurationError, InvalidArgumentError
from casemgmt_async.routes import Route

__all__ = ["SITES", "Origin"]

SITES: Final = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
"""The sites of the service; each answers at `https://api.<site>`."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_~-]+").fullmatch  # such an id is its own encoding, dots excepted
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search


class Origin:
    """The base of all URLs; makes the URL of a call, with every id one whole segment of the path."""

    __slots__ = ("_fixed", "_templates", "base")

    def __init__(self, base_url: str) -> None:
        self.base: Final = _checked(base_url)
        self._fixed: dict[str, URL] = {}
        self._templates: dict[str, str] = {}

    @classmethod
    def of(cls, *, base_url: str | None, site: str | None) -> Origin:
        """The origin of one of the two, the base URL first."""
        if base_url:
            return cls(base_url)
        site = site or SITES[0]
        if site not in SITES:
            raise ConfigurationError(f"site {site!r} is not one of {', '.join(SITES)}; name another with base_url")
        return cls(f"https://api.{site}")

    def __repr__(self) -> str:
        return f"<Origin {self.base}>"

    def url(self, route: Route, ids: tuple[str, ...], query: Mapping[str, Any] | None) -> URL:
        """The URL of one call; ids stand in the order of `route.parameters`."""
        if len(ids) != len(route.parameters):
            wanted = ", ".join(route.parameters) or "none"
            raise InvalidArgumentError("ids", f"{route.name} takes {len(route.parameters)} ids ({wanted})")
        if ids:
            template = self._templates.get(route.name) or self._template(route)
            url = URL(template % tuple(map(_segment, route.parameters, ids)), encoded=True)
        else:
            url = self._fixed.get(route.name) or self._fixed.setdefault(route.name, URL(self.base + route.path))
        if query and (
            pairs := [(key, text) for key, value in query.items() if (text := _text(key, value)) is not None]
        ):
            return url.with_query(pairs)
        return url

    def _template(self, route: Route) -> str:
        path = re.sub(r"\{\w+\}", "%s", (self.base + route.path).replace("%", "%%"))
        return self._templates.setdefault(route.name, path)


def _checked(base_url: str) -> str:
    try:
        url = URL(base_url)
        host = url.host
    except (TypeError, ValueError):
        raise ConfigurationError("base_url is not a URL") from None
    if url.user is not None or url.password is not None or url.raw_query_string or url.raw_fragment:
        raise ConfigurationError("base_url must have no user, password, query or fragment")
    if url.scheme not in {"https", "http"} or not host or _CONTROL(base_url):
        raise ConfigurationError("base_url must be a URL such as https://api.datadoghq.com")
    if url.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError("base_url must be https; plain http would show the keys, and is for loopback only")
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _segment(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise InvalidArgumentError(name, f"must be text, not {type(value).__name__}")
    if _PLAIN(value):
        return value
    if not value or value in {".", ".."}:
        raise InvalidArgumentError(name, "must not be empty, '.' or '..'")
    if _CONTROL(value):
        raise InvalidArgumentError(name, "must have no control characters")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise InvalidArgumentError(name, "must be text that UTF-8 can hold") from None


def _text(key: str, value: Any) -> str | None:
    if isinstance(value, enum.Enum):  # our open enums are text; UNSET is an enum that means: leave it out
        value = value.value if isinstance(value, str) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise InvalidArgumentError(key, f"must be text, a whole number or a truth value, not {type(value).__name__}")
