"""What each kind of fault does on the wire."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final

from aiohttp import web

from casemgmt_async.emulator.behavior.faults import FAULT_KINDS, Fault
from casemgmt_async.emulator.http.wire import JSON_API, ResponseWriter, encoded, error_body, gzipped, head
from casemgmt_async.emulator.messages import Reply

__all__ = ["EFFECTS", "play"]

PIECE: Final = 2**20
HTML: Final = b"<html><head><title>Error</title></head><body><h1>The server is temporarily unable</h1></body></html>"


async def play(fault: Fault, writer: ResponseWriter, reply: Reply) -> None:
    """Do what a fault does. `reply` is the answer that would be sent without it."""
    value = FAULT_KINDS[fault.kind].default if fault.value is None else fault.value
    await EFFECTS[fault.kind](writer, value, reply)


async def refuse(writer: ResponseWriter, seconds: Any, _reply: Reply) -> None:
    """Reset all connections, and refuse new ones for a number of seconds."""
    writer.reset()
    writer.listener.refuse(seconds)


async def hang_up(writer: ResponseWriter, connections: Any, _reply: Reply) -> None:
    """Reset this connection and the next ones, `connections` in all."""
    writer.reset()
    writer.listener.hang_up(connections - 1)


async def drop(writer: ResponseWriter, _value: Any, _reply: Reply) -> None:
    """Reset the connection."""
    writer.reset()


async def stall(_writer: ResponseWriter, seconds: Any, _reply: Reply) -> None:
    """Send nothing for a number of seconds, or forever."""
    await (asyncio.get_running_loop().create_future() if seconds is None else asyncio.sleep(seconds))


async def stall_in_body(writer: ResponseWriter, seconds: Any, reply: Reply) -> None:
    """Pause in the middle of the body, then send the rest."""
    body = encoded(reply.body)
    first, rest = body[: len(body) // 2], body[len(body) // 2 :]
    writer.begin(reply.status, {**unframed_headers(writer, reply), "Content-Length": str(len(body))}, first)
    await stall(writer, seconds, reply)
    writer.write(rest)
    writer.keep()
    writer.complete = True


async def cut(writer: ResponseWriter, limit: Any, reply: Reply) -> None:
    """End the connection before the whole Content-Length is sent."""
    body = encoded(reply.body)
    headers = {**unframed_headers(writer, reply), "Content-Length": str(len(body))}
    if body:
        writer.begin(reply.status, headers, body[: len(body) // 2 if limit is None else limit])
    else:
        writer.write(head(reply.status, headers)[:14])


async def cut_chunked(writer: ResponseWriter, limit: Any, reply: Reply) -> None:
    """End the connection without the last chunk."""
    body = encoded(reply.body)
    part = body[: len(body) // 2 if limit is None else limit]
    headers = {**unframed_headers(writer, reply), "Transfer-Encoding": "chunked"}
    writer.begin(reply.status, headers, b"%x\r\n%b\r\n" % (len(part), part) if part else b"")


async def cut_gzip(writer: ResponseWriter, limit: Any, reply: Reply) -> None:
    """Send a truncated gzip stream under a correct Content-Length."""
    packed = gzipped(encoded(reply.body))
    part = packed[: len(packed) // 2 if limit is None else limit]
    headers = {**unframed_headers(writer, reply), "Content-Encoding": "gzip", "Content-Length": str(len(part))}
    writer.begin(reply.status, headers, part)
    writer.keep()


async def early_eof(writer: ResponseWriter, limit: Any, reply: Reply) -> None:
    """Send part of a body without a length, and close the connection."""
    body = encoded(reply.body)
    part = body[: len(body) // 2 if limit is None else limit]
    writer.begin(200, {**unframed_headers(writer, reply), "Connection": "close"}, part)


async def empty(writer: ResponseWriter, _value: Any, _reply: Reply) -> None:
    """Answer 200 without a body."""
    writer.send(200, b"", {})
    writer.complete = False


async def html(writer: ResponseWriter, status: Any, _reply: Reply) -> None:
    """Answer with an HTML page, as a gateway does: without rate-limit headers."""
    writer.headers = {"Date": writer.headers["Date"]}
    writer.send(status, HTML, {}, "text/html; charset=utf-8")
    writer.complete = False


async def content_type(writer: ResponseWriter, media_type: Any, reply: Reply) -> None:
    """Send the answer under another media type."""
    writer.send(reply.status, encoded(reply.body), {**reply.headers, "Content-Type": media_type})


async def redirect(writer: ResponseWriter, status: Any, _reply: Reply) -> None:
    """Redirect to another origin: this emulator under another host name."""
    host, _, port = writer.request.host.rpartition(":")
    other = "127.0.0.1" if host == "localhost" else "localhost"
    writer.send(status, b"", {"Location": f"http://{other}:{port}{writer.request.raw_path}"})


async def status(writer: ResponseWriter, status: Any, _reply: Reply) -> None:
    """Answer with an error status. A 429 carries the headers of a used-up window."""
    headers = writer.exhausted() if status == 429 else {}
    writer.send(status, error_body(status), headers, "application/json")


async def giant(writer: ResponseWriter, length: Any, reply: Reply) -> None:
    """Answer with a body of this many bytes."""
    await stream(writer, reply, {}, pieces(length))


async def giant_gzip(writer: ResponseWriter, length: Any, reply: Reply) -> None:
    """Answer with a small gzip body that decompresses to this many bytes."""
    packer = zlib.compressobj(level=1, wbits=31)
    packed = (packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces(length))
    await stream(writer, reply, {"Content-Encoding": "gzip"}, packed)
    await writer.response.write(packer.flush())


async def stream(writer: ResponseWriter, reply: Reply, headers: dict[str, str], body: Iterable[bytes]) -> None:
    """Send a body in chunks, as fast as the client reads them."""
    writer.status = reply.status
    writer.response = web.StreamResponse(status=reply.status, headers={**unframed_headers(writer, reply), **headers})
    writer.response.enable_chunked_encoding()
    await writer.response.prepare(writer.request)
    for piece in body:
        await writer.response.write(piece)


def pieces(length: int) -> Iterator[bytes]:
    """Generate a JSON string of this many bytes, piece by piece."""
    yield b'"'
    for start in range(0, length - 2, PIECE):
        yield b"a" * min(PIECE, length - 2 - start)
    yield b'"'


def unframed_headers(writer: ResponseWriter, reply: Reply) -> dict[str, str]:
    """The headers of an answer without those that say where its body ends."""
    return {"Content-Type": JSON_API, **writer.headers, **reply.headers}


EFFECTS: Final[dict[str, Callable[[ResponseWriter, Any, Reply], Awaitable[None]]]] = {
    "refuse": refuse,
    "hang-up": hang_up,
    "reset": drop,
    "drop": drop,
    "stall": stall,
    "stall-in-body": stall_in_body,
    "cut": cut,
    "cut-chunked": cut_chunked,
    "cut-gzip": cut_gzip,
    "early-eof": early_eof,
    "empty": empty,
    "html": html,
    "content-type": content_type,
    "redirect": redirect,
    "status": status,
    "giant": giant,
    "giant-gzip": giant_gzip,
}
"""What each kind of fault does: a function of the writer, the fault's value, and the undisturbed answer."""
assert EFFECTS.keys() == FAULT_KINDS.keys()
