"""A listing is read to its end, also where it grows while it is read."""

from __future__ import annotations

import asyncio

from casemgmt_async import CaseSession, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs.triage.listing import iter_listing

STANDARD = "00000000-0000-0000-0000-000000000001"


async def test_pages_that_appear_meanwhile_are_read_too() -> None:
    """New cases come last; how many pages there are is told by each page anew."""
    async with (
        Emulator(cases=150, seed=5) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        project = next(iter(emulator.store.tables.projects))
        found: list[str] = []
        async for page in iter_listing(session, None, window=4):
            found += [case.id for case in page]
            if len(found) == 100:
                await asyncio.gather(
                    *(
                        cases.create_case(session, title=f"new {n}", type_id=STANDARD, project_id=project)
                        for n in range(60)
                    )
                )
        assert len(found) == len(set(found)) == 210
