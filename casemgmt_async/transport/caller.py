"""One call: admission, attempt, classification, and maybe a wait and another attempt, under one deadline."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import aiohttp
from attrs import define, field
from multidict import CIMultiDict

from casemgmt_async.errors import (
    AuthenticationError,
    CaseManagementError,
    DecodeError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from casemgmt_async.routes import Replay, Route
from casemgmt_async.transport.attempt import RawResponse, Request, SendTracker, send
from casemgmt_async.transport.classify import (
    Failure,
    FailureKind,
    ParseErrors,
    Redact,
    classify,
    is_json,
    read_request_id,
)
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.credentials import Credentials, Secret, checked_headers
from casemgmt_async.transport.deadlines import Deadlines
from casemgmt_async.transport.events import (
    CallFailed,
    CallSucceeded,
    Event,
    Events,
    RateLimited,
    RequestStarted,
    ResponseReceived,
    RetryScheduled,
)
from casemgmt_async.transport.limiter import Limiter
from casemgmt_async.transport.retry import DECISIONS, Decision, RetryBudget, RetryPolicy
from casemgmt_async.transport.turns import Turns
from casemgmt_async.transport.user_code import UserCodeError

if TYPE_CHECKING:
    from casemgmt_async.transport.leases import Leases

__all__ = ["CallOptions", "Caller"]

T = TypeVar("T")
R = TypeVar("R")


@define(eq=False)
class CallOptions:
    """The options of calls that `with_options` varies, and the headers that follow from them."""

    timeout: float | None
    retry: RetryPolicy
    extra_headers: Mapping[str, str]
    request_options: Mapping[str, Any]
    """Arguments for aiohttp that are the same for every request."""
    _token: Secret | None = None
    _headers: tuple[CIMultiDict[str], CIMultiDict[str]] | None = field(default=None, repr=False)

    def headers(self, credentials: Credentials, has_body: bool, defaults: Mapping[str, str]) -> CIMultiDict[str]:
        """The headers of a request without those of `defaults`; made again only when the token has changed."""
        if self._headers is None or self._token is not credentials.token:
            every = credentials.headers(self.extra_headers)
            without_body = CIMultiDict({name: value for name, value in every.items() if defaults.get(name) != value})
            with_body = without_body.copy()
            with_body["Content-Type"] = "application/json"
            self._token, self._headers = credentials.token, (without_body, with_body)
        return self._headers[has_body]


class Caller:
    """What all calls of a session share."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        client: Callable[[], aiohttp.ClientSession],
        default_headers: Mapping[str, str],
        parse_errors: ParseErrors,
        events: Events,
        max_concurrency: int,
        max_body: int,
        clock: Clock,
        leases: Leases | None = None,
    ) -> None:
        self.limiter: Final = Limiter(max_concurrency, clock, leases)
        self.leases: Final = leases
        self.deadlines: Final = Deadlines()
        self.retry_budget: Final = RetryBudget()
        self.events: Final = events
        self.credentials: Final = credentials
        self.client: Final = client
        self.default_headers: Final = default_headers
        """Headers that the aiohttp session sends with every request."""
        self.parse_errors: Final = parse_errors
        self.max_body: Final = max_body
        self.turns: Final = Turns()
        self.clock: Final = clock
        self.call_numbers: Final = itertools.count(1)
        self._pauses: set[asyncio.Task[Any]] = set()

    def run(self, request: Request, options: CallOptions, read: Callable[[RawResponse, Request], T]) -> Awaitable[T]:
        """Make one call; `read` turns a successful answer into its result, or raises `DecodeError`."""
        is_observed = bool(self.events)
        call = Call(self, request, options, read, is_observed)
        return self._observed(call) if is_observed else call.result()

    async def _observed(self, call: Call[T]) -> T:
        """Make one call and emit its last event."""
        try:
            result = await call.result()
        except BaseException as error:
            self._emit_last(call, CallFailed(*call.summary(), error))
            raise
        self._emit_last(call, CallSucceeded(*call.summary()))
        return result

    def _emit_last(self, call: Call[Any], event: CallSucceeded | CallFailed) -> None:
        try:
            self.events.emit(event)
        except UserCodeError as carrier:
            raise call.user_error(carrier.error) from getattr(event, "error", None)

    async def pause(self, work: Callable[..., Awaitable[R]], *args: Any) -> R:
        """Await something that `close` ends at once with `SessionClosedError`."""
        self.limiter.check_open()
        task = asyncio.ensure_future(work(*args))
        self._pauses.add(task)
        try:
            await asyncio.wait((task,))
        finally:
            self._pauses.discard(task)
            if not task.cancel() and not task.cancelled():
                task.exception()  # marks it as retrieved
        self.limiter.check_open()
        return task.result()

    def close(self) -> None:
        """End the waits of all calls with `SessionClosedError`, and refuse further calls."""
        self.limiter.close()
        self.deadlines.close()
        for task in self._pauses:
            task.cancel()


