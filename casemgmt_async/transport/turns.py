"""Turns to read large answers, so that those which arrive together do not hold up the event loop for all of them.

An event loop calls everything that is ready before it looks at timers and sockets again. Without turns, it would
decompress and decode sixteen pages in one go, and whatever else runs in the loop would wait for all sixteen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

__all__ = ["SMALL", "Turns"]

SMALL: Final = 2048
"""Bytes of an answer, as it was received, up to which it is read at once: a turn would cost more than it is worth."""
BYTES_IN_A_TURN: Final = 16 * 1024
"""Bytes that are read in one turn, unless one answer is larger; compressed, a page of 100 cases has about 14,000."""


class Turns:
    """The turns of one event loop, first come, first served."""

    __slots__ = ("_bytes", "_waiting")

    def __init__(self) -> None:
        self._bytes = 0  # of the answers in this turn; 0 if there is no turn
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Wait until an answer of `size` bytes may be read; it must be read before the next `await`."""
        if self._waiting or (self._bytes and self._bytes + size > BYTES_IN_A_TURN):
            admitted = asyncio.get_running_loop().create_future()
            self._waiting.append((size, admitted))
            await admitted
            return
        if not self._bytes:
            asyncio.get_running_loop().call_soon(self._next)
        self._bytes += size

    def _next(self) -> None:
        """Begin the next turn; every other iteration of the event loop is left to everything else."""
        self._bytes = 0
        while self._waiting:
            size, admitted = self._waiting[0]
            if self._bytes and self._bytes + size > BYTES_IN_A_TURN:
                break
            self._waiting.popleft()
            if not admitted.done():
                self._bytes += size
                admitted.set_result(None)
        if self._bytes:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._next)  # these answers are read in between
