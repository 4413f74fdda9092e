"""The connections of a session: an aiohttp session of its own, or one that the user passed."""

from __future__ import annotations

import asyncio
import threading

import aiohttp
from multidict import CIMultiDict

from casemgmt_async.errors import ConfigurationError, SessionClosedError

__all__ = ["Pool"]


class Pool:
    """The aiohttp session: one of our own, made when it is first needed, or one that the user passed.

    It belongs to the event loop in which it is first used.
    """

    def __init__(
        self,
        client: aiohttp.ClientSession | None,
        connector: aiohttp.BaseConnector | None,
        limit: int,
        headers: CIMultiDict[str],
    ) -> None:
        self._client = client
        self._is_foreign = client is not None
        self._connector = connector
        self._limit = limit
        self._headers = headers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = ""
        self.closed = False

    def check(self) -> None:
        """Refuse to be used after `close`, in a second event loop, or in a second thread."""
        if self.closed:
            raise SessionClosedError("the session is closed")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._thread = loop, threading.current_thread().name
        elif loop is not self._loop:
            raise ConfigurationError(
                f"the session belongs to the event loop {self._loop!r} of thread {self._thread!r}, and was used in "
                f"{loop!r} of thread {threading.current_thread().name!r}; make one session for each event loop"
            )

    def client(self) -> aiohttp.ClientSession:
        """The aiohttp session."""
        client = self._client
        if self.closed or (client is not None and client.closed):
            raise SessionClosedError(f"the {'session' if self.closed else 'client_session that was passed'} is closed")
        if client is None:
            # The limiter already bounds the concurrency, so no request waits for a connection.
            connector = self._connector or aiohttp.TCPConnector(limit=self._limit)
            jar = aiohttp.DummyCookieJar()
            client = self._client = aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=self._headers)
        return client

    async def close(self) -> None:
        """Close what is not the user's."""
        self.closed = True
        if self._client is not None and not self._is_foreign:
            await self._client.close()
        elif self._client is None and self._connector is not None:
            await self._connector.close()
