"""`CaseSession`: credentials, address, and one `call` for all operations."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar, overload

import aiohttp
from aiohttp.typedefs import StrOrURL
from multidict import CIMultiDict

from casemgmt_async import codec
from casemgmt_async.errors import ConfigurationError, DecodeError, InvalidArgumentError
from casemgmt_async.routes import GET_CURRENT_USER, Replay, Route
from casemgmt_async.transport.arguments import (
    call_options,
    check_arguments,
    check_listener,
    read_proxy,
    user_agent,
)
from casemgmt_async.transport.attempt import RawResponse, Request
from casemgmt_async.transport.caller import Caller
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.credentials import Credentials, TokenSupplier, checked_headers
from casemgmt_async.transport.events import Events, Listener
from casemgmt_async.transport.origin import Origin
from casemgmt_async.transport.pool import Pool
from casemgmt_async.transport.retry import RetryPolicy
from casemgmt_async.transport.shared_budget import SharedBudget

if TYPE_CHECKING:
    from casemgmt_async.transport.leases import Leases

__all__ = ["CaseSession"]

T = TypeVar("T")

IDENTIFY_TIMEOUT: Final = 10.0
"""Time limit, in seconds, of the call that reads the organisation for a shared budget."""
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
        check_arguments(
            base_url=base_url,
            site=site,
            client_session=client_session,
            connector=connector,
            ssl=ssl,
            budget=budget,
            max_concurrency=max_concurrency,
            max_body=max_body,
            on_event=on_event,
            clock=clock,
        )
        self._origin: Final = Origin.of(base_url=base_url, site=site)
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
        variant = object.__new__(type(self))
        vars(variant).update(vars(self))
        variant._options = call_options(
            options.timeout if timeout is UNCHANGED else timeout,
            options.retry if retry is UNCHANGED else retry,
            {**options.extra_headers, **checked_headers(headers)},
            options.request_options,
        )
        variant._owns_pool = False
        return variant

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be copied or pickled: it holds keys and connections; make another one")

    def add_listener(self, listener: Listener) -> None:
        """Call `listener`, a plain function, with every event of this session and its variants."""
        check_listener("listener", listener)
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
        request = self._request(route, ids, query, body, replay)
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
        expects_body: bool | None = None,
    ) -> Request:
        """Check a call and write its request; by default only the success of a read must have a body."""
        self._pool.check()
        try:
            url = self._origin.url(route, ids, query)
        except AttributeError:  # checked only here: the endpoints pass the right types
            require_types(route, query)
            raise
        if replay is None:
            replay = route.replay
        elif not isinstance(replay, Replay):
            raise InvalidArgumentError("replay", f"must be a Replay, not {replay!r}")
        encoded = None if body is None else codec.dump(body)
        return Request(
            route, replay, ids, url, encoded, replay is Replay.READ if expects_body is None else expects_body
        )


def require_types(route: object, query: object) -> None:
    """Refuse a route and a query of other types."""
    if not isinstance(route, Route):
        raise InvalidArgumentError("route", f"must be a Route, such as routes.GET_CASE, not {type(route).__name__}")
    if query is not None and not isinstance(query, Mapping):
        raise InvalidArgumentError("query", f"must map names to values, not {type(query).__name__}")


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
