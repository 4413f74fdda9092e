"""The terminal: results to standard output, everything else to standard error, and nothing that steers the terminal."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from casemgmt_async.cli.text import Text, clean

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Screen", "ascii_only"]

STYLES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


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