class Call(Generic[T]):
    """One call and the state of its attempts."""

    _result: T
    _ticket: int | None = None
    _counted_attempts = 0
    """Attempts that count against the policy."""
    _may_have_taken_effect = False
    """Whether an attempt before the current one may have taken effect."""
    _token_renewed = False

    def __init__(
        self,
        caller: Caller,
        request: Request,
        options: CallOptions,
        read: Callable[[RawResponse, Request], T],
        is_observed: bool,
    ) -> None:
        self._caller = caller
        self._request = request
        self._options = options
        self._read = read
        self._route_limiter = caller.limiter.route_limiter(request.route.name)
        self._is_observed = is_observed  # whether events are emitted; read again for each attempt
        self.started_at = caller.clock.clock()
        self._ends_at = math.inf if options.timeout is None else self.started_at + options.timeout
        self.tracker = SendTracker()
        self.number = next(caller.call_numbers)

    def summary(self) -> tuple[int, Route, int, float]:
        """The first fields of the last event: number, route, attempts, seconds since the start."""
        return self.number, self._request.route, self.tracker.attempts, self._caller.clock.clock() - self.started_at

    def deadline_error(self) -> CaseManagementError:
        """The error to raise when the deadline has passed."""
        error = RequestTimeoutError(f"{self._request.route.name} had no result within {self._options.timeout:g} s")
        if self._request.replay is Replay.CREATE and self.tracker.sent:
            return self._unknown_outcome(error)
        return error

    async def result(self) -> T:
        """Make attempts until one succeeds, or until a retry is not allowed."""
        credentials = self._caller.credentials
        try:
            if credentials.renewable and credentials.token is None:
                await self._before_deadline(self._caller.pause(credentials.renew, None))
            while True:
                token = credentials.token
                failure = await self._attempt()
                if failure is None:
                    self._caller.retry_budget.record_success()
                    return self._result
                if credentials.renewable and not self._token_renewed and isinstance(failure.error, AuthenticationError):
                    self._token_renewed = True
                    self.tracker.sent = False
                    await self._before_deadline(self._caller.pause(credentials.renew, token))
                else:
                    await self._wait_or_raise(failure)
        except UserCodeError as carrier:
            error = carrier.error
        raise self.user_error(error)

    def user_error(self, error: Exception) -> Exception:
        """The exception of the user's code as it is; for a create, with a note that says whether it was sent."""
        if self._request.replay is Replay.CREATE:
            sent = "was sent and may have taken effect" if self.tracker.sent else "has not taken effect"
            error.add_note(f"{self._request.route.name}: the request {sent}")
        return error

    async def _attempt(self) -> Failure | None:
        """Send the request once; set the result, or return why there is none."""
        limiter, route_limiter = self._caller.limiter, self._route_limiter
        if not limiter.try_acquire(route_limiter):
            if self._is_observed and 0 < (delay := limiter.delay(route_limiter)) < math.inf:
                self._emit(RateLimited, delay, answered=False, attempt=self.tracker.attempts + 1)
            longest, left = self._options.retry.max_retry_after, self._seconds_left()
            try:
                self._ticket = await limiter.acquire(route_limiter, self._ticket, longest, left)
            except TimeoutError as error:
                raise self.deadline_error() from error
        answer: RawResponse | None = None
        try:
            with self._caller.deadlines.limit(self._attempt_seconds()):
                answer = await self._send()
            return self._read_answer(answer)
        except TransportError as error:
            return Failure(failure_kind(error, self.tracker), error)
        except TimeoutError as error:
            timeout = RequestTimeoutError("no answer within the time of one attempt")
            timeout.__cause__ = error
            return Failure(failure_kind(timeout, self.tracker), timeout)
        finally:
            limiter.release(route_limiter, answer)

    def _send(self) -> Awaitable[RawResponse]:
        caller, request, tracker = self._caller, self._request, self.tracker
        client = caller.client()
        tracker.begin()
        headers = self._options.headers(caller.credentials, request.body is not None, caller.default_headers)
        if self._is_observed:
            return self._send_observed(client, headers)
        return self._send_once(client, headers)

    def _send_once(self, client: aiohttp.ClientSession, headers: CIMultiDict[str]) -> Awaitable[RawResponse]:
        caller, options = self._caller, self._options.request_options
        return send(
            client, self.tracker, self._request, headers, max_body=caller.max_body, turns=caller.turns, options=options
        )

    async def _send_observed(self, client: aiohttp.ClientSession, headers: CIMultiDict[str]) -> RawResponse:
        """Send the request and emit the events around it."""
        caller, request, tracker = self._caller, self._request, self.tracker
        started_at = caller.clock.clock()
        started = RequestStarted(self.number, request.route, tracker.attempts, str(request.url))
        caller.events.emit(started)
        if started.headers:
            headers = headers.copy()
            headers.update(checked_headers(started.headers))
        answer = await self._send_once(client, headers)
        elapsed, request_id = caller.clock.clock() - started_at, read_request_id(answer, caller.credentials.redact)
        self._emit(ResponseReceived, answer.status, elapsed, len(answer.body), request_id)
        return answer

    def _read_answer(self, answer: RawResponse) -> Failure | None:
        request, caller = self._request, self._caller
        redact = caller.credentials.redact
        failure = classify(answer, request, caller.parse_errors, redact, caller.clock.wall)
        # If the answer to an earlier attempt was lost, a DELETE that finds nothing has done its work.
        if failure is not None and not (
            self._may_have_taken_effect
            and answer.status == 404
            and request.route.method == "DELETE"
            and not request.expects_body
        ):
            return failure
        try:
            self._result = self._read(answer, request)
        except DecodeError as error:
            kind = FailureKind.UNREADABLE if is_json(answer.body) else FailureKind.LOST
            return Failure(kind, redacted(error, redact))
        except CaseManagementError:
            raise
        except Exception as error:
            raise UserCodeError(error) from error  # of a hook that the user added to the converter
        return None

    async def _before_deadline(self, work: Awaitable[R]) -> R:
        """Await anything but an attempt, until the deadline."""
        left = self._seconds_left()
        scope = asyncio.timeout(left if left < math.inf else None)
        try:
            async with scope:
                return await work
        except TimeoutError as error:
            if not scope.expired() or isinstance(error, CaseManagementError):
                raise
            raise self.deadline_error() from error

    def _seconds_left(self) -> float:
        """Seconds until the deadline; infinite if there is no deadline."""
        return self._ends_at - self._caller.clock.clock()

    def _attempt_seconds(self) -> float:
        """Seconds that the next attempt may take: its own time-out or the rest of the call's."""
        left, timeout = self._ends_at - self._caller.clock.clock(), self._options.retry.attempt_timeout
        return left if timeout is None or left < timeout else timeout

    async def _wait_or_raise(self, failure: Failure) -> None:
        if self._seconds_left() <= 0 and isinstance(failure.error, RequestTimeoutError):
            raise self.deadline_error() from failure.error
        self._may_have_taken_effect |= self.tracker.sent and failure.kind in {FailureKind.FAILED, FailureKind.LOST}
        decision = DECISIONS[failure.kind][self._request.replay]
        if decision is Decision.UNKNOWN:
            raise self._unknown_outcome(failure.error) from failure.error
        # A 429 always closes the limiter for a time. If the service named the time, the attempt does not count, and
        # the call waits in the limiter's queue; otherwise it counts and waits like any other failure.
        limiter_waits = failure.kind is FailureKind.LIMITED and bool(failure.wait)
        self._counted_attempts += not limiter_waits
        wait = self._wait(failure, limiter_waits) if decision is Decision.RETRY else None
        if wait is None:
            raise failure.error
        self.tracker.sent = False
        self._is_observed = bool(self._caller.events)
        if self._is_observed:
            if failure.kind is FailureKind.LIMITED:
                self._emit(RateLimited, wait, answered=True)
            self._emit(RetryScheduled, wait, failure.error)
        if not limiter_waits:
            await self._caller.pause(self._caller.clock.sleep, wait)

    def _wait(self, failure: Failure, limiter_waits: bool) -> float | None:
        """Seconds until the next attempt, or None if there is none."""
        policy, asked, clock = self._options.retry, failure.wait or 0.0, self._caller.clock
        if policy.attempts == 1 or asked > policy.max_retry_after:
            return None
        if not limiter_waits and (self._counted_attempts >= policy.attempts or not self._caller.retry_budget.take()):
            return None
        backoff = clock.random() * policy.backoff_limit(self._counted_attempts) if not limiter_waits else 0.0
        wait = max(asked, backoff)
        return wait if wait < self._seconds_left() else None

    def _emit(self, event: Callable[..., Event], *args: Any, attempt: int | None = None, **kwargs: Any) -> None:
        attempt = self.tracker.attempts if attempt is None else attempt
        self._caller.events.emit(event(self.number, self._request.route, attempt, *args, **kwargs))

    def _unknown_outcome(self, error: CaseManagementError) -> OutcomeUnknownError:
        unknown = OutcomeUnknownError(self._request.route.name, self._request.body, str(error))
        unknown.__cause__ = error
        return unknown


def redacted(error: DecodeError, redact: Redact) -> DecodeError:
    """The error without the credentials that it quotes, if there are any in it."""
    message, path = redact(error.message), redact(error.path)
    if (message, path) == (error.message, error.path):
        return error
    return DecodeError(message, path, error.route)


def failure_kind(error: TransportError, tracker: SendTracker) -> FailureKind:
    """The kind of failure of an attempt that ended without an answer."""
    if isinstance(error, ResponseTooLargeError):
        return FailureKind.UNREADABLE
    return FailureKind.LOST if tracker.sent else FailureKind.NOT_SENT
