"""A job in shards: parts that any machine can work on, in steps that begin when all shards have done the one before."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar

from attrs import define, frozen

from casemgmt_async import CaseSession, InvalidArgumentError
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JournalConnectionError
from casemgmt_async.jobs.journal import JournalAddress, JournalURL
from casemgmt_async.jobs.results import JobResult

__all__ = ["MOST_SHARDS", "NOT_DONE", "PATIENCE", "POLL", "ShardStep", "ShardedJob", "Standing", "check_shards"]

MOST_SHARDS: Final = 256
NOT_DONE: Final = "its shards are not done yet"
"""Why a job is not done of which shards are still with workers."""
POLL: Final = 1.0
"""Seconds between two looks at how far the shards are."""
PATIENCE: Final = 60
"""Looks in a row at which PostgreSQL may be away, or a shard that is done still be open at its worker."""

R_co = TypeVar("R_co", bound=JobResult, covariant=True)

ShardWork: TypeAlias = Callable[[CaseSession, JournalURL, int, JobControl], Awaitable[bool]]
"""Called with the journal of the job and the number of a shard; returns False if the job was stopped."""


@frozen
class ShardStep:
    """One step of a job in shards."""

    name: str
    """Its name, the same in every version: it is in the queue."""
    work: ShardWork
    """Does one shard; raises `JournalLockedError` while somebody else is at work on it."""
    is_done: Callable[[JournalURL, int], Awaitable[bool]]
    """Whether it is done for all shards; called with the journal and the number of shards."""
    is_whole: bool = False
    """Whether it is done once for the whole job, as its shard 0."""


@frozen
class Standing:
    """How far the shards of a job are."""

    done: int
    """Operations that ended."""
    total: int
    """All operations."""
    is_over: bool
    """Whether there is nothing to wait for."""


@define(eq=False)
class ShardedJob(ABC, Generic[R_co]):
    """A job whose shards are with workers."""

    kind: ClassVar[str]
    """`backfill` or `triage`."""
    steps: ClassVar[tuple[ShardStep, ...]]
    """What is done, in this order."""

    journal: JournalURL
    """The journal of the job."""
    shards: int
    """How many shards there are."""

    @abstractmethod
    async def standing(self) -> Standing:
        """Look how far the shards are."""

    @abstractmethod
    async def result(self, control: JobControl) -> R_co:
        """Return the result of the whole job; a backfill also writes the rejected rows of all shards into one file."""

    async def wait(self, control: JobControl) -> None:
        """Wait until all shards are done, and report how far they are; a stop of this job leaves the workers alone.

        Where PostgreSQL is away, as while it restarts, it is waited for. Raises `JournalConnectionError` after a
        minute of that.
        """
        control.progress.phase("in shards")
        done = missed = 0
        while not control.should_stop:
            try:
                now = await self.standing()
            except JournalConnectionError:
                missed += 1
                if missed > PATIENCE:
                    raise
            else:
                control.progress.advance(now.done - done, now.total)
                done, missed = now.done, 0
                if now.is_over:
                    return
            with contextlib.suppress(Interrupted):
                await control.sleep(POLL)


def check_shards(shards: int, journal: JournalAddress) -> JournalURL:
    """Refuse a number of shards that cannot be, and a journal that other machines cannot reach."""
    if not 1 <= shards <= MOST_SHARDS:
        raise InvalidArgumentError("shards", f"must be between 1 and {MOST_SHARDS}, not {shards}")
    if not isinstance(journal, JournalURL):
        raise InvalidArgumentError("journal", f"shards need a journal in PostgreSQL, as a URL; read: {journal}")
    return journal
