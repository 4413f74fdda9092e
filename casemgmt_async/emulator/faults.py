"""Faults, scripted: which calls meet them, and what happens on the wire.

    create_case#3: drop-after-effect         the third create takes effect, its answer never comes
    *@5%: status=503                         one call in twenty is answered 503, and did nothing
    search_cases#2..4: stall=10s             three searches are answered ten seconds late

Before the colon stand the calls (see `notation`), behind it one of `KINDS`, with a value where it takes one. Most
kinds strike before or after the request took effect: `-before-effect` and `-after-effect` say which.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final

from aiohttp import web
from attrs import Factory, field, frozen

from casemgmt_async.emulator.exchange import Reply
from casemgmt_async.emulator.notation import Calls, Counter, NotationError, duration, read_script, size, unknown
from casemgmt_async.emulator.wire import JSON_API, Wire, encoded, gzipped, head, problem

__all__ = ["KINDS", "Fault", "FaultScript", "Kind", "read_faults"]

LINE: Final = re.compile(
    r"(?P<on>[^:]+):\s*(?P<kind>[a-z-]+?)(?:-(?P<moment>before|after)-effect)?\s*(?:=\s*(?P<value>\S.*))?"
)
STATUSES: Final = (401, 403, 408, 429, 500, 502, 503, 504, 512)
REDIRECTS: Final = (301, 302, 303, 307, 308)
PIECE: Final = 2**20
HTML: Final = b"<html><head><title>Error</title></head><body><h1>The server is temporarily unable</h1></body></html>"


async def refuse(wire: Wire, seconds: Any, _reply: Reply) -> None:
    """Hang up, and refuse connections for so many seconds."""
    wire.reset()
    wire.door.refuse(seconds)


async def hang_up(wire: Wire, connections: Any, _reply: Reply) -> None:
    """Reset this connection and those after it, so many in all."""
    wire.reset()
    wire.door.hang_up(connections - 1)


async def drop(wire: Wire, _value: Any, _reply: Reply) -> None:
    """Reset the connection."""
    wire.reset()


async def stall(_wire: Wire, seconds: Any, _reply: Reply) -> None:
    """Say nothing for so many seconds, or for ever."""
    await (asyncio.get_running_loop().create_future() if seconds is None else asyncio.sleep(seconds))


async def stall_in_body(wire: Wire, seconds: Any, reply: Reply) -> None:
    """Stop in the middle of the body, and go on later."""
    body = encoded(reply.body)
    first, rest = body[: len(body) // 2], body[len(body) // 2 :]
    wire.begin(reply.status, {**framing(wire, reply), "Content-Length": str(len(body))}, first)
    await stall(wire, seconds, reply)
    wire.write(rest)
    wire.keep()
    wire.whole = True


async def cut(wire: Wire, limit: Any, reply: Reply) -> None:
    """End in the middle of a body whose length was told."""
    body = encoded(reply.body)
    top = {**framing(wire, reply), "Content-Length": str(len(body))}
    if body:
        wire.begin(reply.status, top, body[: len(body) // 2 if limit is None else limit])
    else:
        wire.write(head(reply.status, top)[:14])


async def cut_chunked(wire: Wire, limit: Any, reply: Reply) -> None:
    """End in the middle of a chunked body."""
    body = encoded(reply.body)
    part = body[: len(body) // 2 if limit is None else limit]
    top = {**framing(wire, reply), "Transfer-Encoding": "chunked"}
    wire.begin(reply.status, top, b"%x\r\n%b\r\n" % (len(part), part) if part else b"")


async def cut_gzip(wire: Wire, limit: Any, reply: Reply) -> None:
    """End a compressed body early, its length as told."""
    packed = gzipped(encoded(reply.body))
    part = packed[: len(packed) // 2 if limit is None else limit]
    top = {**framing(wire, reply), "Content-Encoding": "gzip", "Content-Length": str(len(part))}
    wire.begin(reply.status, top, part)
    wire.keep()


async def early_eof(wire: Wire, limit: Any, reply: Reply) -> None:
    """Send part of a body whose length was not told, and close."""
    body = encoded(reply.body)
    part = body[: len(body) // 2 if limit is None else limit]
    wire.begin(200, {**framing(wire, reply), "Connection": "close"}, part)


async def empty(wire: Wire, _value: Any, _reply: Reply) -> None:
    """Answer 200 with nothing."""
    wire.send(200, b"", {})
    wire.whole = False


async def html(wire: Wire, status: Any, _reply: Reply) -> None:
    """Answer with an HTML page."""
    wire.send(status, HTML, {}, "text/html; charset=utf-8")
    wire.whole = False


async def content_type(wire: Wire, media_type: Any, reply: Reply) -> None:
    """Answer under another media type."""
    wire.send(reply.status, encoded(reply.body), reply.headers, media_type)


async def redirect(wire: Wire, status: Any, _reply: Reply) -> None:
    """Redirect to another origin."""
    host, _, port = wire.request.host.rpartition(":")
    other = "127.0.0.1" if host == "localhost" else "localhost"
    wire.send(status, b"", {"Location": f"http://{other}:{port}{wire.request.raw_path}"})


async def status(wire: Wire, status: Any, _reply: Reply) -> None:
    """Answer with an error status."""
    wire.send(status, problem(status), {}, "application/json")


async def giant(wire: Wire, length: Any, reply: Reply) -> None:
    """Answer with a body of so many bytes."""
    await pour(wire, reply, {}, pieces(length))


async def giant_gzip(wire: Wire, length: Any, reply: Reply) -> None:
    """Answer with a body of so many bytes, compressed to few."""
    packer = zlib.compressobj(level=1, wbits=31)
    packed = (packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces(length))
    await pour(wire, reply, {"Content-Encoding": "gzip"}, packed)
    await wire.response.write(packer.flush())


async def pour(wire: Wire, reply: Reply, headers: dict[str, str], body: Iterable[bytes]) -> None:
    """Send a body piece by piece as the client takes it, its length untold."""
    wire.status = reply.status
    wire.response = web.StreamResponse(status=reply.status, headers={**framing(wire, reply), **headers})
    wire.response.enable_chunked_encoding()
    await wire.response.prepare(wire.request)
    for piece in body:
        await wire.response.write(piece)


def pieces(length: int) -> Iterator[bytes]:
    """A JSON text of that many bytes, made as it is taken."""
    yield b'"'
    for start in range(0, length - 2, PIECE):
        yield b"a" * min(PIECE, length - 2 - start)
    yield b'"'


def framing(wire: Wire, reply: Reply) -> dict[str, str]:
    """The headers of an answer, before its framing."""
    return {"Content-Type": JSON_API, **wire.headers, **reply.headers}


def one_of(allowed: tuple[int, ...]) -> Callable[[str], int]:
    """A reader of numbers that takes only those."""

    def read(text: str) -> int:
        if text.strip() not in map(str, allowed):
            raise NotationError(f"{text!r} is none of {', '.join(map(str, allowed))}")
        return int(text)

    return read


def count(text: str) -> int:
    """Read a number from 1."""
    if not text.isdecimal() or text == "0":
        raise NotationError(f"{text!r} is no number from 1")
    return int(text)


@frozen
class Kind:
    """One way in which a call can go wrong."""

    play: Callable[[Wire, Any, Reply], Awaitable[None]]
    """Does it; takes the wire, the value, and the answer that would have been sent."""
    after: bool
    """Whether it strikes after the request took effect."""
    default: Any = None
    """The value where none is given."""
    read: Callable[[str], Any] | None = None
    """Reads the value; None where the kind takes none."""
    fixed: bool = False
    """Whether the moment cannot be chosen."""
    unread: bool = False
    """Whether it strikes before the request's body is read."""
    goes_on: bool = False
    """Whether the call then goes on as if nothing had happened."""


