"""The credentials of a session, as headers that no repr shows."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

from multidict import CIMultiDict, istr

from casemgmt_async.errors import ConfigurationError, InvalidArgumentError
from casemgmt_async.transport.user_code import UserCodeError

__all__ = ["Credentials", "Secret", "TokenSupplier", "checked_headers"]

TokenSupplier = Callable[[], Awaitable[str]]
"""A coroutine function that gives a bearer token; awaited before the first call, and again after a 401."""

API_KEY: Final = istr("DD-API-KEY")
APP_KEY: Final = istr("DD-APPLICATION-KEY")
BEARER: Final = istr("Authorization")

REDACTED: Final = "<secret>"
MIN_SECRET_LENGTH: Final = 8
"""Minimum length of a secret to redact; shorter values are test placeholders, and may be part of any word."""

PRINTABLE: Final = re.compile(r"[\x21-\x7e]+").fullmatch
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\x80-\xff\t]*").fullmatch
RESERVED_HEADERS: Final = frozenset(
    {
        *("accept-encoding", "content-encoding", "content-length", "content-type", "transfer-encoding"),
        *("authorization", "cookie", "dd-api-key", "dd-application-key", "proxy-authorization"),
        *("connection", "expect", "host", "te", "trailer", "upgrade"),
    }
)
"""Headers that the session sets itself, or that could change how the request is read; in lower case."""


class Secret(str):
    """A string whose repr hides it, so that logs of headers and locals of tracebacks do not show it.

    A copy is the same secret, because recorders of requests copy headers and send them. A pickle does not contain it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, ("<secret>",)


class Credentials:
    """Two keys, a token, or a supplier of tokens; makes the headers that carry them."""

    __slots__ = ("_fixed", "_lock", "_pattern", "_pattern_token", "_problem", "_supplier", "_token")

    def __init__(self, api_key: str | None, app_key: str | None, token: str | TokenSupplier | None) -> None:
        self._fixed: dict[istr, Secret] = {}
        self._supplier = token if callable(token) else None
        self._token: Secret | None = None
        self._lock = asyncio.Lock()
        self._problem: str | None = None
        self._pattern: re.Pattern[str] | None = None
        self._pattern_token: Secret | None = None
        if token is not None:
            if api_key or app_key:
                self._problem = "pass either keys or access_token, not both"
            if self._supplier is None:
                self._problem = self._problem or flaw("access_token", token)
                self._token = Secret(token)
            return
        missing = []
        for name, argument, value in ((API_KEY, "api_key", api_key), (APP_KEY, "app_key", app_key)):
            variable = name.replace("-", "_").replace("APPLICATION", "APP")
            found = value or os.environ.get(variable)
            if found:
                self._fixed[name] = Secret(found)
                self._problem = self._problem or flaw(argument if value else variable, found)
            else:
                missing.append((argument, variable))
        if missing:
            arguments, variables = (" and ".join(names) for names in zip(*missing, strict=True))
            verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
            self._problem = f"{arguments} {verb} missing: pass {them}, or set {variables}, or pass access_token"

    def __repr__(self) -> str:
        kind = "token supplier" if self._supplier else "token" if self._token else "keys"
        return f"<Credentials {kind}>"

    def check(self) -> None:
        """Raise `ConfigurationError` for credentials that are missing or that no header can hold.

        `__init__` does not raise it, because a traceback with the locals of that frame would show the credentials.
        """
        if self._problem is not None:
            raise ConfigurationError(self._problem)

    @property
    def renewable(self) -> bool:
        """Whether a refused token can be replaced."""
        return self._supplier is not None

    @property
    def token(self) -> Secret | None:
        """The current token; pass it to `renew` when the service refuses it."""
        return self._token

    def identity(self) -> str | None:
        """The API key, or the current token, which identify the organisation."""
        return self._fixed.get(API_KEY) or self._token

    def headers(self, extra: Mapping[str, str]) -> CIMultiDict[str]:
        """Make the headers of a request: `extra` and the credentials."""
        headers = CIMultiDict(extra)
        headers.update(self._fixed)
        if self._token is not None:
            headers[BEARER] = Secret(f"Bearer {self._token}")
        return headers

    def redact(self, text: str) -> str:
        """Replace the credentials in a text of the service, however it has escaped them."""
        if self._pattern is None or self._pattern_token is not self._token:
            secrets = [each for each in (self._token, *self._fixed.values()) if each and len(each) >= MIN_SECRET_LENGTH]
            # Without secrets the pattern is one that never matches.
            self._pattern = re.compile("|".join(map(escaped_forms, secrets)) if secrets else r"(?!)")
            self._pattern_token = self._token
        return self._pattern.sub(REDACTED, text)

    async def renew(self, refused: Secret | None) -> None:
        """Get a new token in place of `refused`; concurrent calls that had the same token refused share one request.

        An exception of the supplier is raised as a `UserCodeError`.
        """
        if self._supplier is None:
            return
        async with self._lock:
            if self._token is not refused:
                return
            try:
                pending = awaitable_or_type(self._supplier())
                supplied = None if isinstance(pending, type) else secret_or_type(await pending)
            except Exception as error:
                raise UserCodeError(error) from error
            if supplied is None:
                raise ConfigurationError("the supplier of the access token must be a coroutine function (`async def`)")
            if not isinstance(supplied, Secret):
                raise ConfigurationError(
                    f"the supplier of the access token must return a string, not {supplied.__name__}"
                )
            if not PRINTABLE(supplied):
                raise ConfigurationError("the supplier of the access token returned an empty or unprintable string")
            self._token = supplied


def awaitable_or_type(value: object) -> Awaitable[object] | type:
    """What can be awaited, or the type of anything else: a traceback must not show the value."""
    return value if isinstance(value, Awaitable) else type(value)


def secret_or_type(value: object) -> Secret | type:
    """A secret of a string, or the type of anything else: a traceback must not show the value."""
    return Secret(value) if isinstance(value, str) else type(value)


def escaped_forms(secret: str) -> str:
    """A pattern for a secret of which any character may be escaped as in JSON or in a URL."""
    forms = (
        rf"(?:{re.escape(char)}|\\+u00{ord(char):02x}|\\+u00{ord(char):02X}"
        + ("" if char.isalnum() else rf"|\\+{re.escape(char)}|%{ord(char):02X}|%{ord(char):02x}")
        + ")"
        for char in secret
    )
    return "".join(forms)


def flaw(name: str, value: object) -> str | None:
    """What is wrong with a credential; None if it can be sent in a header."""
    if not isinstance(value, str):
        return f"{name} must be a string, not {type(value).__name__}"
    return None if PRINTABLE(value) else f"{name} must be printable ASCII without blanks or line breaks, and not empty"


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Copy extra headers; refuse names and values that would change the request or that the session sets itself."""
    checked: dict[str, str] = {}
    if headers is None:
        return checked
    if not isinstance(headers, Mapping):
        raise InvalidArgumentError("headers", f"must map names to values, not {type(headers).__name__}")
    for name, value in headers.items():
        if not (isinstance(name, str) and HEADER_NAME(name)):
            raise InvalidArgumentError("headers", "a name must be a token such as X-Team")
        if name.lower() in RESERVED_HEADERS:
            raise InvalidArgumentError("headers", f"{name} is set by the session")
        if not (isinstance(value, str) and HEADER_VALUE(value)):
            raise InvalidArgumentError("headers", f"the value of {name} must be text without control characters")
        checked[name] = value
    return checked
