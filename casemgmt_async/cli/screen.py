"""The terminal: results to standard output, everything else to standard error, and nothing that steers the terminal."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import define

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Screen", "Text", "age", "clean", "many", "when"]

CONTROLS = (*range(0x20), *range(0x7F, 0xA0), *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
VISIBLE = dict.fromkeys(CONTROLS, "\N{REPLACEMENT CHARACTER}") | dict.fromkeys(map(ord, "\t\r\n"), " ")
STYLES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}
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


@define
class Screen:
    """Where a command writes."""

    as_json: bool = False
    """Write results as JSON instead of text."""
    width: int | None = None
    """Columns of the terminal; None takes those of the terminal, and breaks no line where there is none."""
    live: Console | None = None
    """The console that shows progress bars while there are some."""

    @property
    def is_interactive(self) -> bool:
        """Whether a person sees the progress and can answer a question."""
        return sys.stderr.isatty() and not self.as_json

    @property
    def has_styles(self) -> bool:
        """Whether colours and links are shown: on a terminal, unless NO_COLOR is set."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def emit(self, value: Any) -> None:
        """Write one JSON value on a line of its own, at once."""
        self.write(json.dumps(value, ensure_ascii=ascii_only(), default=str, separators=(",", ":")) + "\n")

    def write(self, text: str) -> None:
        """Write text as it is to standard output, at once."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Write a line of a result, or several, for a person."""
        if not self.as_json:
            self.write("".join(f"{clean(line)}\n" for line in text.split("\n")))

    def show(self, *parts: str) -> None:
        """Write one line of parts, some of which may be `Text` with a style."""
        if not self.as_json:
            self.write("".join(map(self.styled, parts)) + "\n")

    def styled(self, part: str) -> str:
        """Add the escape sequences for the style and the link of a `Text`."""
        shown = clean(part)
        if not isinstance(part, Text) or not self.has_styles:
            return shown
        if part.style:
            shown = f"\x1b[{';'.join(str(STYLES[name]) for name in part.style.split())}m{shown}\x1b[0m"
        return f"\x1b]8;;{part.url}\x1b\\{shown}\x1b]8;;\x1b\\" if part.url else shown

    def note(self, text: str) -> None:
        """Write a line about the work, to standard error."""
        if self.live is not None:
            self.live.print(clean(text), markup=False, highlight=False, soft_wrap=True)
            return
        sys.stderr.write(f"{clean(text)}\n")
        sys.stderr.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
        """Write a table. A column whose name begins with `#` has numbers, which never wrap; None is shown as `-`."""
        from casemgmt_async.cli.tables import render  # noqa: PLC0415 - rich takes a moment to load

        self.write(render(columns, rows, title, width=self.width, has_styles=self.has_styles))


def ascii_only() -> bool:
    """Whether standard output cannot show every letter."""
    return codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"


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
