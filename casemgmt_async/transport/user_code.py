"""Exceptions of the user's own code (listeners, token suppliers, trace hooks): raised as they are, never retried."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Final

import aiohttp

__all__ = ["UserCodeError", "find_user_error"]

NETWORK_ERRORS: Final = (aiohttp.ClientError, OSError, TimeoutError, EOFError)
LIBRARIES: Final = sys.stdlib_module_names | {
    *("aiodns", "aiohappyeyeballs", "aiohttp", "aiosignal", "casemgmt_async", "frozenlist", "multidict", "propcache"),
    *("pycares", "uvloop", "yarl"),
}
"""Packages that take part in a request; code of any other one is the user's."""
TRACING: Final = "aiohttp.tracing"
"""The module of aiohttp that calls trace hooks, and nothing else that can fail."""


class UserCodeError(Exception):
    """Carries an exception of the user's code past everything that handles errors of the network."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def find_user_error(error: Exception) -> Exception | None:
    """The exception of a trace hook or middleware of the user's client session behind `error`, if there is one.

    aiohttp wraps an `OSError` or `TimeoutError` of a hook as it would wrap one of the network.
    """
    cause: BaseException | None = error
    while isinstance(cause, Exception):
        modules = list(modules_of(cause.__traceback__))
        if TRACING in modules:
            return cause
        tops = {module.partition(".")[0] for module in modules}
        if not isinstance(cause, NETWORK_ERRORS) and not tops <= LIBRARIES:
            return cause
        cause = cause.__cause__
    return None


def modules_of(traceback: TracebackType | None) -> Iterator[str]:
    """The modules of the frames of a traceback, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame.f_globals.get("__name__", "")
        traceback = traceback.tb_next
