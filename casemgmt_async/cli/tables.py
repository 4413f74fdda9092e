"""Tables by rich: in the width of the terminal, wrapped and never shortened."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text as RichText

from casemgmt_async.cli.text import Text, clean

__all__ = ["render"]

UNLIMITED: Final = 1_000_000
"""Columns where no terminal limits them: in a file or a pipe, no line is wrapped."""
WHOLE: Final = frozenset({"key", "id", "handle"})
"""Columns that never wrap, so that they can be copied."""


def render(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
    *,
    width: int | None = None,
    has_styles: bool = False,
) -> str:
    """Lay out a table as text. A column whose name begins with `#` has numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        is_number = name.startswith("#")
        table.add_column(
            name.lstrip("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number or name in WHOLE,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(cell, row))
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED
    text = io.StringIO()
    console = Console(
        file=text,
        width=width,
        force_terminal=has_styles,
        color_system="standard" if has_styles else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def cell(value: Any) -> RichText:
    """One cell: None is `-`, and a `Text` keeps its style and link."""
    if value is None:
        return RichText("-")
    style = Style.parse(value.style or "") + Style(link=value.url) if isinstance(value, Text) else Style()
    return RichText(clean(str(value)), style)
