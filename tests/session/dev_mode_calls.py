"""Make a number of calls against an emulator, and print how many requests it was sent.

`python -X dev -W error tests/session/dev_mode_calls.py 1000` warns of nothing.
"""

from __future__ import annotations

import asyncio
import sys

from casemgmt_async import CaseSession, cases, timeline
from casemgmt_async.emulator import Emulator


async def main(count: int) -> None:
    """Read, update and comment on cases, 50 calls at once."""
    asyncio.get_running_loop().slow_callback_duration = 60  # not what this is about, and it depends on the machine
    async with Emulator(cases=50, seed=3) as emulator:
        async with CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session:
            found = await cases.iter_cases(session, page_size=10, window=4).collect()
            for _ in range(0, count, 50):
                calls = [cases.get_case(session, case.id) for case in found[:40]]
                calls += [cases.update_priority(session, case.id, priority="P2") for case in found[40:45]]
                calls += [timeline.comment_case(session, case.id, comment="seen") for case in found[45:]]
                await asyncio.gather(*calls)
        print(emulator.requests)


asyncio.run(main(int(sys.argv[1])))
