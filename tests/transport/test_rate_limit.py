"""What the rate-limit headers of an answer say, also in unusual forms."""

from __future__ import annotations

import time

import pytest
from multidict import CIMultiDict

from casemgmt_async.transport.rate_limit import read_rate_limit, read_retry_after

NOW = 1_768_000_000.0  # Fri, 09 Jan 2026 23:06:40 GMT


def headers(**given: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in given.items()})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("-1", None),
        ("soon", None),
        ("1e3", None),
        ("٣", None),
        ("Fri, 09 Jan 2026 23:06:50 GMT", 10),
        ("Fri, 09 Jan 2026 23:06:30 GMT", 0),
        ("Fri Jan  9 23:06:50 2026", 10),
        ("Friday, 09-Jan-26 23:06:50 GMT", 10),
        ("Fri, 09 Jan 2026 23:06:50 -0000", 10),
        ("Fri, 99 Jan 2026 23:06:50 GMT", None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_time_to_wait_in_all_forms_of_http(
    text: str, seconds: float | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert read_retry_after(headers(Retry_After=text), lambda: NOW) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("text", "period"), [("60", 60), ("0", None), ("-60", None)])
def test_a_period_is_longer_than_nothing(text: str, period: float | None) -> None:
    assert read_rate_limit(headers(X_RateLimit_Period=text), lambda: NOW).period == period
