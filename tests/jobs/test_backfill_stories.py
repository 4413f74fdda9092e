"""A sample of the stories of imports; `python -m benchmarks.stories` has the many."""

from __future__ import annotations

from benchmarks.stories import live_all


async def test_imports_that_are_disturbed_make_each_row_once() -> None:
    """Killed, copied, restored, edited, with clocks that are off and a late index: nothing doubled, nothing lost."""
    runs, bad = await live_all(range(2, 5), rows=25)
    assert runs > 6
    assert bad == {}
