"""Read the body of an answer: bounded, decompressed, and never cut short without an error."""

from __future__ import annotations

import zlib
from typing import Final

import aiohttp
from aiohttp import hdrs

from casemgmt_async.errors import ConnectionFailedError, ResponseTooLargeError
from casemgmt_async.transport.turns import SMALL, Turns

__all__ = ["read_body"]

CONTENT_ENCODING: Final = hdrs.CONTENT_ENCODING
GZIP: Final = zlib.MAX_WBITS | 16
MAX_MEMBERS: Final = 100
"""Members of a gzip body; each one copies the rest of the body, so a body of tiny members would block the loop."""


async def read_body(response: aiohttp.ClientResponse, max_body: int, turns: Turns) -> bytes:
    """Read and decompress a body; stop and raise `ResponseTooLargeError` beyond `max_body` bytes.

    A large one is given back in its turn, so that the caller can decode it at once.
    """
    content = response.content
    raw = await content.readany()
    size = len(raw)
    if not content.at_eof():
        chunks = [raw]
        while size <= max_body and not content.at_eof():
            chunks.append(await content.readany())
            size += len(chunks[-1])
        raw = b"".join(chunks)
    if size > max_body:
        raise ResponseTooLargeError(f"the answer is larger than {max_body} bytes")
    if size > SMALL:
        await turns.take(size)
    encoding = response.headers.get(CONTENT_ENCODING)
    return raw if encoding is None else decompress(raw, encoding.strip().lower(), max_body)


def decompress(raw: bytes, encoding: str, max_body: int) -> bytes:
    """Decompress a body of one or several gzip members; refuse one that is damaged, cut short or too large."""
    if encoding in {"identity", ""} or not raw:
        return raw
    if encoding not in {"gzip", "x-gzip"}:
        raise ConnectionFailedError("the answer has a content encoding that was not requested")
    parts: list[bytes] = []
    room = max_body + 1
    for _ in range(MAX_MEMBERS):
        decoder = zlib.decompressobj(wbits=GZIP)
        try:
            part = decoder.decompress(raw, room)
        except zlib.error as error:
            raise ConnectionFailedError("the compressed answer is damaged") from error
        room -= len(part)
        if room <= 0:
            raise ResponseTooLargeError(f"the answer is larger than {max_body} bytes, decompressed")
        if not decoder.eof:
            raise ConnectionFailedError("the compressed answer is cut short")
        parts.append(part)
        raw = decoder.unused_data.lstrip(b"\0")  # as gzip(1) and gzip.decompress do: padding may follow a member
        if not raw:
            return b"".join(parts)
    raise ConnectionFailedError(f"the compressed answer has more than {MAX_MEMBERS} members")
