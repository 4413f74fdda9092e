"""Text for people: harmless to a terminal, with style and link, and numbers, ages and times in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Self

__all__ = ["Text", "age", "clean", "many", "when"]

CONTROLS = (*range(0x20), *range(0x7F, 0xA0), *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
VISIBLE = dict.fromkeys(CONTROLS, "\N{REPLACEMENT CHARACTER}") | dict.fromkeys(map(ord, "\t\r\n"), " ")
IRREGULAR: Final = {"match": "matches", "query": "queries", "entry": "entries"}


def clean(text: str) -> str:
    """Replace the characters that would steer the terminal: anyone may have written the title of a case."""
    return text.translate(VISIBLE)


def many(count: int, noun: str) -> str:
    """Write a number with its noun: `1 case`, `2 cases`, `1,000 cases`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {IRREGULAR.get(noun, noun + 's')}"


class Text(str):
    """Text with a style of `STYLES`, and with the address that a click on it opens."""

    style: str | None
    url: str | None

    def __new__(cls, text: str, style: str | None = None, url: str | None = None) -> Self:
        """Make it."""
        self = super().__new__(cls, text)
        self.style, self.url = style, url
        return self


def age(then: datetime | None, now: datetime | None = None) -> str:
    """Say how long ago something was, in the largest unit that fits: `3d`, `5h`, `12m`."""
    if then is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for unit, size in (("y", 365 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"


def when(moment: datetime | None, *, utc: bool) -> str | None:
    """Write a moment to the minute, in the local time zone or with a `Z` in UTC."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%MZ}" if utc else f"{moment.astimezone():%Y-%m-%d %H:%M}"
