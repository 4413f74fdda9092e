"""Files that appear whole or not at all, and JSON Lines."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO, Final, Protocol

from attrs import frozen

from casemgmt_async.jobs.errors import ExportError

__all__ = ["JSON_LINES", "FileWriter", "Format", "sync_folder", "write_whole"]


class FileWriter(Protocol):
    """Writes resources, given as the JSON that was received."""

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""

    def close(self) -> None:
        """Write what has to stand at the end."""


@frozen
class Format:
    """One form."""

    open: Callable[[IO[bytes]], FileWriter]
    """Makes the writer for an open file."""
    check: Callable[[], object]
    """Raises `ExportError` where the form needs a package that is missing."""


class JsonLinesWriter:
    """One resource a line, to the letter as it was received."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        for each in resources:
            # A line break in JSON stands between tokens only, so that it can go without changing anything.
            self._file.write(each.replace(b"\r", b"").replace(b"\n", b"") + b"\n")

    def close(self) -> None:
        """Do nothing: lines need no end."""


JSON_LINES: Final = Format(JsonLinesWriter, lambda: None)


async def write_whole(
    target: Path, format: Format, batches: AsyncIterator[Sequence[bytes]], step: Callable[[str], None]
) -> None:
    """Write batches under a temporary name, put them on the disk, and give the file its name.

    Raises `ExportError` where that fails; what was under the name before is still there then.
    """
    temporary = target.with_name(target.name + ".part")
    try:
        with temporary.open("wb") as file:
            writer = format.open(file)
            step("file opened")
            async for batch in batches:
                writer.write(batch)
                step("batch written")
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        step("file synced")
        temporary.replace(target)
        step("file renamed")
        sync_folder(target.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        why = error.strerror or error
        raise ExportError(f"{target}: cannot be written: {why}; see to it and run again; it goes on here") from error


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, where the system knows how."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
