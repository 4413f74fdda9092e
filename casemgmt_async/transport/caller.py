"""One call's life: gate, attempt, judgement, and maybe a wait and all again, under one deadline."""

from __future__ import annotations

import asyncio
import itertools
import random as random_module
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import aiohttp
from attrs import define, field, frozen
from multidict import CIMultiDict
from yarl import URL

from casemgmt_async.errors import (
    CaseManagementError,
    DecodeError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from casemgmt_async.routes import Replay, Route
from casemgmt_async.transport.access import Access, Secret
from casemgmt_async.transport.attempt import Flight, RawResponse, send
from casemgmt_async.transport.events import (
    CallGaveUp,
    Events,
    RateLimited,
    RequestAnswered,
    RequestStarted,
    RetryScheduled,
)
from casemgmt_async.transport.judge import Explain, Fault, Verdict, is_json, judge
from casemgmt_async.transport.limits import Gate
from casemgmt_async.transport.retry import DECISIONS, RetryBudget, RetryPolicy, Step

__all__ = ["Caller", "Manner", "Order", "Time"]

T = TypeVar("T")


@frozen
class Time:
    """The clocks, the sleep and the dice of a session, replaced in tests."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random_module.random


@define(eq=False)
class Manner:
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


@frozen
class Order:
    """What is to be sent, and what is to come back."""

    route: Route
    replay: Replay
    url: URL
    body: bytes | None
    due: bool
    """Whether a success must have a body."""


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
        time: Time,
    ) -> None:
        self.gate: Final = Gate(max_concurrency, clock=time.clock, wall=time.wall, sleep=time.sleep)
        self.budget: Final = RetryBudget()
        self.events: Final = events
        self._access = access
        self._client = client
        self._explain = lambda body, kind: explain(access.redacted(body), kind)
        self._max_body = max_body
        self._time = time
        self._numbers = itertools.count(1)

    async def run(self, order: Order, manner: Manner, read: Callable[[RawResponse], T]) -> T:
        """Make one call; `read` turns a good answer into its result, or raises `DecodeError`."""
        flight = Flight()
        number = next(self._numbers)
        began = self._time.clock()
        scope = asyncio.timeout(manner.timeout)
        try:
            try:
                async with scope:
                    return await self._persist(order, manner, read, flight, number, began)
            except TimeoutError as error:
                if not scope.expired() or isinstance(error, CaseManagementError):
                    raise
                late = RequestTimeoutError(f"{order.route.name} had no result within {manner.timeout:g} s")
                if order.replay is Replay.CREATE and flight.sent:
                    raise _unknown(order, late) from late
                raise late from error
        except BaseException as error:
            if self.events:
                elapsed = self._time.clock() - began
                self.events.emit(CallGaveUp(number, order.route, flight.attempts, elapsed, error))
            raise

    async def _persist(
        self,
        order: Order,
        manner: Manner,
        read: Callable[[RawResponse], T],
        flight: Flight,
        number: int,
        began: float,
    ) -> T:
        lane = self.gate.lane(order.route.name)
        turn: int | None = None
        counted = 0
        maybe_done = renewed = False
        if self._access.renewable and self._access.token is None:
            await self._access.renew(None)
        while True:
            if not self.gate.try_enter(lane):
                if self.events and (delay := self.gate.delay(lane)) > 0:
                    self.events.emit(RateLimited(number, order.route, flight.attempts + 1, delay, answered=False))
                turn = await self.gate.enter(lane, turn, manner.retry.max_server_wait)
            token = self._access.token
            answer: RawResponse | None = None
            try:
                answer = await self._attempt(order, manner, flight, number)
                verdict = judge(answer, order.route.name, order.due, self._explain, self._time.wall)
            except TransportError as error:
                verdict = Verdict(_fault(error, flight), error)
            finally:
                self.gate.leave(lane, answer)
            if answer is not None:
                if verdict is None:
                    try:
                        result = read(answer)
                    except DecodeError as error:
                        verdict = Verdict(Fault.UNREADABLE if is_json(answer.body) else Fault.LOST, error)
                    else:
                        self.budget.succeeded()
                        return result
                elif answer.status == 404 and maybe_done and order.route.method == "DELETE" and not order.due:
                    return read(answer)  # the attempt before removed it, and its answer was lost
                elif answer.status == 401 and self._access.renewable and not renewed:
                    renewed = True
                    await self._access.renew(token)
                    continue
            assert verdict is not None
            maybe_done |= flight.sent and verdict.fault in {Fault.FAILED, Fault.LOST}
            step = DECISIONS[verdict.fault][order.replay]
            if step is Step.UNKNOWN:
                raise _unknown(order, verdict.error) from verdict.error
            put_off = verdict.fault is Fault.LIMITED and verdict.wait is not None
            counted += not put_off
            wait = None if step is Step.RAISE else self._wait(manner, verdict, counted, put_off, began)
            if wait is None:
                raise verdict.error
            flight.sent = False
            self._tell(order, flight, number, verdict, wait)
            if not put_off:  # else the gate keeps everybody waiting who is under the same limit
                await self._time.sleep(wait)

    async def _attempt(self, order: Order, manner: Manner, flight: Flight, number: int) -> RawResponse:
        flight.begin()
        headers = manner.headers(self._access, order.body is not None)
        client, route = self._client(), order.route
        if not self.events:
            return await send(
                client, flight, route.method, order.url, headers, order.body, self._max_body, manner.request
            )
        began = self._time.clock()
        self.events.emit(RequestStarted(number, route, flight.attempts))
        answer = await send(
            client, flight, route.method, order.url, headers, order.body, self._max_body, manner.request
        )
        elapsed = self._time.clock() - began
        self.events.emit(RequestAnswered(number, route, flight.attempts, answer.status, elapsed, len(answer.body)))
        return answer

    def _wait(self, manner: Manner, verdict: Verdict, counted: int, put_off: bool, began: float) -> float | None:
        """Seconds until the next attempt, or None where there is none to be."""
        policy, asked = manner.retry, verdict.wait
        if policy.attempts == 1 or (asked is not None and asked > policy.max_server_wait):
            return None
        if not put_off and (counted >= policy.attempts or not self.budget.take()):
            return None
        wait = 0.0 if put_off else self._time.random() * policy.longest_wait(counted)
        wait = max(wait, asked or 0.0)
        if manner.timeout is not None and self._time.clock() + wait >= began + manner.timeout:
            return None
        return wait

    def _tell(self, order: Order, flight: Flight, number: int, verdict: Verdict, wait: float) -> None:
        if not self.events:
            return
        if verdict.fault is Fault.LIMITED:
            self.events.emit(RateLimited(number, order.route, flight.attempts, wait, answered=True))
        self.events.emit(RetryScheduled(number, order.route, flight.attempts, wait, verdict.error))


def _fault(error: TransportError, flight: Flight) -> Fault:
    if isinstance(error, ResponseTooLargeError):
        return Fault.UNREADABLE
    return Fault.LOST if flight.sent else Fault.NOT_SENT


def _unknown(order: Order, error: CaseManagementError) -> OutcomeUnknownError:
    return OutcomeUnknownError(order.route.name, order.body, str(error))
