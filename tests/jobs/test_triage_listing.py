"""A listing is read to its end, also where it grows while it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import pytest

from casemgmt_async import Case, CaseSession, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import Budget, JobControl
from casemgmt_async.jobs.triage.known_cases import KeySearches, read_known
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


@pytest.mark.parametrize(("wanted", "pages", "is_whole"), [(3, 1, False), (4, 5, True)])
async def test_pages_are_read_only_as_long_as_they_cost_less_than_the_cases(
    wanted: int, pages: int, is_whole: bool
) -> None:
    """As soon as more pages of the project are left than cases, the cases are left to be read one by one."""
    async with (
        Emulator(cases=0, seed=5) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        project = next(iter(emulator.store.tables.projects))
        emulator.seed_cases(500, project=project)
        unknown = {f"00000000-0000-0000-0000-00000000000{n}": project for n in range(wanted)}

        async def see(found: Sequence[Case]) -> Collection[str]:
            raise AssertionError(found)

        searches = KeySearches(session, JobControl(budget=Budget(concurrency=1)))
        left = await read_known(searches, unknown, {}, see)
        assert emulator.requests == pages
    assert set(left.ids) == unknown.keys()
    assert (project in left.whole) == is_whole
