"""Emulators to probe, and sessions on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator

Probed = Callable[..., AbstractAsyncContextManager[tuple[Emulator, CaseSession]]]


@asynccontextmanager
async def emulated(cases: int = 130, **options: Any) -> AsyncIterator[tuple[Emulator, CaseSession]]:
    """An emulator whose clock stands still, with realistic cases, and a session on it."""
    async with (
        Emulator(cases=cases, seed=4, clock=1_780_000_000, **options) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        yield emulator, session


@pytest.fixture
def probed() -> Probed:
    return emulated
