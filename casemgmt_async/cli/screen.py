"""What a person or a program reads: tables and lines on a terminal, JSON where asked for."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import define, field
from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["Screen", "age", "clean"]

WIDE = 1_000_000  # columns where no terminal says how many: a file or a pipe wraps and shortens nothing
CONTROLS = (*range(0x20), *range(0x7F, 0xA0), *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
VISIBLE = dict.fromkeys(CONTROLS, "\N{REPLACEMENT CHARACTER}") | dict.fromkeys(map(ord, "\t\r\n"), " ")


def clean(text: str) -> str:
    """Take out what would steer the terminal: anyone may have written the title of a case."""
    return text.translate(VISIBLE)


class Pane(Console):
    """A console on which a pipe that was closed is an error for the command to end on, not an exit status of 1."""

    def on_broken_pipe(self) -> None:
        """Say so."""
        raise BrokenPipeError


@define
class Screen:
    """Where a command writes: results to standard output, everything else to standard error."""

    as_json: bool = False
    """Write results as JSON instead of tables."""
    out: Console = field(factory=lambda: Pane(highlight=False, width=None if sys.stdout.isatty() else WIDE))
    err: Console = field(factory=lambda: Pane(stderr=True, highlight=False))

    @property
    def lively(self) -> bool:
        """Whether a person watches, so that progress may move."""
        return self.err.is_terminal and not self.as_json

    def emit(self, value: Any) -> None:
        """Write one JSON value on a line of its own, at once."""
        ascii_only = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
        sys.stdout.write(json.dumps(value, ensure_ascii=ascii_only, default=str, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Write a line of a result, or several, for a person."""
        if not self.as_json:
            for line in text.split("\n"):
                self.out.print(escape(clean(line)), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write a line about the work, to standard error."""
        self.err.print(escape(clean(text)), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
        """Write a table; a column whose name begins with `#` is of numbers, which never wrap."""
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for name in columns:
            number = name.startswith("#")
            table.add_column(
                name.lstrip("#"),
                justify="right" if number else "left",
                no_wrap=number or name == "key",
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(escape("-" if cell is None else clean(str(cell))) for cell in row))
        self.out.print(table)


def age(then: datetime | None, now: datetime | None = None) -> str:
    """Say how long ago something was, in the largest unit that fits: `3d`, `5h`, `12m`."""
    if then is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for unit, size in (("y", 365 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"
