"""The emulator as an HTTP server."""

from __future__ import annotations

import asyncio
import logging
import shlex
import signal
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from casemgmt_async.emulator.behavior.actors import Actor
from casemgmt_async.emulator.behavior.clock import EmulatorClock
from casemgmt_async.emulator.behavior.faults import Fault
from casemgmt_async.emulator.behavior.rate_limits import Limit
from casemgmt_async.emulator.http import control, fault_effects
from casemgmt_async.emulator.http.listener import Listener
from casemgmt_async.emulator.http.router import match
from casemgmt_async.emulator.http.thread import LoopThread, Outage
from casemgmt_async.emulator.http.wire import ResponseWriter, encoded, http_date
from casemgmt_async.emulator.messages import BAD_JSON, ApiRequest, Refused, Reply
from casemgmt_async.emulator.options import Key, check_options
from casemgmt_async.emulator.simulation import Simulation
from casemgmt_async.emulator.state.ledger import Ledger, RequestOutcome
from casemgmt_async.emulator.state.request_log import LogEntry
from casemgmt_async.emulator.switches import Switches
from casemgmt_async.facts import Facts
from casemgmt_async.routes import Route

__all__ = ["Emulator", "serve"]

MAX_BODY_SIZE: Final = 64 * 2**20
MAX_JSON_DEPTH: Final = 100
DECODE: Final = msgspec.json.Decoder().decode
LOG: Final = logging.getLogger("casemgmt_async.emulator")
NO_REPLY: Final = Reply(200)
"""The reply of a request that has not taken effect, for faults that need one."""


