"""Some days of hourly runs, with people at work and runs killed, end as an independent model says."""

from __future__ import annotations

from benchmarks.month import HOUR, Policy, live, month_of

SHORT = Policy(warn_after=10 * HOUR, close_after=6 * HOUR, raise_after=12 * HOUR, escalate_after=20 * HOUR)


async def test_a_day_of_hourly_runs_are_as_the_model_says() -> None:
    """Every comment, warning, close, priority and mark, none twice; an idle hour costs a pass and a few requests."""
    async with month_of(24, SHORT, seed=1) as month:
        await live(month, hours=22, kills=4, people=2)
        assert month.differences() == []
        kinds = {kind for case in month.model.cases.values() for kind, _ in case.comments}
        assert kinds == {"warning", "farewell", "raised", "escalated"}, "each of them happened"
        assert month.kills >= 2
        await month.hour(99, None)
    assert month.requests[-1] <= 1 + 4
