"""A database under a journal, used from one event loop: one thread owns the connection and does what is asked.

Writers that wait at the same time share one transaction. A write is durable when its `await` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from attrs import define, frozen

from casemgmt_async.jobs.errors import JournalError
from casemgmt_async.jobs.journal.address import JournalAddress

__all__ = ["JournalStore", "Statement"]

C = TypeVar("C")

Statement: TypeAlias = tuple[str, Iterable[Sequence[Any]]]
"""One SQL statement and the rows of parameters that it is run for."""


@frozen(eq=False)
class Work:
    """A piece of work for the thread, with the future of the caller."""

    run: Callable[[Any], Any]
    future: asyncio.Future[Any]
    writes: bool


@define(eq=False)
class WorkResult:
    """The result of a piece of work."""

    result: Any = None
    error: Exception | None = None


class JournalStore(ABC, Generic[C]):
    """A database, used through `read` and `write`; the subclasses say how it is connected to and spoken to."""

    errors: ClassVar[type[Exception]]
    """The base class of the exceptions of the driver."""

    def __init__(
        self,
        address: JournalAddress,
        schema: str,
        *,
        read_only: bool = False,
        part: int | None = None,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.address = address
        self._schema = schema
        self._read_only = read_only
        self._part = part
        self._on_step = on_step
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"journal {address.name}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: C | None = None
        self._failed: JournalError | None = None
        self._idle = threading.Lock()

    async def open(self) -> None:
        """Open the journal, or make it, and see that it is ours and that no other job is at work on it."""
        self.claim()
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        try:
            await self._ask(self.prepare, writes=False)
        except BaseException:
            self.close()
            raise

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows."""
        result: list[tuple[Any, ...]] = await self._ask(lambda c: self.select(c, sql, parameters), writes=False)
        return result

    async def write(self, *statements: Statement) -> None:
        """Run statements in one transaction, shared with other waiting writers; returns when it is durable."""

        def run(connection: C) -> None:
            for sql, rows in statements:
                self.change(connection, sql, rows)

        await self._ask(run, writes=True)

    def check(self) -> None:
        """Raise `JournalError` if this job may send nothing more, because it does not own the journal any longer.

        It costs no round trip, so that it can be called before each request.
        """
        if self._failed is not None:
            raise self._failed
        if self._connection is not None and self._idle.acquire(blocking=False):
            try:
                self._failed = self.loss(self._connection)
                if self._failed is not None:
                    raise self._failed
            finally:
                self._idle.release()

    def close(self) -> None:
        """Finish the waiting work, disconnect and release the lock; a second call does nothing.

        It blocks for the last commit, some milliseconds, so that it is complete when a cancelled job ends.
        """
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self.release()

    async def _ask(self, run: Callable[[C], Any], *, writes: bool) -> Any:
        if writes and self._failed is not None:
            raise self._failed
        if self._loop is None or not self._thread.is_alive():
            raise JournalError(f"journal {self.address}: it is not open")
        future = self._loop.create_future()
        self._queue.put(Work(run, future, writes))
        return await future

    def _serve(self) -> None:
        """Run in the thread: do all waiting work in one transaction, and deliver the results."""
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while not self._queue.empty() and not last:
                following = self._queue.get()
                last = following is None
                if following is not None:
                    batch.append(following)
            with self._idle:
                results = self._perform(batch)
            self._answer(batch, results)
            if last:
                break
        if self._connection is not None:
            with contextlib.suppress(self.errors):  # on a full disk the log stays beside the file, whole
                self.disconnect(self._connection)

    def _perform(self, batch: Sequence[Work]) -> list[WorkResult]:
        try:
            if self._connection is None:
                self._connection = self.connect()
            return self._transact(self._connection, batch)
        except self.errors as error:
            failure = self.explain(error)
            failure.__cause__ = error
        except JournalError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the waiting callers must get the error, or they would wait for ever
            failure = JournalError(f"journal {self.address}: {error!r}")
            failure.__cause__ = error
        self._failed = failure
        if self._connection is not None:
            with contextlib.suppress(self.errors):  # the database itself rolls back where it must
                self.rollback(self._connection)
        return [WorkResult(error=failure)] * len(batch)

    def _transact(self, connection: C, batch: Sequence[Work]) -> list[WorkResult]:
        if not any(work.writes for work in batch):
            return [WorkResult(work.run(connection)) for work in batch]
        self.begin(connection)
        outcomes = [WorkResult(work.run(connection)) for work in batch]
        self._on_step("commit")
        self.commit(connection)
        self._on_step("committed")
        return outcomes

    def _answer(self, batch: Sequence[Work], outcomes: Sequence[WorkResult]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everybody who waited
            self._loop.call_soon_threadsafe(deliver, batch, outcomes)

    @abstractmethod
    def claim(self) -> None:
        """Claim the journal for this job before the thread starts, where that takes no connection."""

    @abstractmethod
    def release(self) -> None:
        """Release what `claim` took; a second call does nothing."""

    @abstractmethod
    def connect(self) -> C:
        """Connect; called by the thread."""

    @abstractmethod
    def prepare(self, connection: C) -> None:
        """Recognise the journal or lay it out."""

    @abstractmethod
    def select(self, connection: C, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a query."""

    @abstractmethod
    def change(self, connection: C, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row of parameters."""

    @abstractmethod
    def begin(self, connection: C) -> None:
        """Begin a transaction that writes."""

    @abstractmethod
    def commit(self, connection: C) -> None:
        """Commit it durably."""

    @abstractmethod
    def rollback(self, connection: C) -> None:
        """Roll back, if a transaction is open."""

    @abstractmethod
    def disconnect(self, connection: C) -> None:
        """Close the connection."""

    @abstractmethod
    def loss(self, connection: C) -> JournalError | None:
        """Return the error if the connection of an idle thread is gone, as far as this machine knows; None if not."""

    @abstractmethod
    def explain(self, error: Exception) -> JournalError:
        """Turn an error of the driver into one that says what to do."""

    @abstractmethod
    def remove(self) -> None:
        """Delete the journal, which is closed."""


def deliver(batch: Sequence[Work], outcomes: Sequence[WorkResult]) -> None:
    """Deliver the results to the callers that still wait."""
    for work, outcome in zip(batch, outcomes, strict=True):
        if work.future.done():
            continue
        if outcome.error is not None:
            work.future.set_exception(outcome.error)
        else:
            work.future.set_result(outcome.result)