def is_our_own(record: logging.LogRecord) -> bool:
    """Whether a log record is about the emulator, and not about a client that sent no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


LOG.addFilter(is_our_own)


class Emulator(Simulation):
    """A stateful emulator of the Case Management API on loopback; a context manager, async or not::

        async with Emulator(cases=500, faults="create_case#3: drop-after-effect") as emulator:
            async with CaseSession(base_url=emulator.base_url, api_key="any", app_key="any") as session:
                ...
        assert emulator.ledger.doubled() == {}

    `async with` runs it in the current event loop, `with` in a thread of its own. With the same seed, clock and
    sequence of requests, the answers are the same to the byte, and so is the log.

    Args:
        cases: the number of cases at the start.
        seed: decides all ids, the seeded cases, and all random choices of faults and actors.
        clock: the time: None for the machine's, a number of Unix seconds for a clock that stands still, a function, or
            an `EmulatorClock`. `clock.advance(seconds)` works with each of them.
        switches: behaviour that is not known for certain.
        faults: scripted faults: text, `Fault` objects, or a list of both.
        limits: rate limits: text, `Limit` objects, or a list of both.
        actors: other users who change cases in the meantime: text, `Actor` objects, or a list of both.
        latency: seconds of real time between a request and its answer.
        keys: the accepted credentials; None for any. Without credentials the answer is 401, with others 403.
        facts: what a probe has found about a service (`casemgmt doctor --probe --facts-out FILE`), to be imitated;
            instead of switches and limits.
        log_size: the number of requests that the log keeps, the newest; 0 for none, None for all.
        host: the address to bind. With anything but loopback, other machines can connect.
        port: the port to bind; 0 for any free one.
    """

    def __init__(
        self,
        *,
        cases: int = 0,
        seed: int = 0,
        clock: EmulatorClock | float | Callable[[], float] | None = None,
        switches: Switches | None = None,
        faults: str | Fault | Iterable[str | Fault] | None = None,
        limits: str | Limit | Iterable[str | Limit] | None = None,
        actors: str | Actor | Iterable[str | Actor] | None = None,
        latency: float = 0.0,
        keys: Collection[Key] | None = None,
        log_size: int | None = None,
        facts: Facts | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        check_options(
            cases=cases,
            seed=seed,
            clock=clock,
            switches=switches,
            facts=facts,
            latency=latency,
            keys=keys,
            log_size=log_size,
            port=port,
        )
        super().__init__(
            cases=cases,
            seed=seed,
            clock=clock,
            switches=switches,
            faults=faults,
            limits=limits,
            actors=actors,
            log_size=log_size,
            facts=facts,
        )
        self.latency = latency
        self._keys = None if keys is None else tuple(keys)
        self._host, self._port = host, port
        self._listener: Listener | None = None
        self._thread: LoopThread | None = None

    async def __aenter__(self) -> Self:
        server = web.Server(
            self._handle,
            request_factory=self._make_request,
            handler_cancellation=True,  # a stall ends when its client goes
            access_log=None,
            logger=LOG,
            lingering_time=0,
        )
        self._listener = Listener(server, self._host, self._port)
        await self._listener.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        listener, self._listener = self.listener, None
        await listener.close()

    def __enter__(self) -> Self:
        """Run the emulator in a thread of its own, for code that has no event loop or another one."""
        self._thread = LoopThread()
        try:
            return self._thread.run(self.__aenter__())
        except BaseException:
            self._thread.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        thread, self._thread = self._thread, None
        thread.run(self.__aexit__(kind, error, trace))
        thread.stop()

    @property
    def log(self) -> Sequence[LogEntry]:
        """The requests in order of arrival: all of them, or the newest `log_size`."""
        self._settle()
        return super().log

    @property
    def requests(self) -> int:
        """The number of requests that have arrived."""
        self._settle()
        return super().requests

    @property
    def ledger(self) -> Ledger:
        """A summary of what the requests so far have changed."""
        self._settle()
        return super().ledger

    def _settle(self) -> None:
        """Wait until the emulator's thread has finished its work after sending an answer."""
        if self._thread is not None:
            self._thread.settle()

    @property
    def listener(self) -> Listener:
        """The listening socket of the running emulator."""
        if self._listener is None:
            raise RuntimeError("the emulator is not running: use it as `async with Emulator(...) as emulator`")
        return self._listener

    @property
    def base_url(self) -> str:
        """The address for clients."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        port = self.listener.port
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that make a `CaseSession()` call this emulator."""
        key = self._keys[0] if self._keys else Key()
        keys = {"DD_API_KEY": key.api_key or "emulator", "DD_APP_KEY": key.app_key or "emulator"}
        return {"CASEMGMT_BASE_URL": self.base_url, **keys}

    @property
    def exports(self) -> str:
        """Shell commands that set `env`."""
        url, *keys = [f"{name}={shlex.quote(value)}" for name, value in self.env.items()]
        return f"export {url}\nexport {' '.join(keys)}"

    def down(self) -> Outage:
        """Refuse connections inside the context, `async with emulator.down()`. Open ones are reset at its start."""
        return Outage(self.listener, self._thread)

    def _make_request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_SIZE)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        writer = ResponseWriter(request, self.listener, {"Date": http_date(int(self.clock()))})
        if path.startswith(control.PREFIX):
            await control.answer(self, writer, path, query)
            return writer.response
        route, ids = match(request.method, path) or (None, {})
        entry = self._log.start(route, request.method, path, dict(parse_qsl(query, True)), request.headers)
        writer.headers["DD-Request-ID"] = request_id(self.seed, entry.seq)
        outcome: RequestOutcome | None = None
        try:
            refused = self._refusal(writer, route, path)
            fault = None if refused or route is None else self._faults.draw(route.name)
            entry.fault = None if fault is None else str(fault)
            if fault is not None and fault.moment == "unread":
                await fault_effects.play(fault, writer, NO_REPLY)
                return writer.response
            body = await read_json(request)
            if route is None or refused is not None:
                entry.body = None if body is BAD_JSON else body
                self._send(writer, self.refusal(refused or Refused(404, [])))
                return writer.response
            outcome = self._log.read_body(route, entry, body)
            await self._answer(writer, ApiRequest(route, ids, entry.query, body, entry.seq), fault, outcome)
        except ConnectionError:
            pass  # the client has gone; the log says that nothing was sent
        except Exception as error:
            writer.status = getattr(error, "status", 500)  # the answer that aiohttp sends now
            raise
        finally:
            self._log.finish(entry, outcome, writer.status, complete=writer.complete)
        return writer.response

    async def _answer(
        self, writer: ResponseWriter, request: ApiRequest, fault: Fault | None, outcome: RequestOutcome | None
    ) -> None:
        """Let a request take effect and send the answer, with the fault before or after it."""
        if fault is not None and fault.moment == "before":
            await fault_effects.play(fault, writer, NO_REPLY)
            if not fault.continue_:
                return
        reply = self.answer(request)
        if reply.status < 300:
            if outcome is not None:
                outcome.applied = True
            self._actors.act(self.store, request)
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is not None and fault.moment == "after":
            await fault_effects.play(fault, writer, reply)
            if not fault.continue_:
                return
        self._send(writer, reply)

    def _send(self, writer: ResponseWriter, reply: Reply) -> None:
        writer.send(reply.status, encoded(reply.body), reply.headers)

    def _refusal(self, writer: ResponseWriter, route: Route | None, path: str) -> Refused | None:
        """Refuse an unknown path, missing or wrong credentials, or a call above a rate limit."""
        method, headers = writer.request.method, writer.request.headers
        if route is None:
            return refusal(404, "Not Found", f"the API has no operation {method} {path}")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer" and token != ""
        key = Key(access_token=token) if bearer else Key(headers.get("DD-API-KEY"), headers.get("DD-APPLICATION-KEY"))
        if not (key.access_token or (key.api_key and key.app_key)):
            return refusal(401, "Unauthorized", "neither DD-API-KEY and DD-APPLICATION-KEY nor a bearer token was sent")
        if self._keys is not None and key not in self._keys:
            return refusal(403, "Forbidden", "these credentials are not accepted")
        allowed, limits = self._limiter.take(route.name)
        shown = self.switches.rate_limit_headers
        if shown == "always" or (shown == "refused" and not allowed):
            writer.headers |= limits
        if shown != "never":
            writer.exhausted = partial(self._limiter.exhausted, route.name)
        return None if allowed else refusal(429, "Too Many Requests", "the rate limit of this window is used up")


