"""`CaseSession`: credentials, address, and one `call` for all operations."""

from __future__ import annotations

import asyncio
import base64
import copy
import os
import platform
import threading
from collections.abc import Mapping
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

import aiohttp
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict
from yarl import URL

from casemgmt_async import codec
from casemgmt_async._version import __version__
from casemgmt_async.errors import ConfigurationError, DecodeError, InvalidArgumentError, SessionClosedError
from casemgmt_async.routes import GET_CURRENT_USER, Replay, Route
from casemgmt_async.transport.attempt import RawResponse, Request
from casemgmt_async.transport.caller import Caller, CallOptions
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.credentials import Credentials, Secret, TokenSupplier, checked_headers
from casemgmt_async.transport.events import Events, Listener
from casemgmt_async.transport.origin import Origin
from casemgmt_async.transport.retry import RetryPolicy
from casemgmt_async.transport.shared_budget import SharedBudget

if TYPE_CHECKING:
    from casemgmt_async.transport.leases import Leases

__all__ = ["CaseSession"]

T = TypeVar("T")

IDENTIFY_TIMEOUT: Final = 10.0
"""Seconds in which the organisation of a shared budget is read."""
UNCHANGED: Final[Any] = object()  # the default of options for which None has a meaning of its own


class CaseSession:
    """Hold the credentials, the connections and the rate limits of one user of the API.

    Every argument is optional. Without `access_token`, the keys come from the arguments, or from `DD_API_KEY` and
    `DD_APP_KEY`. The address is the first of these that is given: `base_url`, `site`, `CASEMGMT_BASE_URL`, `DD_SITE`,
    datadoghq.com.

    - `access_token`: an OAuth bearer token instead of keys, or a coroutine function that returns one. The function is
      awaited before the first call, and once more for a call whose token is refused with 401.
    - `timeout`: seconds for one whole call, with its retries and waits; None for no deadline.
    - `retry`: how often and how long a call is retried; None to send each request once.
    - `max_concurrency`: the number of requests in flight at the same time; further calls wait, first in, first out.
    - `budget`: a count of requests that processes on any machine share, so that together they keep to the rate limit of
      the organisation; see `integrations.budgets.open_budget`. The session enters it, and leaves it when it is closed.
    - `headers`: extra headers for every request.
    - `client_session`: an `aiohttp.ClientSession` to use; it is not closed. Without it the session makes its own, with
      `connector` if that is given; it closes both.
    - `proxy`, `ssl`: as in aiohttp. `ssl` can hold a CA or client certificate, and cannot switch verification off.
    - `max_body`: maximum number of bytes of an answer, decompressed.
    - `on_event`: called with every event (see `transport.events`); must return quickly.
    - `clock`: clocks, sleep and random numbers, for tests.

    Use it with `async with`, or call `close()`. All tasks of one event loop can share it.
    Raises `ConfigurationError` before any I/O if credentials or address are missing or not usable.
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
        budget: SharedBudget | None = None,
        headers: Mapping[str, str] | None = None,
        client_session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        proxy: StrOrURL | None = None,
        ssl: SSLContext | aiohttp.Fingerprint | None = None,
        max_body: int = 64 * 1024 * 1024,
        on_event: Listener | None = None,
        clock: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        credentials, proxy_options = Credentials(api_key, app_key, access_token), read_proxy(proxy)
        del api_key, app_key, access_token, proxy  # a traceback with the locals of this frame must not show them
        credentials.check()
        if proxy_options is None:
            raise ConfigurationError("proxy is not a URL such as http://user:password@proxy.example:3128")
        check_combinations(client_session, connector, ssl, base_url, site)
        for name, number in (("max_concurrency", max_concurrency), ("max_body", max_body)):
            if number < 1:
                raise InvalidArgumentError(name, "must be at least 1")
        if not site:
            base_url = base_url or os.environ.get("CASEMGMT_BASE_URL")
        self._origin: Final = Origin.of(base_url=base_url, site=site or os.environ.get("DD_SITE"))
        events = Events()
        if on_event is not None:
            events.add(on_event)
        request_options: dict[str, Any] = dict(proxy_options)
        if ssl is not None:
            request_options["ssl"] = ssl
        defaults = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": user_agent()}
        if self._origin.base.startswith("http:"):  # no CONNECT: the proxy reads the headers of the request itself
            defaults.update(request_options.get("proxy_headers", {}))
        self._options = call_options(timeout, retry, {**defaults, **checked_headers(headers)}, request_options)
        # aiohttp sends the headers of its session to a proxy, too, and adds those of a request to them one by one.
        own = client_session is None and not proxy_options
        shared = credentials.headers(self._options.extra_headers) if own else CIMultiDict()
        self._pool = Pool(client_session, connector, max_concurrency, shared)
        self._caller: Final = Caller(
            credentials=credentials,
            client=self._pool.client,
            default_headers=shared,
            parse_errors=codec.decode_errors,
            events=events,
            max_concurrency=max_concurrency,
            max_body=max_body,
            clock=clock,
            leases=None if budget is None else self._leases(budget, credentials, clock),
        )
        self._owns_pool = True

    def _leases(self, budget: SharedBudget, credentials: Credentials, clock: Clock) -> Leases:
        from casemgmt_async.transport.leases import Leases  # noqa: PLC0415 - only a shared budget needs it

        return Leases(
            budget=budget,
            service=self._origin.base,
            credential=credentials.identity,
            identify=self._organization,
            identifying_route=GET_CURRENT_USER.name,
            clock=clock,
        )

    def __repr__(self) -> str:
        origin, pool = getattr(self, "_origin", None), getattr(self, "_pool", None)
        if origin is None or pool is None:  # in a traceback out of `__init__`
            return "<CaseSession>"
        return f"<CaseSession {origin.base}{' closed' if pool.closed else ''}>"

    async def __aenter__(self) -> Self:
        self._pool.check()
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
        """The base of all URLs that the session calls."""
        return self._origin.base

    async def close(self) -> None:
        """Close the connections; calls that wait raise `SessionClosedError`.

        Closing twice does nothing, and closing a variant from `with_options` does nothing.
        """
        if self._owns_pool and not self._pool.closed:
            self._pool.check()
            self._caller.close()
            try:
                if self._caller.leases is not None:
                    await self._caller.leases.close()
            finally:
                await self._pool.close()

    def with_options(
        self,
        *,
        timeout: float | None = UNCHANGED,
        retry: RetryPolicy | None = UNCHANGED,
        headers: Mapping[str, str] | None = None,
    ) -> CaseSession:
        """Return a variant of this session with another time-out, other retries or more headers.

        The variant shares everything else, and is closed when this session is closed.
        """
        options = self._options
        variant = copy.copy(self)
        variant._options = call_options(  # noqa: SLF001 - of a copy of this session
            options.timeout if timeout is UNCHANGED else timeout,
            options.retry if retry is UNCHANGED else retry,
            {**options.extra_headers, **checked_headers(headers)},
            options.request_options,
        )
        variant._owns_pool = False  # noqa: SLF001
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
        """Call any operation and return its answer as a model.

        `answer` is the type of the answer: a model, `list[Model]`, `Page[Model]`, or None if the body is ignored.
        `ids` are the path parameters in order, each sent as one whole path segment. In `query`, None and `UNSET` are
        left out; in `body`, only `UNSET` is. `replay` replaces the replay class of the route for this call.
        """
        request = self._request(route, ids, query, body, replay, expects_body=answer is not None)
        request.answer = answer
        return await self._caller.run(request, self._options, no_result if answer is None else decoded)

    async def raw(
        self,
        route: Route,
        /,
        *ids: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        replay: Replay | None = None,
    ) -> RawResponse:
        """Call any operation and return status, headers and body as they were received.

        Error statuses are raised as in `call`. Only the success of a read must have a body.
        """
        request = self._request(route, ids, query, body, replay, expects_body=(replay or route.replay) is Replay.READ)
        return await self._caller.run(request, self._options, unread)

    async def _organization(self) -> str | None:
        """The id of the organisation, for a shared budget."""
        from casemgmt_async.models.users import UserAccount  # noqa: PLC0415 - only a shared budget needs it

        once = self.with_options(timeout=IDENTIFY_TIMEOUT, retry=None)
        return (await once.call(GET_CURRENT_USER, UserAccount)).org_id

    def _request(
        self,
        route: Route,
        ids: tuple[str, ...],
        query: Mapping[str, Any] | None,
        body: Any,
        replay: Replay | None,
        *,
        expects_body: bool,
    ) -> Request:
        self._pool.check()
        url = self._origin.url(route, ids, query)
        encoded = None if body is None else codec.dump(body)
        return Request(route, replay or route.replay, ids, url, encoded, expects_body)


class Pool:
    """The aiohttp session: one of our own, made when it is first needed, or one that the user passed.

    It belongs to the event loop in which it is first used.
    """

    def __init__(
        self,
        client: aiohttp.ClientSession | None,
        connector: aiohttp.BaseConnector | None,
        limit: int,
        headers: CIMultiDict[str],
    ) -> None:
        self._client = client
        self._is_foreign = client is not None
        self._connector = connector
        self._limit = limit
        self._headers = headers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = ""
        self.closed = False

    def check(self) -> None:
        """Refuse to be used after `close`, in a second event loop, or in a second thread."""
        if self.closed:
            raise SessionClosedError("the session is closed")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._thread = loop, threading.current_thread().name
        elif loop is not self._loop:
            raise ConfigurationError(
                f"the session belongs to the event loop {self._loop!r} of thread {self._thread!r}, and was used in "
                f"{loop!r} of thread {threading.current_thread().name!r}; make one session for each event loop"
            )

    def client(self) -> aiohttp.ClientSession:
        """The aiohttp session."""
        client = self._client
        if self.closed or (client is not None and client.closed):
            raise SessionClosedError("the session is closed")
        if client is None:
            # The limiter already bounds the concurrency, so no request waits for a connection.
            connector = self._connector or aiohttp.TCPConnector(limit=self._limit)
            jar = aiohttp.DummyCookieJar()
            client = self._client = aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=self._headers)
        return client

    async def close(self) -> None:
        """Close what is not the user's."""
        self.closed = True
        if self._client is not None and not self._is_foreign:
            await self._client.close()
        elif self._client is None and self._connector is not None:
            await self._connector.close()


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


