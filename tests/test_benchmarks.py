"""What is counted and timed by hand does its work; no figure is looked at."""

from __future__ import annotations

import pytest

from benchmarks.instructions import ROWS, Row
from casemgmt_async.emulator import Emulator

PAIRS = [pytest.param(row, client, id=f"{row.name}, {client}") for row in ROWS for client in row.work]


@pytest.mark.parametrize(("row", "client"), PAIRS)
async def test_what_is_counted_can_be_done(row: Row, client: str) -> None:
    async with Emulator(cases=200, log_size=0) as emulator:
        await row.work[client](emulator.base_url, 2)
        uses_network = row.unit != "page" or row.name == "walk"
        assert emulator.requests >= 2 if uses_network else emulator.requests == 0
