"""Jobs killed at seeded points and run again lose nothing and double nothing."""

from __future__ import annotations

import pytest

from benchmarks.kill import kill_job

POINTS = {"triage": 8, "export": 5, "backfill": 5}
"""A sample; `python -m benchmarks.kill` has the many."""


@pytest.mark.parametrize("job", POINTS)
async def test_a_killed_job_ends_as_an_undisturbed_one(job: str) -> None:
    """Whatever step the process dies at, and once more on the way back, the end state is the same."""
    verdict = await kill_job(job, POINTS[job], seed=0)

    assert verdict.kills >= POINTS[job]
    assert verdict.lost == []
    assert verdict.doubled == []
    assert verdict.different == []


@pytest.mark.parametrize("job", POINTS)
async def test_a_job_killed_with_its_machine_goes_on_from_postgresql(job: str, postgres_url: str) -> None:
    """The next run has an empty disk, and the journal in PostgreSQL."""
    verdict = await kill_job(job, 2, seed=1, database=postgres_url)

    assert verdict.kills >= 2
    assert verdict.lost == []
    assert verdict.doubled == []
    assert verdict.different == []
