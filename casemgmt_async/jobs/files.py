"""Files that appear complete or not at all, and JSON Lines."""

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
        """Write the end of the file."""


@frozen
class Format:
    """A file format."""

    open: Callable[[IO[bytes]], FileWriter]
    """Makes the writer for an open file."""
    check: Callable[[], object]
    """Raises `ExportError` if the format needs a package that is missing."""


class JsonLinesWriter:
    """One resource per line, exactly as it was received."""

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
    """Write batches under a temporary name, sync them to the disk, and rename the file.

    Raises `ExportError` if that fails; a file that had the name before is then unchanged.
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
        raise ExportError(
            f"{target}: cannot be written: {why}; correct that and run again: the job continues here"
        ) from error


def sync_folder(folder: Path) -> None:
    """Sync the entries of a folder to the disk, if the system supports it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
