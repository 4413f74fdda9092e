"""What all tests rely on: asyncio debug is on, and records a short stack."""

from __future__ import annotations

import asyncio
import traceback


async def test_asyncio_debug_is_on_and_records_a_short_stack():
    loop = asyncio.get_running_loop()
    _, frames = traceback.extract_stack.__defaults__
    assert loop.get_debug()
    for made in (loop.create_future(), loop.call_soon(print), asyncio.current_task()):
        assert 0 < len(made._source_traceback) <= frames == 3
