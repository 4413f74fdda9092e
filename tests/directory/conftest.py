"""A directory in front of an emulator, with a clock that tests turn."""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import define, field

from casemgmt_async import CaseSession, Directory
from casemgmt_async.emulator import Emulator
from casemgmt_async.emulator.state import seeding


@define
class Clock:
    now: float = field(default=0.0)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def emulator():
    async with Emulator(seed=4) as emulator:
        yield emulator


@pytest.fixture
async def session(emulator):
    async with CaseSession(api_key="any", app_key="any", base_url=emulator.base_url, retry=None) as session:
        yield session


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def directory(session, clock):
    return Directory(session, clock=clock)


@pytest.fixture
def add_user(emulator):
    """Add a user and return it as the emulator keeps it."""
    return lambda **details: seeding.add_user(emulator.store, **{"name": None} | details)


@pytest.fixture
def sent(emulator):
    """How many requests of each route arrived."""
    return lambda: Counter(entry.route for entry in emulator.log)
