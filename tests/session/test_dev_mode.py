"""A program that uses the library runs under `python -X dev` with every warning an error."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
from casemgmt_async import CaseSession, cases, timeline
from casemgmt_async.emulator import Emulator

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # not what this is about, and it depends on the machine
    async with Emulator(cases=50, seed=3) as emulator:
        async with CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session:
            found = await cases.iter_cases(session, page_size=10, window=4).collect()
            for start in range(0, 1000, 50):
                calls = [cases.get_case(session, case.id) for case in found[: 40]]
                calls += [cases.update_priority(session, case.id, priority="P2") for case in found[40:45]]
                calls += [timeline.comment_case(session, case.id, comment="seen") for case in found[45:]]
                await asyncio.gather(*calls)
        print(emulator.requests)

asyncio.run(main())
"""


@pytest.mark.timeout(180)  # ten seconds on a machine with nothing else to do
def test_a_thousand_calls_in_dev_mode_warn_of_nothing() -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= 1000
