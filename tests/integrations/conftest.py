"""The emulator behind the apps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from casemgmt_async.emulator import Emulator


@pytest.fixture
async def emulator(monkeypatch) -> AsyncIterator[Emulator]:
    """The service behind the app, found through the environment."""
    async with Emulator(cases=250, seed=1) as emulator:
        for name, value in emulator.env.items():
            monkeypatch.setenv(name, value)
        yield emulator
