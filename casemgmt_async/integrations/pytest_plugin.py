"""Fixtures for the tests of programs that use this library: an emulator, and a session on it.

    @pytest.mark.case_emulator(cases=100, faults="create_case#2: drop-after-effect")
    async def test_triage(case_emulator, case_session):
        await triage(case_session)
        assert not case_emulator.ledger.doubled()

The marker takes the arguments of `Emulator`; that of a test adds to those of its class and module. Inside the test the
environment points to the emulator, so that a program that makes its own `CaseSession()` calls it. The emulator runs in
a thread of its own: `case_emulator` works in sync tests, and in async tests of pytest-asyncio (either mode, any loop
scope) and of anyio. `case_session` needs an async test.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

try:
    from pytest_asyncio import fixture as async_fixture
except ImportError:  # the plugin is loaded wherever this library is installed, also where nothing needs it
    async_fixture = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from casemgmt_async import CaseSession
    from casemgmt_async.emulator import Emulator

__all__ = ["case_emulator", "case_session"]

SCOPES: Final = ("function", "class", "module", "package", "session")
"""The loop scopes of pytest-asyncio."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "case_emulator(**options): the arguments of the emulator of this test")


@pytest.fixture
def case_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Run an emulator for one test, and point the environment to it."""
    from casemgmt_async.emulator import Emulator  # noqa: PLC0415 - only tests that use it pay for the import

    options: dict[str, Any] = {}
    for marker in request.node.iter_markers("case_emulator"):  # that of the test comes before that of its module
        if marker.args:
            pytest.fail("the arguments of the marker case_emulator are keywords, as in cases=3", pytrace=False)
        options = {**marker.kwargs, **options}
    with Emulator(**options) as emulator:
        for name, value in emulator.env.items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def case_session(request: pytest.FixtureRequest) -> Any:
    """Open a session on the emulator of this test. Its waits follow the emulator's clock."""
    return request.getfixturevalue(f"_case_session_{event_loop_of(request)}")


def event_loop_of(request: pytest.FixtureRequest) -> str:
    """Which event loop the test runs in: `anyio`, or a loop scope of pytest-asyncio."""
    node = request.node
    if not inspect.iscoroutinefunction(getattr(node, "obj", None)):
        pytest.fail("case_session needs an async test; a sync test can use case_emulator", pytrace=False)
    if node.get_closest_marker("anyio") or "anyio_backend" in request.fixturenames:
        return "anyio"
    if async_fixture is None:
        pytest.fail("case_session needs pytest-asyncio or anyio: install casemgmt-async[pytest]", pytrace=False)
    marker = node.get_closest_marker("asyncio")
    options = marker.kwargs if marker else {}
    try:
        default = request.config.getini("asyncio_default_test_loop_scope")
    except ValueError:  # pytest-asyncio before 0.26
        default = None
    return str(options.get("loop_scope") or options.get("scope") or default or "function")


async def open_session(case_emulator: Emulator) -> AsyncIterator[CaseSession]:
    """Open a session in the running event loop."""
    from casemgmt_async import CaseSession, Clock  # noqa: PLC0415 - only tests that use it pay for the import

    env, time = case_emulator.env, case_emulator.clock
    async with CaseSession(
        base_url=env["CASEMGMT_BASE_URL"],
        api_key=env["DD_API_KEY"],
        app_key=env["DD_APP_KEY"],
        clock=Clock(clock=time, wall=time, sleep=time.sleep),
    ) as session:
        yield session


def session_fixture(scope: Any) -> Any:
    """Make the fixture that opens a session in the event loop of one loop scope."""

    async def opened(case_emulator: Emulator) -> AsyncIterator[CaseSession]:  # pytest-asyncio marks the function itself
        async for session in open_session(case_emulator):
            yield session

    assert async_fixture is not None
    return async_fixture(name=f"_case_session_{scope}", loop_scope=scope)(opened)


if async_fixture is not None:  # one for each loop scope: the scope of a test is known only when it runs
    globals().update({f"_case_session_{scope}": session_fixture(scope) for scope in SCOPES})


@pytest.fixture(name="_case_session_anyio")
async def case_session_of_anyio(case_emulator: Emulator, anyio_backend: Any) -> AsyncIterator[CaseSession]:  # noqa: ARG001
    """Open a session in the event loop of anyio's test."""
    async for session in open_session(case_emulator):
        yield session
