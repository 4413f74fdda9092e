"""Fixtures for the tests of programs that use this library: an emulator, and a session on it.

    @pytest.mark.case_emulator(cases=100, faults="create_case#2: drop-after-effect")
    async def test_triage(case_emulator, case_session):
        await triage(case_session)
        assert not case_emulator.ledger.doubled()

The marker takes the arguments of `Emulator`. While the fixture lasts the environment points to the emulator, so that
a program that makes its own `CaseSession()` lands there too. The fixtures need pytest-asyncio, in either mode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

try:
    from pytest_asyncio import fixture
except ImportError:  # the plugin is loaded wherever this library is installed, and must not stand in the way there
    fixture = pytest.fixture  # type: ignore[assignment]

if TYPE_CHECKING:
    from casemgmt_async import CaseSession
    from casemgmt_async.emulator import Emulator

__all__ = ["case_emulator", "case_session"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "case_emulator(**options): the arguments of the emulator of this test")


@fixture
async def case_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """Run an emulator for one test, and point the environment to it."""
    from casemgmt_async.emulator import Emulator  # noqa: PLC0415 - no test pays for it but those that ask

    marker = request.node.get_closest_marker("case_emulator")
    async with Emulator(**(marker.kwargs if marker else {})) as emulator:
        for name, value in emulator.env.items():
            monkeypatch.setenv(name, value)
        yield emulator


@fixture
async def case_session(case_emulator: Emulator) -> AsyncIterator[CaseSession]:
    """Open a session on the emulator of this test."""
    from casemgmt_async import CaseSession  # noqa: PLC0415 - likewise

    env = case_emulator.env
    async with CaseSession(
        base_url=env["CASEMGMT_BASE_URL"], api_key=env["DD_API_KEY"], app_key=env["DD_APP_KEY"]
    ) as session:
        yield session
