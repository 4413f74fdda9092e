"""A client of its own for these tests: a raw socket, so that every byte and every reset is seen."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import dataclass, field

KEYS = {"DD-API-KEY": "secret-api-key", "DD-APPLICATION-KEY": "secret-app-key"}
PROJECT = {"data": {"type": "project", "attributes": {"key": "WIRE", "name": "Wire"}}}


@dataclass
class Heard:
    """What came back over one connection until it ended."""

    data: bytes = b""
    reset: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        return json.loads(self.body)


def request_bytes(method, path, body=None, headers=None, keys=KEYS, close=True):
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": "127.0.0.1:1", **keys, "Content-Length": str(len(data)), **(headers or {})}
    if close:
        lines["Connection"] = "close"
    top = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return top.encode() + b"\r\n" + data


async def listen(reader, until=None):
    """Read until the connection ends, or until so many bytes have come."""
    heard = Heard()
    try:
        while (until is None or len(heard.data) < until) and (more := await reader.read(2**16)):
            heard.data += more
    except ConnectionResetError:
        heard.reset = True
    top, _, heard.body = heard.data.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    if first.startswith("HTTP/1.1 ") and first[9:12].isdecimal() and len(first) > 14:
        heard.status = int(first[9:12])
    heard.headers = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
    return heard


async def talk(emulator, method="GET", path="/api/v2/cases", body=None, **options):
    """Send one request on a connection of its own, and hear all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
    try:
        writer.write(request_bytes(method, path, body, **options))
        return await listen(reader)
    finally:
        writer.close()


async def make_project(emulator, key="WIRE"):
    """A project for these tests, made over HTTP; gives its id."""
    body = {"data": {"type": "project", "attributes": {"key": key, "name": key.title()}}}
    return (await talk(emulator, "POST", "/api/v2/cases/projects", body)).json["data"]["id"]


def case_body(title, project):
    """The body of a create_case."""
    return {
        "data": {
            "type": "case",
            "attributes": {"title": title, "type_id": "00000000-0000-0000-0000-000000000001"},
            "relationships": {"project": {"data": {"id": project, "type": "project"}}},
        }
    }


async def create(emulator, title, project, **options):
    """Send a create_case."""
    return await talk(emulator, "POST", "/api/v2/cases", case_body(title, project), **options)


def unchunked(data):
    """The bytes in a chunked body, and whether it came to its end."""
    whole = b""
    while data:
        length, _, rest = data.partition(b"\r\n")
        size = int(length, 16)
        if size == 0:
            return whole, True
        whole, data = whole + rest[:size], rest[size + 2 :]
    return whole, False


def unzipped(data):
    """The bytes in a gzip body, and whether it came to its end."""
    unpacker = zlib.decompressobj(wbits=31)
    return unpacker.decompress(data), unpacker.eof
