"""The store in one SQLite file, with a lock beside it that says that a job is at work.

WAL with `synchronous=FULL` survives a killed process and a power cut.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from casemgmt_async.jobs.errors import (
    ForeignJournalError,
    JournalDamagedError,
    JournalError,
    JournalFullError,
    JournalLockedError,
)
from casemgmt_async.jobs.journal.lock import Lock
from casemgmt_async.jobs.journal.schema import APPLICATION_ID, VERSION
from casemgmt_async.jobs.journal.store import JournalStore

__all__ = ["SQLiteStore", "copy_database"]

ADVICE: Final[dict[int, tuple[type[JournalError], str]]] = {
    sqlite3.SQLITE_FULL: (JournalFullError, "the disk is full; free some space and run again; it resumes here"),
    sqlite3.SQLITE_IOERR: (
        JournalFullError,
        "the disk cannot be written; correct that and run again; it resumes here",
    ),
    sqlite3.SQLITE_CORRUPT: (JournalDamagedError, "the file is damaged; restore a copy, or start with a new journal"),
    sqlite3.SQLITE_NOTADB: (ForeignJournalError, "this is not a journal; give another path"),
    sqlite3.SQLITE_READONLY: (JournalError, "the file is not writable; change its permissions or give another path"),
    sqlite3.SQLITE_CANTOPEN: (JournalError, "the file cannot be opened; does its folder exist and is it writable?"),
    sqlite3.SQLITE_BUSY: (JournalLockedError, "another program is writing to it; close that and run again"),
}

PLAIN_INSERT: Final = re.compile(r"(INSERT INTO .* VALUES )(\([^()]*\))")
TOGETHER: Final = 50
"""Rows that one statement adds: each statement costs, and takes Python's lock away from the event loop."""


def explain(path: Path, error: Exception) -> JournalError:
    """Turn an error of SQLite into one that says what to do."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, advice = ADVICE.get(primary, (JournalError, str(error)))
    return kind(f"journal {path}: {advice}")


class SQLiteStore(JournalStore[sqlite3.Connection]):
    """One SQLite file."""

    errors = sqlite3.Error
    address: Path
    _lock: Lock | None = None

    def claim(self) -> None:
        """Take the lock beside the file."""
        if self._read_only and not self.address.exists():
            raise JournalError(f"journal {self.address}: there is no such file")
        if not self._read_only:
            self._lock = Lock(self.address)

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()

    def connect(self) -> sqlite3.Connection:
        """Open the file."""
        mode = "rw" if self._read_only else "rwc"  # with "ro", the log would be left behind at the end
        return sqlite3.connect(f"{self.address.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Recognise the file or lay it out."""
        (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if count == 0 and application == 0 and not self._read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            marks = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};"
            connection.executescript(f"BEGIN IMMEDIATE; {self._schema}; {marks} COMMIT;")
            return
        if self._read_only:
            connection.execute("PRAGMA query_only=ON")
            if count == 0 and application == 0:
                raise ForeignJournalError(f"journal {self.address}: there is nothing in it")
        if application != APPLICATION_ID:
            raise ForeignJournalError(f"journal {self.address}: this is another program's database; give another path")
        if version != VERSION:
            raise ForeignJournalError(
                f"journal {self.address}: it has layout {version}, and this version of the program knows {VERSION}; "
                "use the version that wrote it"
            )
        if not self._read_only:
            connection.execute("PRAGMA synchronous=FULL")
        ((said, *_), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if said != "ok":
            raise JournalDamagedError(
                f"journal {self.address}: {ADVICE[sqlite3.SQLITE_CORRUPT][1]} ({said.splitlines()[-1]})"
            )

    def select(self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a query."""
        return connection.execute(sql, parameters).fetchall()

    def change(self, connection: sqlite3.Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row of parameters; rows that are added go into a statement by the fifty."""
        insert, left = PLAIN_INSERT.fullmatch(sql), iter(rows)
        if insert is not None:
            many = f"{insert[1]}{', '.join([insert[2]] * TOGETHER)}"
            while len(some := list(islice(left, TOGETHER))) == TOGETHER:
                connection.execute(many, tuple(chain.from_iterable(some)))
            left = iter(some)
        connection.executemany(sql, left)

    def begin(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction that writes."""
        connection.execute("BEGIN IMMEDIATE")

    def commit(self, connection: sqlite3.Connection) -> None:
        """Commit it durably."""
        connection.execute("COMMIT")

    def rollback(self, connection: sqlite3.Connection) -> None:
        """Roll back, if a transaction is open."""
        if connection.in_transaction:
            connection.rollback()

    def disconnect(self, connection: sqlite3.Connection) -> None:
        """Close the file."""
        connection.close()

    def loss(self, connection: sqlite3.Connection) -> None:
        """Return None: a file is not lost while its process lives."""
        del connection

    def explain(self, error: Exception) -> JournalError:
        """Turn an error of SQLite into one that says what to do."""
        return explain(self.address, error)

    def remove(self) -> None:
        """Delete the file and what SQLite keeps beside it."""
        for suffix in ("", "-wal", "-shm"):
            self.address.with_name(self.address.name + suffix).unlink(missing_ok=True)


def copy_database(source: Path, target: Path) -> None:
    """Copy a journal, also while a job writes to it.

    Raises `JournalError` where the source cannot be read.
    """
    try:
        with (
            # Opened with `mode=ro`, a journal that no job has open would be left with a log file beside it.
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as opened,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            opened.backup(copy)
            copy.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise explain(source, error) from error
