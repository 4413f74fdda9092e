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
READABLE: Final = 14
"""Letters of a text that a column shows in one line at least."""
GAP: Final = 2
"""Blanks between columns."""
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
    """Lay out a table as text. A column whose name begins with `#` has numbers.

    Where the columns would become too narrow to read, each row is a block of lines instead.
    """
    cells = [[cell(value) for value in row] for row in rows]
    width = width or terminal_width()
    text = io.StringIO()
    console = Console(
        file=text,
        width=width,
        force_terminal=has_styles,
        color_system="standard" if has_styles else None,
        highlight=False,
        legacy_windows=False,
    )
    if needed(columns, cells) <= width:
        console.print(as_table(columns, cells, title))
    else:
        for row in cells:
            console.print(as_block(columns, row))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def terminal_width() -> int:
    """The columns of the terminal; a file or a pipe has no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED


def needed(columns: Sequence[str], cells: Sequence[Sequence[RichText]]) -> int:
    """The width below which columns become too narrow to read."""
    widths = [
        max([len(name), *(min(row[place].cell_len, READABLE) for row in cells)]) for place, name in enumerate(columns)
    ]
    return sum(widths) + GAP * (len(columns) - 1)


def as_table(columns: Sequence[str], cells: Sequence[Sequence[RichText]], title: str | None) -> Table:
    """One line a row, or more where a text wraps."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        is_number = name.startswith("#")
        table.add_column(
            name.lstrip("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number or name in WHOLE,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*row)
    return table


def as_block(columns: Sequence[str], row: Sequence[RichText]) -> Table:
    """One line a cell, with the name of its column; the first cell is the heading."""
    block = Table(box=None, pad_edge=False, show_header=False)
    block.add_column(no_wrap=True)
    block.add_column(overflow="fold")
    block.add_row(row[0], "")
    for name, value in list(zip(columns, row, strict=True))[1:]:
        if value.plain not in {"", "-"}:
            block.add_row(f"  {name.lstrip('#')}", value)
    return block


def cell(value: Any) -> RichText:
    """One cell: None is `-`, and a `Text` keeps its style and link."""
    if value is None:
        return RichText("-")
    style = Style.parse(value.style or "") + Style(link=value.url) if isinstance(value, Text) else Style()
    return RichText(clean(str(value)), style)
