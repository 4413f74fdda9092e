"""The file under a journal: SQLite, one thread that owns it, and a lock that says a job is at work.

Writers that wait at the same time share one transaction. A write is on the disk when its `await`
returns: WAL with `synchronous=FULL` survives a killed process and a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from attrs import define, frozen

from casemgmt_async.jobs.errors import (
    ForeignJournalError,
    JournalDamagedError,
    JournalError,
    JournalFullError,
    JournalLockedError,
)
from casemgmt_async.jobs.journal.lock import Lock
from casemgmt_async.jobs.journal.schema import APPLICATION_ID, VERSION

__all__ = ["SQLiteStore", "Statement", "copy_database"]


Statement: TypeAlias = tuple[str, Iterable[Sequence[Any]]]
"""One SQL statement and the rows of parameters that it is run for."""

ADVICE: Final[dict[int, tuple[type[JournalError], str]]] = {
    sqlite3.SQLITE_FULL: (JournalFullError, "the disk is full; make room and run again, it goes on from here"),
    sqlite3.SQLITE_IOERR: (
        JournalFullError,
        "the disk cannot be written; see to it and run again, it goes on from here",
    ),
    sqlite3.SQLITE_CORRUPT: (JournalDamagedError, "the file is damaged; restore a copy, or start with a new journal"),
    sqlite3.SQLITE_NOTADB: (ForeignJournalError, "this is not a journal; give another path"),
    sqlite3.SQLITE_READONLY: (JournalError, "the file is not writable; change its permissions or give another path"),
    sqlite3.SQLITE_CANTOPEN: (JournalError, "the file cannot be opened; does its folder exist and is it writable?"),
    sqlite3.SQLITE_BUSY: (JournalLockedError, "another program is writing to it; close that and run again"),
}


def explain(path: Path, error: sqlite3.Error) -> JournalError:
    """Make of an error of SQLite what a user can act on."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, advice = ADVICE.get(primary, (JournalError, str(error)))
    return kind(f"journal {path}: {advice}")


@frozen(eq=False)
class Work:
    """Something for the thread to do, and who waits for it."""

    run: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    writes: bool


@define(eq=False)
class WorkResult:
    """What came of a piece of work."""

    result: Any = None
    error: Exception | None = None


class SQLiteStore:
    """One SQLite file, used through `read` and `write` from one event loop."""

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        read_only: bool = False,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._schema = schema
        self._read_only = read_only
        self._on_step = on_step
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"journal {path.name}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._failed: JournalError | None = None
        self._lock: Lock | None = None

    async def open(self) -> None:
        """Open the file, or make it, and see that it is ours and whole."""
        if self._read_only and not self.path.exists():
            raise JournalError(f"journal {self.path}: there is no such file")
        if not self._read_only:
            self._lock = Lock(self.path)
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        try:
            await self._ask(self._prepare, writes=False)
        except BaseException:
            self.close()
            raise

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows."""
        result: list[tuple[Any, ...]] = await self._ask(lambda c: c.execute(sql, parameters).fetchall(), writes=False)
        return result

    async def write(self, *statements: Statement) -> None:
        """Run statements in one transaction, shared with whoever else waits; returns when it is on the disk."""

        def run(connection: sqlite3.Connection) -> None:
            for sql, rows in statements:
                connection.executemany(sql, rows)

        await self._ask(run, writes=True)

    def close(self) -> None:
        """Finish what was asked for, close the file and let go of the lock; a second time does nothing.

        It blocks for the last commit, some milliseconds, so that it is complete when a cancelled job ends.
        """
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        if self._lock is not None:
            self._lock.release()

    async def _ask(self, run: Callable[[sqlite3.Connection], Any], *, writes: bool) -> Any:
        if writes and self._failed is not None:
            raise self._failed
        if self._loop is None or not self._thread.is_alive():
            raise JournalError(f"journal {self.path}: it is not open")
        future = self._loop.create_future()
        self._queue.put(Work(run, future, writes))
        return await future

    def _prepare(self, connection: sqlite3.Connection) -> None:
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
                raise ForeignJournalError(f"journal {self.path}: there is nothing in it")
        if application != APPLICATION_ID:
            raise ForeignJournalError(f"journal {self.path}: this is another program's database; give another path")
        if version != VERSION:
            raise ForeignJournalError(
                f"journal {self.path}: it has layout {version} and this program knows {VERSION}; use the newer program"
            )
        if not self._read_only:
            connection.execute("PRAGMA synchronous=FULL")
        ((said, *_), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if said != "ok":
            raise JournalDamagedError(
                f"journal {self.path}: {ADVICE[sqlite3.SQLITE_CORRUPT][1]} ({said.splitlines()[-1]})"
            )

    def _serve(self) -> None:
        """The thread: take all that waits, do it in one transaction, tell everybody."""
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while not self._queue.empty() and not last:
                following = self._queue.get()
                last = following is None
                if following is not None:
                    batch.append(following)
            self._answer(batch, self._perform(batch))
            if last:
                break
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):  # on a full disk the log stays beside the file, whole
                self._connection.close()

    def _perform(self, batch: Sequence[Work]) -> list[WorkResult]:
        try:
            if self._connection is None:
                mode = "rw" if self._read_only else "rwc"  # with "ro", the log would be left behind at the end
                self._connection = sqlite3.connect(
                    f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
                )
            return self._transact(self._connection, batch)
        except sqlite3.Error as error:
            failure = explain(self.path, error)
            failure.__cause__ = error
        except JournalError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, or would wait for ever
            failure = JournalError(f"journal {self.path}: {error!r}")
            failure.__cause__ = error
        self._failed = failure
        if self._connection is not None and self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # SQLite itself rolls back where it must
                self._connection.rollback()
        return [WorkResult(error=failure)] * len(batch)

    def _transact(self, connection: sqlite3.Connection, batch: Sequence[Work]) -> list[WorkResult]:
        if not any(work.writes for work in batch):
            return [WorkResult(work.run(connection)) for work in batch]
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [WorkResult(work.run(connection)) for work in batch]
        self._on_step("commit")
        connection.execute("COMMIT")
        self._on_step("committed")
        return outcomes

    def _answer(self, batch: Sequence[Work], outcomes: Sequence[WorkResult]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everybody who waited
            self._loop.call_soon_threadsafe(deliver, batch, outcomes)


def deliver(batch: Sequence[Work], outcomes: Sequence[WorkResult]) -> None:
    """Tell everybody who still waits."""
    for work, outcome in zip(batch, outcomes, strict=True):
        if work.future.done():
            continue
        if outcome.error is not None:
            work.future.set_exception(outcome.error)
        else:
            work.future.set_result(outcome.result)


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
