"""Who a session is: keys or a token, as headers that nothing prints."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from multidict import CIMultiDict, istr

from casemgmt_async.errors import ConfigurationError, InvalidArgumentError

__all__ = ["Access", "Secret", "TokenSupplier", "checked_headers"]

TokenSupplier = Callable[[], Awaitable[str]]
"""Is awaited for a bearer token: before the first call, and again when a token is refused."""

_API_KEY: Final = istr("DD-API-KEY")
_APP_KEY: Final = istr("DD-APPLICATION-KEY")
_BEARER: Final = istr("Authorization")

_SHORTEST: Final = 8
"""Characters of a secret that is one."""

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+").fullmatch
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE: Final = re.compile(r"[\x20-\x7e\x80-\xff\t]*").fullmatch
_OURS: Final = frozenset(
    {
        *("accept-encoding", "content-encoding", "content-length", "content-type", "transfer-encoding"),
        *("authorization", "cookie", "dd-api-key", "dd-application-key", "proxy-authorization"),
        *("connection", "expect", "host", "te", "trailer", "upgrade"),
    }
)


class Secret(str):
    """Text that no repr shows, so that neither a log of headers nor the locals of a traceback do."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be pickled")


class Access:
    """The credentials of a session, and the headers made from them."""

    __slots__ = ("_fixed", "_lock", "_problem", "_supplier", "_token")

    def __init__(self, api_key: str | None, app_key: str | None, token: str | TokenSupplier | None) -> None:
        self._fixed: dict[istr, Secret] = {}
        self._supplier = token if callable(token) else None
        self._token: Secret | None = None
        self._lock = asyncio.Lock()
        self._problem: str | None = None
        if token is not None:
            if api_key or app_key:
                self._problem = "pass keys or access_token, not both"
            if isinstance(token, str):
                self._token = Secret(token)
                self._problem = self._problem or _flaw("access_token", token)
            return
        missing = []
        for name, argument, value in ((_API_KEY, "api_key", api_key), (_APP_KEY, "app_key", app_key)):
            variable = name.replace("-", "_").replace("APPLICATION", "APP")
            found = value or os.environ.get(variable)
            if found:
                self._fixed[name] = Secret(found)
                self._problem = self._problem or _flaw(argument, found)
            else:
                missing.append((argument, variable))
        if missing:
            arguments, variables = (" and ".join(names) for names in zip(*missing, strict=True))
            verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
            self._problem = f"{arguments} {verb} missing: pass {them}, or set {variables}, or pass access_token"

    def __repr__(self) -> str:
        kind = "supplied token" if self._supplier else "token" if self._token else "keys"
        return f"<Access by {kind}>"

    def check(self) -> None:
        """Refuse credentials that are missing or cannot stand in a header.

        Not done where they are taken in: the locals of that frame are the credentials themselves.
        """
        if self._problem is not None:
            raise ConfigurationError(self._problem)

    @property
    def renewable(self) -> bool:
        """Whether a refused token can be replaced."""
        return self._supplier is not None

    @property
    def token(self) -> Secret | None:
        """The token in use, to be handed back to `renew` when the service refuses it."""
        return self._token

    def headers(self, extra: Mapping[str, str]) -> CIMultiDict[str]:
        """The headers of a request: who is calling, and `extra`."""
        headers = CIMultiDict(extra)
        headers.update(self._fixed)
        if self._token is not None:
            headers[_BEARER] = Secret(f"Bearer {self._token}")
        return headers

    def redacted(self, body: bytes) -> bytes:
        """What the service said, without our secrets, should it repeat one of them.

        What is shorter than any key is a stand-in, and may be part of any word.
        """
        for secret in filter(None, (self._token, *self._fixed.values())):
            if len(secret) >= _SHORTEST:
                body = body.replace(secret.encode(), b"<secret>")
        return body

    async def renew(self, refused: Secret | None) -> None:
        """Have a token supplied; calls that had the same one refused share what one of them fetches."""
        if self._supplier is None:
            return
        async with self._lock:
            if self._token is not refused:
                return
            try:
                supplied = Secret(await self._supplier())
            except Exception as error:
                raise ConfigurationError(f"the supplier of the access token failed: {type(error).__name__}") from error
            if not _PRINTABLE(supplied):
                raise ConfigurationError("the supplier of the access token gave something that is no token")
            self._token = supplied


def _flaw(argument: str, value: str) -> str | None:
    return None if _PRINTABLE(value) else f"{argument} must be printable ASCII without spaces"


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Extra headers as a caller may give them: none that could smuggle in another, none that are ours to set."""
    checked: dict[str, str] = {}
    for name, value in (headers or {}).items():
        if not (isinstance(name, str) and _NAME(name)):
            raise InvalidArgumentError("headers", "a name must be a plain token such as X-Team")
        if name.lower() in _OURS:
            raise InvalidArgumentError("headers", f"{name} is set by the session")
        if not (isinstance(value, str) and _VALUE(value)):
            raise InvalidArgumentError("headers", f"the value of {name} must be text without control characters")
        checked[name] = value
    return checked
