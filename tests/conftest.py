"""What all tests share: exchanges that never leave the process."""

from __future__ import annotations

import asyncio.constants
import inspect
import json
import logging
import re
import traceback
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse, hdrs
from aioresponses import aioresponses
from attrs import define, field, frozen
from hypothesis import HealthCheck, settings
from multidict import CIMultiDict
from servers import postgres_server, postgres_url, redis_server, redis_url
from yarl import URL

__all__ = ["postgres_server", "postgres_url", "redis_server", "redis_url"]

NEEDS_STREAM_WRITER = "stream_writer" in inspect.signature(ClientResponse.__init__).parameters
ANY_URL = re.compile(r".*")

# asyncio debug records where each task, future and handle was made, by default through all of pytest's frames, which
# takes half of the time of the suite. Three frames name the place as well.
DEBUG_FRAMES = 3
asyncio.constants.DEBUG_STACK_DEPTH = DEBUG_FRAMES
traceback.extract_stack.__defaults__ = (None, DEBUG_FRAMES)

# The same examples every time, however slow the machine is.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


class Answer(ClientResponse):
    """A response as aioresponses makes it, completed for the aiohttp that asks for a stream writer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if NEEDS_STREAM_WRITER:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


@frozen
class Sent:
    """One request, as it was handed to aiohttp."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None

    @property
    def json(self) -> Any:
        """The body, read; None where there is none."""
        return None if self.body is None else json.loads(self.body)


@define
class Wire:
    """One exchange at a time: the next answer, and what was sent."""

    mock: aioresponses
    sent: list[Sent] = field(factory=list)

    def answer(self, status: int = 200, payload: Any = None, body: bytes = b"", **headers: str) -> None:
        """Answer the next request, whatever it is."""
        content = b"" if status == 204 else body if payload is None else json.dumps(payload).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        for method in (hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH, hdrs.METH_DELETE):
            self.mock.add(
                ANY_URL,
                method,
                status=status,
                body=content,
                headers=headers,
                content_type="application/vnd.api+json",
                response_class=Answer,
                callback=self._note(method),
            )

    def _note(self, method: str) -> Any:
        def note(url: URL, **kwargs: Any) -> None:
            headers = CIMultiDict(kwargs.get("headers") or {})
            self.sent.append(Sent(method, url, headers, kwargs.get("data")))

        return note

    @property
    def last(self) -> Sent:
        """The request that was sent last."""
        return self.sent[-1]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Stand between the client and the network."""
    with aioresponses() as mock:
        yield Wire(mock)


@pytest.fixture(autouse=True)
def restored_levels() -> Iterator[None]:
    """Undo the levels of loggers that a test or a block of the docs sets: they decide whether events are made."""
    loggers = (logging.getLogger(), logging.getLogger("casemgmt_async"))
    before = [(logger, logger.level) for logger in loggers]
    yield
    for logger, level in before:
        logger.setLevel(level)
