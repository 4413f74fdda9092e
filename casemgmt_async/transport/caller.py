"""One call's life: gate, attempt, judgement, and maybe a wait and all again, under one deadline."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import aiohttp
from attrs import define, field
from multidict import CIMultiDict

from casemgmt_async.errors import (
    AuthenticationError,
    CaseManagementError,
    DecodeError,
    ErrorDetail,
    OutcomeUnknownError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from casemgmt_async.routes import Replay, Route
from casemgmt_async.transport.access import Access, Secret, checked_headers
from casemgmt_async.transport.attempt import RawResponse, Request, SendTracker, send
from casemgmt_async.transport.classify import Explain, Failure, FailureKind, classify, is_json
from casemgmt_async.transport.clock import Clock
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
from casemgmt_async.transport.limits import Limiter
from casemgmt_async.transport.retry import DECISIONS, RetryBudget, RetryPolicy, Step

__all__ = ["CallOptions", "Caller"]

T = TypeVar("T")
R = TypeVar("R")


@define(eq=False)
class CallOptions:
    """How calls are made: what `with_options` varies, with what can be prepared once for all of them."""

    timeout: float | None
    retry: RetryPolicy
    extra: Mapping[str, str]
    request: Mapping[str, Any]
    """Arguments for aiohttp that are the same for every request."""
    _token: Secret | None = None
    _headers: tuple[CIMultiDict[str], CIMultiDict[str]] | None = field(default=None, repr=False)

    def headers(self, access: Access, has_body: bool) -> CIMultiDict[str]:
        """The headers of a request, made anew only when the token has changed."""
        if self._headers is None or self._token is not access.token:
            bare = access.headers(self.extra)
            full = bare.copy()
            full["Content-Type"] = "application/json"
            self._token, self._headers = access.token, (bare, full)
        return self._headers[has_body]


class Caller:
    """What all calls of a session share."""

    def __init__(
        self,
        *,
        access: Access,
        client: Callable[[], aiohttp.ClientSession],
        explain: Explain,
        events: Events,
        max_concurrency: int,
        max_body: int,
        clock: Clock,
    ) -> None:
        self.gate: Final = Limiter(max_concurrency, clock=clock.clock, wall=clock.wall, sleep=clock.sleep)
        self.budget: Final = RetryBudget()
        self.events: Final = events
        self.access: Final = access
        self.client: Final = client
        self.max_body: Final = max_body
        self.clock: Final = clock
        self._explain = explain
        self._numbers = itertools.count(1)

    def explain(self, body: bytes, content_type: str | None) -> Sequence[ErrorDetail]:
        """Read the errors out of a body, which may repeat what was sent, keys included."""
        return self._explain(self.access.redacted(body), content_type)

    def run(self, order: Request, manner: CallOptions, read: Callable[[RawResponse], T]) -> Awaitable[T]:
        """Make one call; `read` turns a good answer into its result, or raises `DecodeError`."""
        call = _Call(self, order, manner, read, next(self._numbers))
        return self._watched(call) if self.events else call.result()

    async def _watched(self, call: _Call[T]) -> T:
        """Make one call that somebody listens to."""
        try:
            result = await call.result()
        except BaseException as error:
            self.events.emit(CallFailed(*call.told(), error))
            raise
        self.events.emit(CallSucceeded(*call.told()))
        return result


class _Call(Generic[T]):
    """One call: what was tried so far."""

    __slots__ = (
        *("_caller", "_counted", "_lane", "_manner", "_maybe_done", "_order", "_read", "_renewed", "_turn"),
        *("began", "flight", "number"),
    )

    def __init__(
        self, caller: Caller, order: Request, manner: CallOptions, read: Callable[[RawResponse], T], number: int
    ) -> None:
        self._caller = caller
        self._order = order
        self._manner = manner
        self._read = read
        self._lane = caller.gate.lane(order.route.name)
        self._turn: int | None = None
        self._counted = 0  # attempts that count against the policy
        self._maybe_done = False  # whether an attempt before this one may have taken effect
        self._renewed = False
        self.began = caller.clock.clock()
        self.flight = SendTracker()
        self.number = number

    def told(self) -> tuple[int, Route, int, float]:
        """What the last event of a call begins with: number, route, attempts, and seconds since it began."""
        return self.number, self._order.route, self.flight.attempts, self._caller.clock.clock() - self.began

    def too_late(self) -> CaseManagementError:
        """What to raise when the deadline has passed."""
        late = RequestTimeoutError(f"{self._order.route.name} had no result within {self._manner.timeout:g} s")
        if self._order.replay is Replay.CREATE and self.flight.sent:
            return self._unknown(late)
        return late

    async def result(self) -> T:
        """Try until there is a result, or an error that trying again cannot mend."""
        access = self._caller.access
        if access.renewable and access.token is None:
            await self._in_time(access.renew(None))
        while True:
            token = access.token
            verdict, results = await self._try()
            if verdict is None:
                self._caller.budget.succeeded()
                return results[0]
            if access.renewable and not self._renewed and isinstance(verdict.error, AuthenticationError):
                self._renewed = True
                self.flight.sent = False
                await self._in_time(access.renew(token))
            else:
                await self._try_again_or_raise(verdict)

    async def _try(self) -> tuple[Failure | None, tuple[T, ...]]:
        gate, lane = self._caller.gate, self._lane
        if not gate.try_enter(lane):
            if self._caller.events and 0 < (delay := gate.delay(lane)) < math.inf:
                self._tell(RateLimited, delay, answered=False, attempt=self.flight.attempts + 1)
            self._turn = await self._in_time(gate.enter(lane, self._turn, self._manner.retry.max_retry_after))
        answer: RawResponse | None = None
        try:
            async with asyncio.timeout(self._seconds()):
                answer = await self._attempt()
            return self._judged(answer)
        except TransportError as error:
            return Failure(_fault(error, self.flight), error), ()
        except TimeoutError as error:
            late = RequestTimeoutError("no answer within the time of one attempt")
            late.__cause__ = error
            return Failure(_fault(late, self.flight), late), ()
        finally:
            gate.leave(lane, answer)

    def _attempt(self) -> Awaitable[RawResponse]:
        caller, order, flight = self._caller, self._order, self.flight
        client = caller.client()
        flight.begin()
        headers = self._manner.headers(caller.access, order.body is not None)
        if caller.events:
            return self._watched(client, headers)
        return send(client, flight, order, headers, max_body=caller.max_body, options=self._manner.request)

    async def _watched(self, client: aiohttp.ClientSession, headers: CIMultiDict[str]) -> RawResponse:
        """Make one attempt that somebody listens to."""
        caller, order, flight = self._caller, self._order, self.flight
        began = caller.clock.clock()
        started = RequestStarted(self.number, order.route, flight.attempts, str(order.url))
        caller.events.emit(started)
        if started.headers:
            headers = headers.copy()
            headers.update(checked_headers(started.headers))
        answer = await send(client, flight, order, headers, max_body=caller.max_body, options=self._manner.request)
        elapsed = caller.clock.clock() - began
        self._tell(ResponseReceived, answer.status, elapsed, len(answer.body))
        return answer

    def _judged(self, answer: RawResponse) -> tuple[Failure | None, tuple[T, ...]]:
        order, caller = self._order, self._caller
        verdict = classify(answer, order.route.name, order.due, caller.explain, caller.clock.wall)
        # Where the attempt before removed it and its answer was lost, this one finds it gone.
        is_gone = self._maybe_done and answer.status == 404 and order.route.method == "DELETE" and not order.due
        if verdict is not None and not is_gone:
            return verdict, ()
        try:
            return None, (self._read(answer),)
        except DecodeError as error:
            return Failure(FailureKind.UNREADABLE if is_json(answer.body) else FailureKind.LOST, error), ()

    async def _in_time(self, work: Awaitable[R]) -> R:
        """Wait for something other than an attempt, until the deadline."""
        scope = asyncio.timeout(self._left())
        try:
            async with scope:
                return await work
        except TimeoutError as error:
            if not scope.expired() or isinstance(error, CaseManagementError):
                raise
            raise self.too_late() from error

    def _left(self) -> float | None:
        """Seconds until the deadline, or None where there is none."""
        timeout = self._manner.timeout
        return None if timeout is None else self.began + timeout - self._caller.clock.clock()

    def _seconds(self) -> float | None:
        """Seconds that the next attempt may take: its own time, or what is left for the call."""
        left, own = self._left(), self._manner.retry.attempt_timeout
        if left is None or own is None:
            return own if left is None else left
        return min(own, left)

    async def _try_again_or_raise(self, verdict: Failure) -> None:
        left = self._left()
        if left is not None and left <= 0 and isinstance(verdict.error, RequestTimeoutError):
            raise self.too_late() from verdict.error
        self._maybe_done |= self.flight.sent and verdict.fault in {FailureKind.FAILED, FailureKind.LOST}
        step = DECISIONS[verdict.fault][self._order.replay]
        if step is Step.UNKNOWN:
            raise self._unknown(verdict.error) from verdict.error
        # A 429 that names a time closes the gate until then, for everybody under the same limit.
        put_off = verdict.fault is FailureKind.LIMITED and bool(verdict.wait)
        self._counted += not put_off
        wait = self._wait(verdict, put_off) if step is Step.AGAIN else None
        if wait is None:
            raise verdict.error
        self.flight.sent = False
        if self._caller.events:
            if verdict.fault is FailureKind.LIMITED:
                self._tell(RateLimited, wait, answered=True)
            self._tell(RetryScheduled, wait, verdict.error)
        if not put_off:
            await self._caller.clock.sleep(wait)

    def _wait(self, verdict: Failure, put_off: bool) -> float | None:
        """Seconds until the next attempt, or None where there is none to be."""
        policy, asked, clock = self._manner.retry, verdict.wait or 0.0, self._caller.clock
        if policy.attempts == 1 or asked > policy.max_retry_after:
            return None
        if not put_off and (self._counted >= policy.attempts or not self._caller.budget.take()):
            return None
        wait = asked if put_off else max(asked, clock.random() * policy.longest_wait(self._counted))
        left = self._left()
        if left is not None and wait >= left:
            return None
        return wait

    def _tell(self, event: Callable[..., Event], *told: Any, attempt: int | None = None, **named: Any) -> None:
        attempt = self.flight.attempts if attempt is None else attempt
        self._caller.events.emit(event(self.number, self._order.route, attempt, *told, **named))

    def _unknown(self, error: CaseManagementError) -> OutcomeUnknownError:
        unknown = OutcomeUnknownError(self._order.route.name, self._order.body, str(error))
        unknown.__cause__ = error
        return unknown


def _fault(error: TransportError, flight: SendTracker) -> FailureKind:
    if isinstance(error, ResponseTooLargeError):
        return FailureKind.UNREADABLE
    return FailureKind.LOST if flight.sent else FailureKind.NOT_SENT