def check_combinations(
    client_session: object, connector: object, ssl: object, base_url: str | None, site: str | None
) -> None:
    """Refuse arguments that exclude each other."""
    if client_session is not None and connector is not None:
        raise ConfigurationError("pass either client_session or connector, not both")
    if base_url and site:
        raise ConfigurationError("pass either base_url or site, not both")
    if ssl is not None and not isinstance(ssl, (SSLContext, aiohttp.Fingerprint)):
        raise ConfigurationError(
            "ssl must be an SSLContext or a Fingerprint; the verification of certificates cannot be switched off"
        )


def call_options(
    timeout: float | None,
    retry: RetryPolicy | None,
    extra_headers: Mapping[str, str],
    request_options: Mapping[str, Any],
) -> CallOptions:
    """Check the options of calls."""
    if timeout is not None and not timeout > 0:
        raise InvalidArgumentError("timeout", "must be greater than 0 seconds, or None")
    policy = RetryPolicy(attempts=1) if retry is None else retry
    return CallOptions(timeout, policy, extra_headers, request_options)


def user_agent() -> str:
    """The versions of the library, Python and aiohttp."""
    return f"casemgmt-async/{__version__} (python {platform.python_version()}; aiohttp {aiohttp.__version__})"


def no_result(_: RawResponse, __: Request) -> None:
    """Ignore the body of a success."""
    return


def unread(response: RawResponse, _: Request) -> RawResponse:
    """Return the answer as it is."""
    return response


def decoded(response: RawResponse, request: Request) -> Any:
    """Decode the body of a success."""
    try:
        return codec.decode(response.body, request.answer)
    except DecodeError as error:
        if error.route is not None:
            raise
        raise DecodeError(error.message, error.path, request.route.name) from error
