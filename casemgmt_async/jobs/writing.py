"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from casemgmt_async.jobs.errors import ExportError
from casemgmt_async.jobs.formats import Format

__all__ = ["sync_folder", "write_whole"]


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
