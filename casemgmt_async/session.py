"""`CaseSession`: who you are, where you call, and one `call` for all operations."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

import aiohttp
from aiohttp.typedefs import StrOrURL
from yarl import URL

from casemgmt_async import codec
from casemgmt_async._version import __version__
from casemgmt_async.errors import ConfigurationError, DecodeError, InvalidArgumentError, SessionClosedError
from casemgmt_async.routes import Replay, Route
from casemgmt_async.transport.access import Access, TokenSupplier, checked_headers
from casemgmt_async.transport.attempt import RawResponse, Request
from casemgmt_async.transport.caller import Caller, CallOptions
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.events import Events, Listener
from casemgmt_async.transport.origin import Origin
from casemgmt_async.transport.retry import RetryPolicy

__all__ = ["CaseSession"]

T = TypeVar("T")

_KEEP: Final[Any] = object()  # "as it was", where None says something else


class CaseSession:
    """Hold the credentials, the connections and the rate limits of one user of the API.

    Every argument is optional. Without `access_token`, the keys come from the arguments or from `DD_API_KEY` and
    `DD_APP_KEY`. The address is `base_url`, or that of `site`, or `CASEMGMT_BASE_URL`, or that of `DD_SITE`, or
    that of datadoghq.com.

    - `access_token`: an OAuth bearer token instead of keys, or a coroutine function that supplies one; it is
      awaited before the first call, and once more for a call whose token is refused with 401.
    - `timeout`: seconds for one whole call with its retries and waits; None for no deadline.
    - `retry`: how often and how patiently a call is tried; None to send each request once.
    - `max_concurrency`: how many requests are on their way at a time; the others wait their turn.
    - `headers`: to be sent with every request.
    - `client_session`: an `aiohttp.ClientSession` to use, and not to close. Else the session makes its own, with
      `connector` if that is given (which it then closes).
    - `proxy`, `ssl`: as in aiohttp; `ssl` may hold your CA or client certificate, and cannot switch checking off.
    - `max_body`: bytes of the longest answer taken, decompressed.
    - `on_event`: called with every event (see `transport.events`); must be quick.
    - `clock`: clocks, sleep and random numbers, for tests.

    Use it with `async with`, or `close()` it. All tasks of one event loop can share it.
    Raises `ConfigurationError` before any I/O where credentials or address are missing or not usable.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        app_key: str | None = None,
        access_token: str | TokenSupplier | None = None,
        site: str | None = None,
        base_url: str | None = None,
        timeout: float | None = 300.0,
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008 - frozen
        max_concurrency: int = 100,
        headers: Mapping[str, str] | None = None,
        client_session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        proxy: StrOrURL | None = None,
        ssl: SSLContext | aiohttp.Fingerprint | None = None,
        max_body: int = 64 * 1024 * 1024,
        on_event: Listener | None = None,
        clock: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        access = Access(api_key, app_key, access_token)
        del api_key, app_key, access_token  # so that the locals of a traceback from here on do not show them
        access.check()
        _check_given(client_session, connector, ssl, base_url, site)
        for name, number in (("max_concurrency", max_concurrency), ("max_body", max_body)):
            if number < 1:
                raise InvalidArgumentError(name, "must be at least 1")
        if not site:
            base_url = base_url or os.environ.get("CASEMGMT_BASE_URL")
        self._origin: Final = Origin.of(base_url=base_url, site=site or os.environ.get("DD_SITE"))
        events = Events()
        if on_event is not None:
            events.add(on_event)
        self._pool = _Pool(client_session, connector, max_concurrency)
        self._caller: Final = Caller(
            access=access,
            client=self._pool.client,
            explain=codec.decode_errors,
            events=events,
            max_concurrency=max_concurrency,
            max_body=max_body,
            clock=clock,
        )
        given: dict[str, Any] = {}
        if proxy is not None:
            given["proxy"] = URL(proxy)
        if ssl is not None:
            given["ssl"] = ssl
        defaults = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": _user_agent()}
        self._manner = _manner(timeout, retry, {**defaults, **checked_headers(headers)}, given)
        self._owns = True

    def __repr__(self) -> str:
        return f"<CaseSession {self._origin.base}{' closed' if self.closed else ''}>"

    async def __aenter__(self) -> Self:
        if self.closed:
            raise SessionClosedError("the session was closed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether the session has been closed."""
        return self._pool.closed

    @property
    def base_url(self) -> str:
        """The address that all requests go to."""
        return self._origin.base

    async def close(self) -> None:
        """Close the connections; calls that wait get `SessionClosedError`. What `with_options` gave closes nothing."""
        if self._owns and not self._pool.closed:
            self._caller.gate.close()
            await self._pool.close()

    def with_options(
        self,
        *,
        timeout: float | None = _KEEP,
        retry: RetryPolicy | None = _KEEP,
        headers: Mapping[str, str] | None = None,
    ) -> CaseSession:
        """Give a variant of this session with another time-out, other retries or more headers.

        It shares everything else, and it ends when this session is closed.
        """
        manner = self._manner
        variant = object.__new__(CaseSession)
        variant.__dict__.update(self.__dict__)
        variant._manner = _manner(
            manner.timeout if timeout is _KEEP else timeout,
            manner.retry if retry is _KEEP else retry,
            {**manner.extra, **checked_headers(headers)},
            manner.request,
        )
        variant._owns = False
        return variant

    def add_listener(self, listener: Listener) -> None:
        """Call `listener` with every event of this session and its variants."""
        self._caller.events.add(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Stop calling `listener`."""
        self._caller.events.remove(listener)

    @overload
    async def call(
        self,
        route: Route,
        answer: None = None,
        /,
        *ids: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        replay: Replay | None = None,
    ) -> None: ...

    @overload
    async def call(
        self,
        route: Route,
        answer: type[T],
        /,
        *ids: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        replay: Replay | None = None,
    ) -> T: ...

    async def call(
        self,
        route: Route,
        answer: type[T] | None = None,
        /,
        *ids: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        replay: Replay | None = None,
    ) -> T | None:
        """Make one call of any operation, and give its answer as a model.

        `answer` is what the success holds: a model, `list[Model]`, `Page[Model]`, or None for nothing. `ids` are
        the path parameters in order, each sent as one whole segment. In `query`, None and `UNSET` are left out; in
        `body`, `UNSET` is. `replay` overrides what the route says about sending again, for this call.
        """
        order = self._order(route, ids, query, body, replay, due=answer is not None)
        return await self._caller.run(order, self._manner, _nothing if answer is None else _decoded(route, answer))

    async def raw(
        self,
        route: Route,
        /,
        *ids: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        replay: Replay | None = None,
    ) -> RawResponse:
        """Make one call of any operation, and give status, headers and body as they came.

        Error statuses are raised as in `call`. Only a read must have a body.
        """
        order = self._order(route, ids, query, body, replay, due=(replay or route.replay) is Replay.READ)
        return await self._caller.run(order, self._manner, _unread)

    def _order(
        self,
        route: Route,
        ids: tuple[str, ...],
        query: Mapping[str, Any] | None,
        body: Any,
        replay: Replay | None,
        *,
        due: bool,
    ) -> Request:
        if self._pool.closed:
            raise SessionClosedError("the session was closed")
        url = self._origin.url(route, ids, query)
        sent = None if body is None else codec.dump(body)
        return Request(route, replay or route.replay, url, sent, due)


class _Pool:
    """The aiohttp session: ours, made when it is first needed, or one that was handed in."""

    __slots__ = ("_client", "_connector", "_handed_in", "_limit", "closed")

    def __init__(
        self, client: aiohttp.ClientSession | None, connector: aiohttp.BaseConnector | None, limit: int
    ) -> None:
        self._client = client
        self._handed_in = client is not None
        self._connector = connector
        self._limit = limit
        self.closed = False

    def client(self) -> aiohttp.ClientSession:
        client = self._client
        if self.closed or (client is not None and client.closed):
            raise SessionClosedError("the session was closed")
        if client is None:
            # The gate already keeps to the limit, so nobody waits for a connection.
            connector = self._connector or aiohttp.TCPConnector(limit=self._limit)
            client = self._client = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return client

    async def close(self) -> None:
        self.closed = True
        if self._client is not None and not self._handed_in:
            await self._client.close()
        elif self._client is None and self._connector is not None:
            await self._connector.close()


def _check_given(
    client_session: object, connector: object, ssl: object, base_url: str | None, site: str | None
) -> None:
    if client_session is not None and connector is not None:
        raise ConfigurationError("pass client_session or connector, not both")
    if base_url and site:
        raise ConfigurationError("pass base_url or site, not both")
    if ssl is not None and not isinstance(ssl, (SSLContext, aiohttp.Fingerprint)):
        raise ConfigurationError("ssl must be an SSLContext or a Fingerprint; checking cannot be switched off")


def _manner(
    timeout: float | None, retry: RetryPolicy | None, extra: Mapping[str, str], request: Mapping[str, Any]
) -> CallOptions:
    if timeout is not None and not timeout > 0:
        raise InvalidArgumentError("timeout", "must be over 0 seconds, or None")
    policy = RetryPolicy(attempts=1) if retry is None else retry
    return CallOptions(timeout, policy, extra, request)


def _user_agent() -> str:
    return f"casemgmt-async/{__version__} (python {platform.python_version()}; aiohttp {aiohttp.__version__})"


def _nothing(_: RawResponse) -> None:
    return None


def _unread(response: RawResponse) -> RawResponse:
    return response


def _decoded(route: Route, answer: type[T]) -> Callable[[RawResponse], T]:
    def read(response: RawResponse) -> T:
        try:
            return codec.decode(response.body, answer)
        except DecodeError as error:
            if error.route is not None:
                raise
            raise DecodeError(error.message, error.path, route.name) from error

    return read
