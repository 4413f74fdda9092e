"""An emulator in a process of its own, so that a client's CPU and memory are its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def emulator(cases: int, latency: float = 0.0) -> AsyncIterator[str]:
    """Start an emulator with a number of cases and yield its base URL; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.server",
        str(cases),
        str(latency),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()  # the child serves until its input ends, so it cannot outlive us
        await process.wait()


async def serve(cases: int, latency: float) -> None:
    """Serve until standard input ends."""
    from casemgmt_async.emulator import Emulator  # noqa: PLC0415 - the parent needs none of it

    async with Emulator(cases=cases, latency=latency, log_size=0) as running:
        print(running.base_url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
