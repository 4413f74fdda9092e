"""The forms of dates that requests can have, and an index that lags behind two writes."""

from __future__ import annotations

import pytest
from emulator_calls import Desk

WINDOW = {"name": "W", "query": "", "end_at": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "day", ["2026-1-05", "20260105", "2026-W01-1", "2026-02-30", "2026-01-05T00:00:00Z", " 2026-01-05", "", "tomorrow"]
)
def test_a_due_date_in_another_form_is_refused(desk: Desk, day: str) -> None:
    desk.create()
    answer = desk.send("update_case_due_date", "OPS-1", due_date=day)
    assert (answer.status, "expected YYYY-MM-DD" in answer.error["detail"]) == (400, True)
    assert "due_date" not in desk.get("OPS-1")


def test_a_due_date_is_a_calendar_date_or_null(desk: Desk) -> None:
    desk.create()
    for day in ("2026-01-05", "2028-02-29"):
        assert desk.send("update_case_due_date", "OPS-1", due_date=day).data["attributes"]["due_date"] == day
    assert "due_date" not in desk.send("update_case_due_date", "OPS-1", due_date=None).data["attributes"]


@pytest.mark.parametrize("start", ["2026-06-01T00:00:00Z", "2026-06-01T02:00:00+02:00", "2026-06-01T00:00:00.5Z"])
def test_a_time_has_an_offset(desk: Desk, start: str) -> None:
    made = desk.send("create_maintenance_window", kind="maintenance_window", start_at=start, **WINDOW)
    assert made.data["attributes"]["start_at"] == start


@pytest.mark.parametrize("start", ["2026-06-01T00:00:00", "2026-06-01", "noon", ""])
def test_a_time_without_an_offset_is_refused(desk: Desk, start: str) -> None:
    assert desk.send("create_maintenance_window", kind="maintenance_window", start_at=start, **WINDOW).status == 400


def test_a_second_write_is_seen_with_the_first() -> None:
    """The index shows a case as it was before the first write, until the first write is due; then as it is."""
    desk = Desk(index_lag=10)
    desk.create("first")
    desk.clock.now += 10
    assert desk.titles("first") == ["first"]
    desk.send("update_case_title", "OPS-1", title="second")
    desk.clock.now += 6
    desk.send("update_case_title", "OPS-1", title="third")
    assert len(desk.titles("first")) == 1
    assert desk.titles("third") == []
    desk.clock.now += 4
    assert desk.titles("first") == []
    assert desk.titles("third") == ["third"]