KINDS: Final[dict[str, Kind]] = {
    "refuse": Kind(refuse, after=False, default=0.25, read=duration, fixed=True, unread=True),
    "hang-up": Kind(hang_up, after=False, default=1, read=count, fixed=True, unread=True),
    "reset": Kind(drop, after=False, fixed=True, unread=True),
    "drop": Kind(drop, after=False),
    "stall": Kind(stall, after=False, read=duration, goes_on=True),
    "stall-in-body": Kind(stall_in_body, after=True, read=duration, fixed=True),
    "cut": Kind(cut, after=True, read=size, fixed=True),
    "cut-chunked": Kind(cut_chunked, after=True, read=size, fixed=True),
    "cut-gzip": Kind(cut_gzip, after=True, read=size, fixed=True),
    "early-eof": Kind(early_eof, after=True, read=size, fixed=True),
    "empty": Kind(empty, after=True),
    "html": Kind(html, after=False, default=502, read=one_of((200, *STATUSES))),
    "content-type": Kind(content_type, after=True, default="text/plain", read=str, fixed=True),
    "redirect": Kind(redirect, after=False, default=302, read=one_of(REDIRECTS)),
    "status": Kind(status, after=False, default=503, read=one_of(STATUSES)),
    "giant": Kind(giant, after=True, default=10**9, read=size),
    "giant-gzip": Kind(giant_gzip, after=True, default=10**9, read=size),
}
"""Every fault there is; `docs/emulator.md` says what each looks like to a client."""


