"""Spans of time as people write them: `45m`, `12h`, `30d`, `2w`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

__all__ = ["SPAN_RULE", "format_span", "parse_span", "timestamp"]

UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
SPAN_RULE: Final = "a whole number with a unit, as 45m, 12h, 30d or 2w"


def parse_span(text: str) -> int | None:
    """Read a span in seconds; None if the text is not a span."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*([smhdw])\s*", text)
    return int(found[1]) * UNITS[found[2]] if found else None


def format_span(seconds: float) -> str:
    """Write a span for people, with two units at most: `1h 5m`, `40s`."""
    if seconds < 1:
        return "less than a second"
    left = round(seconds)
    parts: list[str] = []
    for unit, size in UNITS.items():
        if unit != "w" and left >= size and len(parts) < 2:
            count, left = divmod(left, size)
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def timestamp(moment: datetime | None) -> float | None:
    """Give a time in Unix seconds."""
    return None if moment is None else moment.timestamp()
