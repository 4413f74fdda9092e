"""The emulator: a world behind real HTTP, with limits, faults, actors and a witness."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from attrs import frozen

from casemgmt_async.emulator import control
from casemgmt_async.emulator.actors import Actor, Cast, read_actors
from casemgmt_async.emulator.clock import Clock
from casemgmt_async.emulator.door import Door
from casemgmt_async.emulator.exchange import BAD_JSON, Refused, Reply, Request
from casemgmt_async.emulator.faults import Fault, FaultScript, read_faults
from casemgmt_async.emulator.limits import Limit, Limiter, read_limits
from casemgmt_async.emulator.router import match
from casemgmt_async.emulator.switches import Switches
from casemgmt_async.emulator.wire import Wire, encoded
from casemgmt_async.emulator.witness import Fate, Ledger, LogEntry, Witness
from casemgmt_async.emulator.world import World
from casemgmt_async.routes import Route

__all__ = ["Emulator", "Key", "serve"]

BODY_CAP: Final = 64 * 2**20
DECODE: Final = msgspec.json.Decoder().decode


@frozen
class Key:
    """Who may call, where an emulator is particular about it."""

    api_key: str | None = None
    """The value of `DD-API-KEY`."""
    app_key: str | None = None
    """The value of `DD-APPLICATION-KEY`."""
    access_token: str | None = None
    """A bearer token, instead of both."""


class Emulator:
    """A stateful fake of the Case Management API on loopback; an async context manager::

        async with Emulator(cases=500, faults="create_case#3: drop-after-effect") as emulator:
            async with CaseSession(base_url=emulator.base_url, api_key="any", app_key="any") as session:
                ...
        assert emulator.ledger.doubled() == {}

    One seed, one clock and one series of requests give the same answers, to the byte, and the same log.

    Args:
        cases: how many cases to begin with.
        seed: decides all ids, the seeded cases, and every chance in faults and actors.
        clock: the time: None for the machine's, a number of Unix seconds for a clock that stands still there, or a
            function. `clock.advance(seconds)` moves on any of them.
        switches: how to behave where the service's behaviour is not known.
        faults: what goes wrong, in the notation of `casemgmt_async.emulator.faults`, typed, or mixed.
        limits: rate limits, in the notation of `casemgmt_async.emulator.limits`, typed, or mixed.
        actors: who else changes cases meanwhile, in the notation of `casemgmt_async.emulator.actors`.
        latency: seconds of real time between a request and its answer.
        keys: who may call: any keys by default. Without keys or a token the answer is 401, with others 403.
        log_size: how many requests the log keeps, the newest; 0 for none, None for all.
        host: where to bind. Other machines reach anything but loopback, and nothing asks them for real keys.
        port: 0 for any free one.
    """

    def __init__(
        self,
        *,
        cases: int = 0,
        seed: int = 0,
        clock: float | Callable[[], float] | None = None,
        switches: Switches | None = None,
        faults: str | Fault | Iterable[str | Fault] | None = None,
        limits: str | Limit | Iterable[str | Limit] | None = None,
        actors: str | Actor | Iterable[str | Actor] | None = None,
        latency: float = 0.0,
        keys: Collection[Key] | None = None,
        log_size: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.clock = clock if isinstance(clock, Clock) else Clock(clock)
        self.seed = seed
        self.world = World(seed, self.clock, switches or Switches())
        self.latency = latency
        self.snapshots: list[Any] = []
        """Those that the control routes have taken."""
        self._cases = cases
        self._keys = None if keys is None else tuple(keys)
        self._witness = Witness(self.clock, log_size)
        self._host, self._port = host, port
        self._door: Door | None = None
        self.set_faults(faults)
        self.set_limits(limits)
        self.set_actors(actors)
        self.world.seed_cases(cases)

    async def __aenter__(self) -> Self:
        server = web.Server(
            self._handle,
            request_factory=self._parsed,
            handler_cancellation=True,  # a client that goes ends its stall
            access_log=None,
            lingering_time=0,
        )
        self._door = Door(server, self._host, self._port)
        await self._door.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        door, self._door = self.door, None
        await door.close()

    @property
    def door(self) -> Door:
        """The listening side, while the emulator runs."""
        if self._door is None:
            raise RuntimeError("the emulator is not running: use it as `async with Emulator(...) as emulator`")
        return self._door

    @property
    def base_url(self) -> str:
        """Where a client finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.door.port}" if ":" in host else f"http://{host}:{self.door.port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment in which a client that is told nothing finds it."""
        key = self._keys[0] if self._keys else Key()
        keys = {"DD_API_KEY": key.api_key or "emulator", "DD_APP_KEY": key.app_key or "emulator"}
        return {"CASEMGMT_BASE_URL": self.base_url, **keys}

    @property
    def exports(self) -> str:
        """The lines for a shell that set `env`."""
        url, *keys = [f"{name}={shlex.quote(value)}" for name, value in self.env.items()]
        return f"export {url}\nexport {' '.join(keys)}"

    @property
    def log(self) -> Sequence[LogEntry]:
        """All requests, or the newest if `log_size` says so, in the order in which they arrived."""
        return self._witness.entries()

    @property
    def requests(self) -> int:
        """How many requests have arrived."""
        return self._witness.seq

    @property
    def ledger(self) -> Ledger:
        """What all requests came to, as far as they have been answered."""
        return Ledger(list(self._witness.fates.values()), list(self.world.effects))

    def seed_cases(self, count: int, **fields: Any) -> list[str]:
        """Add realistic cases; the arguments are those of `World.seed_cases`, the answer is their ids."""
        return self.world.seed_cases(count, **fields)

    def snapshot(self) -> Any:
        """Keep the world and the ledger as they are now, for `restore`."""
        return self.world.snapshot(), dict(self._witness.fates)

    def restore(self, snapshot: Any) -> None:
        """Put world and ledger back to a snapshot; log, time, faults, limits and actors go on as they are."""
        world, fates = snapshot
        self.world.restore(world)
        self._witness.fates = dict(fates)

    def reset(self) -> None:
        """Begin again: the cases as at the start, an empty log, all scripts from their first call."""
        self.world.reset()
        self.world.seed_cases(self._cases)
        self._witness.clear()
        self.set_faults(self.faults)
        self.set_limits(self.limits)
        self.set_actors(self.actors)

    def set_faults(self, faults: str | Fault | Iterable[str | Fault] | None) -> None:
        """Put other faults in force; each counts calls from here on."""
        self.faults = read_faults(faults)
        self._faults = FaultScript(self.faults, self.seed)

    def set_limits(self, limits: str | Limit | Iterable[str | Limit] | None) -> None:
        """Put other rate limits in force, with nothing used."""
        self.limits = read_limits(limits)
        self._limiter = Limiter(self.limits, self.clock)

    def set_actors(self, actors: str | Actor | Iterable[str | Actor] | None) -> None:
        """Put other actors to work; each counts calls from here on."""
        self.actors = read_actors(actors)
        self._cast = Cast(self.actors, self.seed)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Refuse connections for as long as the context lasts; open ones are reset at its start."""
        self.door.shut()
        try:
            yield
        finally:
            await self.door.open()

    def _parsed(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_CAP)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        wire = Wire(request, self.door, {})
        if path.startswith(control.PREFIX):
            await control.answer(self, wire, path, query)
            return wire.response
        route, ids = match(request.method, path) or (None, {})
        entry = self._witness.arrived(route, request.method, path, dict(parse_qsl(query, True)), request.headers)
        fate: Fate | None = None
        try:
            refused = self._refusal(wire, route, path)
            fault = None if refused or route is None else self._faults.draw(route.name)
            entry.fault = None if fault is None else str(fault)
            if fault is not None and fault.moment == "unread":
                await fault.play(wire, NOTHING)
                return wire.response
            body = await read_json(request)
            if route is None or refused is not None:
                entry.body = None if body is BAD_JSON else body
                self._send(wire, self.world.refusal(refused or Refused(404, [])))
                return wire.response
            fate = self._witness.took(route, entry, body)
            await self._answer(wire, Request(route, ids, entry.query, body, entry.seq), fault, fate)
        except ConnectionError:
            pass  # the client has gone, and the log says that it was sent nothing
        except Exception as error:
            wire.status = getattr(error, "status", 500)  # what aiohttp answers now
            raise
        finally:
            self._witness.left(entry, fate, wire.status, whole=wire.whole)
        return wire.response

    async def _answer(self, wire: Wire, request: Request, fault: Fault | None, fate: Fate | None) -> None:
        """Let a request take effect and send the answer, with a fault before or after if there is one."""
        if fault is not None and fault.moment == "before":
            await fault.play(wire, NOTHING)
            if not fault.goes_on:
                return
        reply = self.world.answer(request)
        if reply.status < 300:
            if fate is not None:
                fate.applied = True
            self._cast.after(self.world, request)
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is not None and fault.moment == "after":
            await fault.play(wire, reply)
            if not fault.goes_on:
                return
        self._send(wire, reply)

    def _send(self, wire: Wire, reply: Reply) -> None:
        wire.send(reply.status, encoded(reply.body), reply.headers)

    def _refusal(self, wire: Wire, route: Route | None, path: str) -> Refused | None:
        """Why a request is not even looked at: an unknown path, no keys, or too many requests."""
        method, headers = wire.request.method, wire.request.headers
        if route is None:
            return refusal(404, "Not Found", f"the API has no operation {method} {path}")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer" and token != ""
        key = Key(access_token=token) if bearer else Key(headers.get("DD-API-KEY"), headers.get("DD-APPLICATION-KEY"))
        if not (key.access_token or (key.api_key and key.app_key)):
            return refusal(401, "Unauthorized", "neither DD-API-KEY and DD-APPLICATION-KEY nor a bearer token was sent")
        if self._keys is not None and key not in self._keys:
            return refusal(403, "Forbidden", "these keys may not call")
        allowed, wire.headers = self._limiter.take(route.name)
        return None if allowed else refusal(429, "Too Many Requests", "the rate limit of this window is used up")


NOTHING: Final = Reply(200)
"""Stands for the answer where a request has not taken effect."""


def refusal(status: int, title: str, detail: str) -> Refused:
    """A refusal in the recorded shape."""
    return Refused(status, [{"status": str(status), "title": title, "detail": detail}])


async def read_json(request: web.BaseRequest) -> Any:
    """The parsed body of a request."""
    if "Expect" in request.headers and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        data = await request.read() if request.can_read_body else b""
        return DECODE(data) if data else None
    except (msgspec.DecodeError, web.RequestPayloadError, UnicodeDecodeError):
        return BAD_JSON


async def serve(emulator: Emulator, announce: Callable[[Emulator], object]) -> None:
    """Run an emulator until the process is told to stop.

    `announce` is called once it listens; a command prints `emulator.exports` there.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with emulator:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows: Ctrl-C cancels us instead
                loop.add_signal_handler(number, stopped.set)
        announce(emulator)
        try:
            await stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
