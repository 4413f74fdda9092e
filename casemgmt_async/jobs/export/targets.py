"""Where an export goes: a file, a new file in a folder, partitions in a folder, or standard output."""

from __future__ import annotations

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from casemgmt_async import InvalidArgumentError
from casemgmt_async.jobs.errors import ExportError
from casemgmt_async.jobs.export.formats import FORMATS, PARTITIONS, partition_of, users_beside
from casemgmt_async.jobs.files import JSON_LINES, FileWriter, Format, sync_folder, write_whole

__all__ = ["STDOUT", "Target", "open_target"]

STDOUT: Final = "-"
KEEP_FILE: Final = "give another name, a folder, or --force to overwrite it"
KEEP_DELTA: Final = (
    "move it away, or export into a folder, which gets a file each time; --force loses what it holds, because no later "
    "export repeats it"
)
OPEN_FILES: Final = 64
"""Partitions that are open at a time; cases come by age, so that a day is soon complete."""

Batches = AsyncIterator[Sequence[bytes]]


@frozen
class Target:
    """Where an export goes."""

    path: Path
    """The file or the folder; `-` for standard output."""
    form: Format
    suffix: str
    is_folder: bool = False
    partition: tuple[str, ...] = ()

    @property
    def is_stdout(self) -> bool:
        """Whether cases go to standard output."""
        return str(self.path) == STDOUT

    def beside(self, name: str) -> Path:
        """Name a file of the export's own: inside a folder hidden, beside a file after it."""
        if self.is_stdout:
            return Path(f"casemgmt-export.{name}")
        return self.path / f".export.{name}" if self.is_folder else self.path.with_name(f"{self.path.name}.{name}")

    def output(self, run: int, started: float) -> Path:
        """Name the file of one run: in a folder, the files of all runs sort by age."""
        if not self.is_folder:
            return self.path
        stamp = datetime.fromtimestamp(started, UTC)
        return self.path / f"cases-{run:06}-{stamp:%Y%m%dT%H%M%SZ}.{self.suffix}"

    def check(self, written: str | None, *, force: bool, is_delta: bool = False) -> None:
        """Refuse a target that cannot be written, or a file that would be overwritten.

        `written` is the file that this export itself has written. `is_delta` says that the file would hold what has
        changed since the last export: then the file that is there is the only place of the changes before.
        """
        if self.is_stdout:
            return
        folder = self.path if self.is_folder else self.path.parent
        if not folder.is_dir():
            raise ExportError(f"{self.path}: there is no folder {folder}; make it first")
        if not self.is_folder and self.path.is_file() and not force and written != str(self.path):
            raise ExportError(f"{self.path}: the file is there already; {KEEP_DELTA if is_delta else KEEP_FILE}")

    async def write(self, output: Path, cases: Batches, users: Batches | None, step: Callable[[str], None]) -> None:
        """Write cases, and users beside them, whole or not at all; raises `ExportError` where that fails."""
        if self.is_stdout:
            await write_stream(sys.stdout.buffer, self.form, cases)
            return
        if users is not None:
            await write_whole(users_beside(output), JSON_LINES, users, step)
        if self.partition:
            await self.write_partitions(output, cases, step)
        else:
            await write_whole(output, self.form, cases, step)

    async def write_partitions(self, output: Path, cases: Batches, step: Callable[[str], None]) -> None:
        """Write a file in each partition: first all into one temporary folder, then each to its place."""
        temporary = self.path / f".{output.name}.part"
        shutil.rmtree(temporary, ignore_errors=True)
        files = Partitions(temporary, output.name, self.form)
        try:
            temporary.mkdir()
            async for batch in cases:
                parts: dict[str, list[bytes]] = defaultdict(list)
                for each in batch:
                    parts[partition_of(each, self.partition)].append(each)
                for part, some in parts.items():
                    files.write(part, some)
                step("batch written")
            files.close()
            for made in sorted(path for path in temporary.rglob("*") if path.is_file()):
                place = self.path / made.relative_to(temporary)
                place.parent.mkdir(parents=True, exist_ok=True)
                made.replace(place)
                sync_folder(place.parent)
                step("file renamed")
        except OSError as error:
            raise ExportError(f"{self.path}: cannot be written: {error.strerror or error}; run again") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


class Partitions:
    """The open files of partitions. The one opened first is closed first; more cases for it go to a new file."""

    def __init__(self, folder: Path, name: str, form: Format) -> None:
        self._folder, self._name, self._form = folder, name, form
        self._open: dict[str, tuple[IO[bytes], FileWriter]] = {}
        self._times: dict[str, int] = defaultdict(int)

    def write(self, part: str, cases: Sequence[bytes]) -> None:
        """Write cases of one partition."""
        if part not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._close(next(iter(self._open)))
            self._times[part] += 1
            path = self._folder / part / self._name_of(self._times[part])
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("wb")
            self._open[part] = (file, self._form.open(file))
        self._open[part][1].write(cases)

    def _name_of(self, times: int) -> str:
        """Name a file of a partition: all begin with `cases-000001-` and end alike, so that one pattern finds them."""
        noun, run, rest = self._name.split("-", 2)
        return self._name if times == 1 else f"{noun}-{run}-{times}-{rest}"

    def _close(self, part: str) -> None:
        file, writer = self._open.pop(part)
        writer.close()
        file.flush()
        os.fsync(file.fileno())
        file.close()

    def close(self) -> None:
        """Close all that are open."""
        for part in list(self._open):
            self._close(part)


async def write_stream(file: IO[bytes], form: Format, batches: Batches) -> None:
    """Write batches to an open stream."""
    writer = form.open(file)
    async for batch in batches:
        writer.write(batch)
    writer.close()
    file.flush()


def open_target(target: str | Path, format: str | None, partition: Sequence[str]) -> Target:
    """Parse the target of an export.

    Raises `InvalidArgumentError` for a format or a partition that does not exist, and `ExportError` for a name that
    does not tell the format.
    """
    for name in partition:
        if name not in PARTITIONS:
            raise InvalidArgumentError("partition", f"must contain only {', '.join(PARTITIONS)}; not {name!r}")
    if format is not None and format not in FORMATS:
        raise InvalidArgumentError("format", f"must be one of {', '.join(FORMATS)}, not {format!r}")
    path = Path(target)
    is_stdout = str(target) == STDOUT
    is_folder = not is_stdout and (path.is_dir() or bool(partition) or str(target).endswith(("/", os.sep)))
    suffix = format or (path.suffix.lower().lstrip(".") if not is_folder else "parquet" if partition else "")
    if not suffix and (is_folder or is_stdout):
        suffix = "jsonl"
    if suffix not in FORMATS:
        ends = ", ".join(f".{name}" for name in FORMATS)
        raise ExportError(f"{target}: cannot tell the format; end the name in one of {ends}, or give a format")
    form = FORMATS[suffix]
    form.check()
    return Target(path, form, suffix, is_folder, tuple(partition))
