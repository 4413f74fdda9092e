"""An emulator, a session on it and a place for files, for the tests of jobs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import JobControl

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:  # for the kill range, which is in benchmarks
    sys.path.insert(0, str(ROOT))


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator with forty cases."""
    async with Emulator(cases=40, seed=7) as running:
        yield running


@pytest.fixture
async def session(emulator: Emulator) -> AsyncIterator[CaseSession]:
    """A session that calls it."""
    async with CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as opened:
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where the journal of the test is."""
    return tmp_path / "job.db"


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, journal: Path) -> str | Path:
    """Where the journal of the test is: in a file, and in PostgreSQL."""
    if request.param == "sqlite":
        return journal
    url: str = request.getfixturevalue("postgres_url")
    return f"{url}#job"


@pytest.fixture
def control() -> Callable[..., JobControl]:
    """Make a control whose sleeps take no time and are kept in `control.slept`."""

    def make(**options: Any) -> JobControl:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        made = JobControl(sleep=sleep, **options)
        made.slept = slept  # type: ignore[attr-defined]
        return made

    return make
