"""What is no HTTP, or no sensible JSON, gets an answer such as a service gives, and no traceback is printed."""

from __future__ import annotations

import asyncio
import logging

import pytest
from raw_client import KEYS, listen, request_bytes

from casemgmt_async.emulator import Emulator

NESTED = b"[" * 100_000 + b"]" * 100_000
MALFORMED = {
    "no HTTP": b"GARBAGE\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\n\r\n",
    "a header without a colon": b"GET /api/v2/cases HTTP/1.1\r\nbad header\r\n\r\n",
    "a length that is no number": b"POST /api/v2/cases HTTP/1.1\r\nHost: x\r\nContent-Length: nope\r\n\r\n",
    "a path that is too long": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00",
    "JSON that is nested 100,000 deep": request_bytes("POST", "/api/v2/cases", NESTED, keys=KEYS),
    "JSON that is nested 250 deep": request_bytes("POST", "/api/v2/cases", b"[" * 250 + b"]" * 250, keys=KEYS),
    "an object that is nested 250 deep": request_bytes(
        "POST", "/api/v2/cases", b'{"data":' * 250 + b"1" + b"}" * 250, keys=KEYS
    ),
    "half of a JSON text": request_bytes("POST", "/api/v2/cases", b'{"data": ', keys=KEYS),
    "bytes that are no UTF-8": request_bytes("POST", "/api/v2/cases", b'{"data": "\xff"}', keys=KEYS),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_it_is_answered_400_without_a_traceback(name, caplog):
    caplog.set_level(logging.DEBUG)
    async with Emulator(cases=1) as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
        writer.write(MALFORMED[name])
        heard = await listen(reader)
        writer.close()
        assert heard.data.split(b" ")[1] == b"400"
        assert b"Traceback" not in heard.data
        assert [record for record in caplog.records if record.exc_info] == []
        # it goes on
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
        writer.write(request_bytes("GET", "/api/v2/cases", keys=KEYS))
        assert (await listen(reader)).status == 200
        writer.close()


async def test_a_body_of_sensible_depth_is_taken():
    async with Emulator(cases=1) as emulator:
        body = {"data": {"type": "project", "attributes": {"key": "DEEP", "name": "Deep"}}}
        reader, writer = await asyncio.open_connection("127.0.0.1", emulator.listener.port)
        writer.write(request_bytes("POST", "/api/v2/cases/projects", body, keys=KEYS))
        assert (await listen(reader)).status == 201
        writer.close()
