"""The lock that says that a job is at work on a journal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from casemgmt_async.jobs.errors import JournalError, JournalLockedError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["Lock"]


class Lock:
    """Held while a job runs; the system releases it when the process ends for any reason."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        while True:
            try:
                file = self._path.open("a+b")
            except OSError as error:
                raise JournalError(f"journal {path}: cannot be opened: {error.strerror}") from error
            if not try_lock(file):
                holder = self._path.read_bytes().decode(errors="replace").strip() if sys.platform != "win32" else ""
                file.close()
                who = f" (process {holder})" if holder else ""
                raise JournalLockedError(f"journal {path}: another job is at work on it{who}; wait for it or stop it")
            if self._is_current(file):
                break
            file.close()  # the job before us took the file away between our opening and locking it
        self._file = file
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()

    def _is_current(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if not self._file.closed:
            if sys.platform != "win32":  # there an open file cannot be taken away
                self._path.unlink(missing_ok=True)
            self._file.close()


def try_lock(file: IO[bytes]) -> bool:
    """Lock a file for this process, if nobody has."""
    try:
        if sys.platform == "win32":
            file.seek(1 << 30)  # a place of its own: a locked range cannot be read there
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