def refusal(status: int, title: str, detail: str) -> Refused:
    """Make a refusal in the recorded shape."""
    return Refused(status, [{"status": str(status), "title": title, "detail": detail}])


async def read_json(request: web.BaseRequest) -> Any:
    """Read and parse the body; None for an empty one, `BAD_JSON` if it is not valid JSON."""
    if "Expect" in request.headers and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        data = await request.read() if request.can_read_body else b""
        body = DECODE(data) if data else None
    except (msgspec.DecodeError, web.RequestPayloadError, UnicodeDecodeError, RecursionError):
        return BAD_JSON
    return BAD_JSON if too_deep(data, body) else body


def too_deep(data: bytes, body: Any) -> bool:
    """Whether a body is nested deeper than any operation needs."""
    if data.count(b"[") + data.count(b"{") <= MAX_JSON_DEPTH:
        return False
    level = [body]
    for _ in range(MAX_JSON_DEPTH):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [child for children in inner for child in children]
    return bool(level)


def request_id(seed: int, seq: int) -> str:
    """Make the `DD-Request-ID` of a request: the same seed and number give the same id."""
    return f"{seed & 0xFFFFFFFF:08x}-0000-4000-8000-{seq:012x}"


async def serve(emulator: Emulator, announce: Callable[[Emulator], object]) -> None:
    """Run an emulator until the process gets SIGINT or SIGTERM.

    `announce` is called once, when the emulator listens.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with emulator:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # on Windows Ctrl-C cancels this task instead
                loop.add_signal_handler(number, stopped.set)
        announce(emulator)
        try:
            await stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