@frozen
class Fault:
    """One line of the script: those calls meet this."""

    on: str
    """Which calls, as in the notation: `create_case`, `create_case#3`, `*@5%`."""
    kind: str
    """The name of one of `KINDS`."""
    value: Any = None
    """Seconds, bytes, a status, a media type or a count, as the kind takes it; None for its default."""
    after_effect: bool | None = None
    """Whether the request takes effect first; None for the kind's own moment."""
    calls: Calls = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: Calls.parse(self.on), takes_self=True)
    )
    """`on`, read."""

    def __attrs_post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise unknown("fault", self.kind, KINDS)
        if kind.fixed and self.after_effect not in (None, kind.after):
            raise NotationError(f"{self.kind} always strikes {'after' if kind.after else 'before'} the effect")
        if kind.read is None and self.value is not None:
            raise NotationError(f"{self.kind} takes no value")
        if self.value is not None and kind.read is not str and not isinstance(self.value, int | float):
            raise NotationError(f"the value of {self.kind} is a number; Fault.parse reads it from a text")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `create_case#3: drop-after-effect`."""
        found = LINE.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"{text!r} is no fault: write it as create_case#3: status=503")
        name, moment, value = found["kind"], found["moment"], found["value"]
        kind = KINDS.get(name)
        if kind is None:
            raise unknown("fault", name, KINDS)
        if value is not None:
            value = kind.read(value) if kind.read else value
        return cls(found["on"].strip(), name, value, None if moment is None else moment == "after")

    @property
    def moment(self) -> str:
        """When it strikes: `unread`, `before` or `after`."""
        kind = KINDS[self.kind]
        after = kind.after if self.after_effect is None else self.after_effect
        return "unread" if kind.unread else "after" if after else "before"

    @property
    def goes_on(self) -> bool:
        """Whether the call then goes on as if nothing had happened."""
        return KINDS[self.kind].goes_on

    async def play(self, wire: Wire, reply: Reply) -> None:
        """Let it happen."""
        kind = KINDS[self.kind]
        await kind.play(wire, kind.default if self.value is None else self.value, reply)

    def __str__(self) -> str:
        moment = {None: "", True: "-after-effect", False: "-before-effect"}[self.after_effect]
        value = f"{self.value:g}s" if isinstance(self.value, float) else self.value
        return f"{self.on}: {self.kind}{moment}" + ("" if self.value is None else f"={value}")


class FaultScript:
    """The faults in force, and how many calls each has seen."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.lines = [(fault, Counter(fault.calls, f"{seed} {index} {fault}")) for index, fault in enumerate(faults)]

    def draw(self, route: str) -> Fault | None:
        """Count one call of an operation; the first fault that means it, if any."""
        met = [fault for fault, counter in self.lines if counter.hits(route)]
        return met[0] if met else None


def read_faults(script: str | Fault | Iterable[str | Fault] | None) -> list[Fault]:
    """Read a script of faults, as text, typed, or mixed."""
    return read_script(script, Fault, Fault.parse)
