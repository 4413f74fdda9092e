"""The day on which a case is due, as people and trackers write it."""

from __future__ import annotations

import pytest

from casemgmt_async.jobs.backfill.sources.presets import day_of


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("2031-05-06", "2031-05-06"),
        ("2031-05-06T23:30:00-05:00", "2031-05-06"),
        (" 2031-05-06 10:00", "2031-05-06"),
        ("06/May/31 12:00 AM", "2031-05-06"),
        ("06/May/2031", "2031-05-06"),
        ("06.05.2031", "2031-05-06"),
        ("2031/05/06", "2031-05-06"),
        ("31/12/2031", "2031-12-31"),
        ("12/31/2031", "2031-12-31"),
        ("05/05/2031", "2031-05-05"),
        ("", None),
        (None, None),
    ],
)
def test_a_day_is_read_in_the_forms_of_trackers(given: str | None, day: str | None) -> None:
    """A time behind the day is left out."""
    assert day_of(given) == day


@pytest.mark.parametrize("given", ["06/05/2031", "6/5/2031", "01/02/2031 08:00"])
def test_a_day_of_two_meanings_is_refused(given: str) -> None:
    """A guess would give half of the world wrong dates without a word."""
    with pytest.raises(ValueError, match=r"can be 2031-\d\d-\d\d or 2031-\d\d-\d\d; write it in this form"):
        day_of(given)


@pytest.mark.parametrize("given", ["5/6/31", "tomorrow", "2031-02-30", "46148", "May 6, 2031"])
def test_what_is_no_day_is_refused(given: str) -> None:
    """The message quotes it and shows the form."""
    with pytest.raises(ValueError, match=f"'{given}' is not a day; write it as 2031-05-06"):
        day_of(given)
