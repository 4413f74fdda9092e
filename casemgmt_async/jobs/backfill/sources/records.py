"""One row of a source as a reader gives it, before its values are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

__all__ = ["REASON", "ROW_TEXT", "Layout", "Record", "RowError"]

REASON: Final = "casemgmt_reason"
"""Column or key in a rejects file that says why the row was rejected; readers ignore it."""
ROW_TEXT: Final = "casemgmt_row"
"""Key in a rejects file for a line that is not JSON: its text, to be corrected there."""


class RowError(ValueError):
    """One row cannot be used; the message says why, for the rejects file."""


@frozen
class Record:
    """One row of a source: its values, or what is wrong with it."""

    line: int
    """Number of the line on which the row begins, from 1; for Python rows, the number of the row."""
    text: str
    """The row as the source has it: JSON text, or the cells of a table as a JSON list."""
    values: Mapping[str, Any] | None = None
    """The values by field name."""
    problem: str | None = None
    """Why the row cannot be used, or None."""


@frozen(kw_only=True)
class Layout:
    """The format of a source; its rejects file has the same format."""

    kind: str
    """`table`, `lines` (JSON Lines), `array` (a JSON array) or `python` (mappings from a program)."""
    encoding: str = "utf-8"
    """Python's name of the encoding."""
    delimiter: str = ","
    """What separates the cells of a table."""
    header: tuple[str, ...] = ()
    """The column names of a table, as they are written."""
    notes: tuple[str, ...] = field(default=(), eq=False)
    """What the reader detected or ignored, in sentences for the user."""
