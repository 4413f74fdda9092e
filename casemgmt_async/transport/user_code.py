"""Exceptions of the user's own code (listeners, token suppliers, trace hooks): raised as they are, never retried."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Final

import aiohttp

__all__ = ["UserCodeError", "is_user_error"]

NETWORK_ERRORS: Final = (aiohttp.ClientError, OSError, TimeoutError, EOFError)
LIBRARIES: Final = frozenset({"aiohttp", "asyncio", "casemgmt_async", "multidict", "ssl", "yarl", "zlib"})
TRACING: Final = "aiohttp.tracing"
"""The module of aiohttp that calls trace hooks, and nothing else that can fail."""


class UserCodeError(Exception):
    """Carries an exception of the user's code past everything that handles errors of the network."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def is_user_error(error: Exception) -> bool:
    """Whether an exception out of a request comes from a trace hook or a middleware of the user's client session."""
    modules = list(modules_of(error.__traceback__))
    if TRACING in modules:
        return True
    if isinstance(error, (*NETWORK_ERRORS, asyncio.InvalidStateError)) or not modules:
        return False
    return modules[-1].partition(".")[0] not in LIBRARIES


def modules_of(traceback: TracebackType | None) -> Iterator[str]:
    """The modules of the frames of a traceback, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame.f_globals.get("__name__", "")
        traceback = traceback.tb_next
