"""Requests that a session may send by a shared budget, leased in small lots.

The store holds three kinds of entries: how many requests of a window were granted; the bucket of each route, so that
a process that has just started need not send a request to learn it; and the organisation of the credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from attrs import asdict, define, field

from casemgmt_async.errors import AuthenticationError, NotFoundError, PermissionDeniedError
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.events import one_line
from casemgmt_async.transport.rate_limit import UNLIMITED, KnownLimit
from casemgmt_async.transport.shared_budget import SharedBudget

__all__ = ["Lease", "Leases"]

T = TypeVar("T")
log: Final = logging.getLogger("casemgmt_async")

LOTS: Final = 20
"""A lease is at most this part of a window, so that a process that ends with a lease wastes little."""
STEPS: Final = 200
"""While others use the budget too, it is leased in steps of this part of a window, one after the other."""
RAMP: Final = 0.5
"""The part of a window in which one session would lease all of it in these steps, if its `crowd` is 1. Without steps,
the session that learns first that a window has begun would take all of it."""
EXPONENT: Final = 2.0
WEIGHT: Final = 0.5
MAX_PRESSURE: Final = 6.0
"""In each window the crowd approaches this power of the pressure, at most `MAX_PRESSURE`, with this weight. All
sessions measure the same pressure, so their crowds are soon equal."""
QUIET_WINDOWS: Final = 2
"""Windows without signs of others after which a session leases as fast as it can."""
STORE_TIMEOUT: Final = 2.0
"""Time limit, in seconds, of one operation of the store; after it the store counts as unreachable."""
DATE_ERROR: Final = 1.5
"""Seconds by which the clock of the service may seem to differ from an exact one: `Date` has whole seconds."""
SCOUT_PERIOD: Final = 10.0
SCOUT_POLLS: Final = 20
SCOUT_PAUSE: Final = 0.05
"""An unknown route: one process learns it by a request in each period, in seconds; the others look up what it has
learned so many times, with so many seconds between two look-ups."""
MIN_DELAY: Final = 0.001
MIN_PAUSE: Final = 1.0
MAX_PAUSE: Final = 30.0
"""Seconds between two attempts to reach a store that does not answer: at first, and at most."""


@define(eq=False)
class Lease:
    """The requests of one bucket that the shared budget allows a session in the current window."""

    leases: Leases
    bucket: str
    known: KnownLimit | None = None
    """The limit as the store knows it, until an answer of this session reports it."""
    credit: int = 0
    """Requests that may be sent. Below zero: requests that were sent without a lease and are still to be counted."""
    is_used_up: bool = False
    """Whether the shared budget of the window is used up."""
    is_taking: bool = False
    limit: int = 0
    period: float = 0.0
    window: int | None = None
    taken: int = 0
    """What was granted in this window."""
    crowd: float = 0.0
    """Factor by which the session leases more slowly than it would alone; 0 before it is measured."""
    used_up_after: float | None = None
    """Seconds after which the window was used up; None if it is not."""
    shared_until: int = 0
    """The first window before which others are assumed to use the budget too."""
    service_time: float = 0.0
    """The Unix time of the service minus the monotonic time of the session."""
    has_exact_time: bool = True
    """Whether that is exact: `Date` has whole seconds, and shows only whether our own clock is about right."""

    @property
    def is_active(self) -> bool:
        """Whether the shared budget decides, and not the headers alone."""
        return self.leases.is_active

    @property
    def is_needed(self) -> bool:
        """Whether a lot should be leased for calls that wait."""
        return self.is_active and self.credit < 1 and not self.is_used_up and not self.is_taking

    def set_time(self, service: float, ours: float) -> None:
        """Learn the time of the service from an answer; both arguments are a Unix time minus the monotonic time."""
        self.has_exact_time = abs(service - ours) <= DATE_ERROR
        self.service_time = ours if self.has_exact_time else service + DATE_ERROR / 2

    def enter(self, ends_at: float, period: float, limit: float, in_flight: int) -> None:
        """Move on to the window that ends at a monotonic time; a lease ends with its window.

        Requests in flight may reach the service in the new window, so they count there until an answer shows that they
        did not; see `counted_before`.
        """
        self.limit, self.period = int(limit), period
        window = round((ends_at + self.service_time) / period)
        if window != self.window:
            if self.window is not None:
                self.credit = -in_flight
                self._measure()
            self.window, self.taken, self.is_used_up, self.used_up_after = window, 0, False, None

    def counted_before(self) -> None:
        """Record that the service counted a request in the window before, and not in this one."""
        self.credit += 1

    def see(self, remaining: float) -> None:
        """Learn from the remaining requests of an answer whether others use the window too."""
        if self.window is not None and self.limit - remaining > self.taken:
            self.shared_until = self.window + 1 + QUIET_WINDOWS
        if remaining < 1 and self.used_up_after is None:
            self.used_up_after = self._elapsed

    @property
    def _elapsed(self) -> float:
        """Seconds since the window began."""
        assert self.window is not None
        return self.leases.clock.clock() + self.service_time - (self.window - 1) * self.period

    def _measure(self) -> None:
        """Set the crowd by how early the last window was used up, which is the same for all sessions."""
        after = self.period if self.used_up_after is None else self.used_up_after
        pressure = min(MAX_PRESSURE, max(1.0, RAMP * self.period / max(after, MIN_DELAY)))
        target = pressure**EXPONENT
        self.crowd = target if not self.crowd else self.crowd ** (1 - WEIGHT) * target**WEIGHT

    def delay(self, seconds_left: float) -> float:
        """Seconds until a request may be sent; infinite if a lot has to be leased first."""
        if self.credit >= 1:
            return 0.0
        if self.is_used_up:
            return seconds_left
        elapsed = self.period - seconds_left
        if not self.taken or not self._has_steps or elapsed > RAMP * self.period:
            return math.inf
        spread = RAMP * self.period * max(1.0, self.crowd)
        early = spread * (self.taken - 1 + self._step) / max(1, self.limit) - elapsed
        return min(early, RAMP * self.period + MIN_DELAY - elapsed) if early > MIN_DELAY else math.inf

    @property
    def _step(self) -> int:
        return max(1, self.limit // STEPS)

    @property
    def _has_steps(self) -> bool:
        return self.window is not None and self.window < self.shared_until

    async def take(self, waiting: int, remaining: int) -> None:
        """Lease a lot for the calls that wait; `remaining` is what answers have left of the window."""
        window, debt = self.window, max(0, -self.credit)
        assert window is not None
        want = debt + min(waiting, self._step if self._has_steps else max(1, self.limit // LOTS))
        used = max(0, self.limit - remaining - debt)
        granted = await self.leases.take(
            self.bucket, window=window, period=self.period, limit=self.limit, used=used, want=want
        )
        if granted is not None and window == self.window:
            self.credit += granted
            self.taken += granted
            self.is_used_up = granted < want
            if self.is_used_up:
                self.see(0.0)


@define(eq=False)
class Leases:
    """The shared budget of one session: whose it is, and whether its store can be reached."""

    budget: SharedBudget
    service: str
    """The address of the service."""
    credential: Callable[[], str | None]
    """Gives the key or token by which the store finds the organisation; None if there is no token yet."""
    identify: Callable[[], Awaitable[str | None]]
    """Asks the service for the id of the organisation."""
    clock: Clock
    identifying_route: str = ""
    """The route by which `identify` asks; its calls do not wait for the organisation."""
    is_active: bool = False
    """Whether the organisation is known, and the store was reached the last time."""
    changed: Callable[[], object] = field(init=False)
    """Called when the store cannot be reached any more, and when it can be again."""
    _organization: str | None = None
    _is_entered: bool = False
    _is_away: bool = False
    _lock: asyncio.Lock = field(factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(factory=set)
    _told: set[asyncio.Task[None]] = field(factory=set)
    """Those of the tasks that tell other processes something."""

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the calls; `close` cancels it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def look_up(self, route: str) -> KnownLimit | None:
        """Return what other processes have learned of a route, which may be `UNLIMITED`; None if none has, or without
        the store.

        If none has learned it, one of them does, and the others wait a little for it.
        """
        async with self._lock:
            if not self.is_active and not self._is_away:
                await self._use(self._reach)
        if not self.is_active:
            return None
        key, window = self._key("route", route), int(self.clock.wall() / SCOUT_PERIOD)
        for poll in range(SCOUT_POLLS):
            text = await self._use(lambda: in_time(self.budget.get(key)))
            if text is not None:
                return KnownLimit(**json.loads(text))
            if poll == 0:
                granted = await self.take(f"scout {route}", window=window, period=SCOUT_PERIOD, limit=1, used=0, want=1)
                if granted != 0:  # this process learns it, or the store has gone away
                    return None
            await self.clock.sleep(SCOUT_PAUSE)
        return None

    def remember(self, route: str, limit: KnownLimit) -> None:
        """Tell other processes what an answer has shown of a route; `close` waits until they are told.

        `UNLIMITED` does not replace a limit: a service may report limits only when it refuses.
        """
        key, text = self._key("route", route), json.dumps(asdict(limit))

        async def tell() -> None:
            if limit is not UNLIMITED or await in_time(self.budget.get(key)) is None:
                await in_time(self.budget.put(key, text))

        task = self.start(self._use(tell))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def take(self, bucket: str, **counts: Any) -> int | None:
        """Lease requests of a window; None without the store."""
        return await self._use(lambda: in_time(self.budget.take(self._key("bucket", bucket), **counts)))

    async def close(self) -> None:
        """End what runs beside the calls, and leave the store.

        A command may make a single call, so what it has learned is told before, if the store answers in time.
        """
        try:
            if self._told:
                await asyncio.wait(self._told, timeout=STORE_TIMEOUT)
        finally:
            self.is_active = False
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._is_entered:
                self._is_entered = False
                await self.budget.__aexit__(None, None, None)

    def _key(self, kind: str, name: str) -> str:
        return f"{self.service} {self._organization} {kind} {name}"

    async def _use(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Use the store; None if it cannot be reached."""
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - whatever the driver of the store raises
            self._went_away(error)
            return None

    async def _reach(self) -> None:
        """Connect to the store, and find out whose budget it is."""
        if not self._is_entered:
            await in_time(self.budget.__aenter__())
            self._is_entered = True
        credential = self.credential()
        key = f"{self.service} credential {digest(credential)}"
        found = await in_time(self.budget.get(key))
        if self._organization is None:
            self._organization = (credential and found) or await self._ask()
            if credential:
                await in_time(self.budget.put(key, self._organization))
        self.is_active = True

    async def _ask(self) -> str:
        """Ask the service for the organisation; where that is not permitted, the credential stands for it."""
        try:
            found = await self.identify()
        except (AuthenticationError, PermissionDeniedError, NotFoundError) as error:
            text = "the organisation cannot be read, so only sessions with the same key share a budget: %s"
            log.info(text, one_line(error))
            found = None
        return found or digest(self.credential())

    def _went_away(self, error: Exception) -> None:
        self.is_active = False
        if self._is_away:
            return
        self._is_away = True
        text = "the shared budget cannot be reached (%s: %s); the headers of answers replace it until it can"
        log.warning(text, type(error).__name__, one_line(error))
        self.start(self._come_back())
        self.changed()

    async def _come_back(self) -> None:
        """Try the store again and again, until it answers."""
        pause = MIN_PAUSE
        while self._is_away:
            await self.clock.sleep(pause * (1 + self.clock.random()) / 2)
            pause = min(MAX_PAUSE, pause * 2)
            await self._use(self._reach)
            self._is_away = not self.is_active
        log.warning("the shared budget can be reached again")
        self.changed()


async def in_time(work: Awaitable[T]) -> T:
    """Await an operation of the store, for a limited time."""
    async with asyncio.timeout(STORE_TIMEOUT):
        return await work


def digest(credential: str | None) -> str:
    """What stands for a credential in the store, which must not know it."""
    return hashlib.sha256((credential or "").encode()).hexdigest()[:32]
