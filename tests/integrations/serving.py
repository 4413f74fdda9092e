"""Apps on real servers, for the tests of this folder."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import uvicorn
from aiohttp import web

from casemgmt_async import CaseSession

EXAMPLES = Path(__file__).parents[2] / "examples"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def load_example(name: str) -> ModuleType:
    """Import an example by its file, as `uvicorn examples.x:app` would."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def under_uvicorn(app: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve an ASGI app under a real uvicorn; give a client of it, and fail on whatever the server complains of."""
    complaints: list[logging.LogRecord] = []
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None))
    handler = logging.Handler(logging.WARNING)
    handler.emit = complaints.append  # type: ignore[method-assign]
    logging.getLogger("uvicorn.error").addHandler(handler)
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or task.done())
        assert server.started, complaints
        port = server.servers[0].sockets[0].getsockname()[1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await task
        logging.getLogger("uvicorn.error").removeHandler(handler)
    assert [record.getMessage() for record in complaints] == []
    await nothing_left()


@asynccontextmanager
async def under_aiohttp(app: web.Application) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve an aiohttp app by aiohttp's own runner, as `web.run_app(handler_cancellation=True)` does."""
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            yield client
    finally:
        await runner.cleanup()
    await nothing_left()


async def nothing_left() -> None:
    """Wait until only this test and the emulator's own tasks run."""
    others = {"test_", "Door", "_handle", "start"}

    def busy() -> list[str]:
        names = [
            getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks() - {asyncio.current_task()}
        ]
        return [name for name in names if not any(other in name for other in others)]

    await until(lambda: not busy())


async def until(holds: Callable[[], Any]) -> None:
    """Look again and again until something holds; the test's own time-out bounds it."""
    while not holds():
        await asyncio.sleep(0.002)


async def hang_up_on(answer: Awaitable[Any], when: Callable[[], Any]) -> None:
    """Send a request, and close its connection when something holds."""
    task = asyncio.ensure_future(answer)
    await until(when)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def run_and_interrupt(*command: str, ready: str, **env: str) -> str:
    """Run an app as a command until it says that it is ready, press Ctrl-C, and give all that it said.

    Warnings are errors in it, and it must end well and without a complaint.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-W", "error", *command),
        cwd=EXAMPLES.parent,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = ""
    while ready not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    process.send_signal(signal.SIGINT)
    said += (await process.stdout.read()).decode()
    assert await process.wait() in {0, -signal.SIGINT}, said
    assert not any(word in said for word in ("Warning", "Traceback", "ERROR", "never")), said
    return said


def one_try() -> CaseSession:
    """A session that does not try again, so that a test waits for nothing."""
    return CaseSession(retry=None, timeout=1.0)


FAULTS = {
    "the service fails": ("get_case: status=500", 502),
    "a page of HTML": ("get_case: html=502", 502),
    "the connection breaks": ("get_case: drop", 502),
    "a redirect": ("get_case: redirect=307", 502),
    "an answer cut short": ("get_case: cut", 502),
    "nothing in the answer": ("get_case: empty", 502),
    "no answer": ("get_case: stall", 504),
    "too busy": ("get_case: status=429", 503),
}
"""What goes wrong upstream, and what the app answers."""
