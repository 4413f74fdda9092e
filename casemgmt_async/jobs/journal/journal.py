"""The journal of a job: planned operations, what was sent, and the outcomes.

Each operation goes from *planned* to *sending*, which is on the disk before the socket is touched, and
from there to *done*, *rejected* or *unknown*. An operation that is found in *sending* when a job starts was cut
off, and is looked for before anything is sent again. *Skipped* is what was deliberately not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from casemgmt_async import ConfigurationError
from casemgmt_async.jobs.errors import ForeignJournalError
from casemgmt_async.jobs.journal.address import JournalAddress, JournalURL, journal_address
from casemgmt_async.jobs.journal.schema import SCHEMA, SCHEMAS
from casemgmt_async.jobs.journal.sqlite_store import SQLiteStore, copy_database
from casemgmt_async.jobs.journal.states import Operation, OperationRow, Outcome, State, SubjectRow
from casemgmt_async.jobs.journal.store import JournalStore, Statement

__all__ = [
    "Bounds",
    "Journal",
    "copy_journal",
    "count_shards",
    "insert_operations",
    "insert_subjects",
    "move_subjects",
    "opened_whole",
    "ranges",
    "store_waits",
]

COLUMNS: Final = "o.number, o.subject, s.name, s.case_id, s.project_id, o.action, o.payload, o.state, o.sent_at, o.rule"
LAST: Final = 2**62


class Bounds(NamedTuple):
    """The subjects and operations that queries see: those of one run, or all."""

    first_subject: int = 0
    last_subject: int = LAST
    first: int = 0
    last: int = LAST

    @property
    def operations(self) -> tuple[int, int, int, int]:
        """The first and last operation, and the first and last subject of one."""
        return self.first, self.last, self.first_subject, self.last_subject


class Journal:
    """The journal of one job, in a file or, by a URL such as `postgresql://host/database#name`, in PostgreSQL.

    `async with Journal(path, kind="triage") as journal` opens the journal, or makes it; another process that
    tries the same meanwhile gets a `JournalLockedError`. With `read_only` it is opened beside a running job.
    With `part`, only that part of the job is locked, in PostgreSQL: other processes can open the other parts, and
    none can open the whole. With `base_url`, the address of the session, a job goes on where its cases are and
    nowhere else.

    `read(sql, parameters)` gives the rows of a query, `write(*statements)` runs statements in one transaction: those
    of the store.
    """

    def __init__(
        self,
        path: str | Path | JournalURL,
        *,
        kind: str,
        base_url: str | None = None,
        read_only: bool = False,
        part: int | None = None,
        on_step: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = journal_address(path)
        if isinstance(self.path, JournalURL):
            if kind == "any" and not self.path.name:
                raise ConfigurationError(f"journal {self.path}: add its name after #, as in {self.path}#triage")
            self.path = self.path.named(kind)
        self.kind = kind
        self.place = None if base_url is None else place_of(base_url)
        self.meta: dict[str, Any] = {}
        self.bounds = Bounds()
        self.clock = clock
        if part is not None and not isinstance(self.path, JournalURL):
            raise ConfigurationError(f"journal {self.path}: only a journal in PostgreSQL has parts; give its URL")
        options: dict[str, Any] = {"read_only": read_only, "part": part, "on_step": on_step}
        self._store: JournalStore[Any] = (
            postgres_store()(self.path, schema_of(kind), **options)
            if isinstance(self.path, JournalURL)
            else SQLiteStore(self.path, schema_of(kind), **options)
        )
        self._read_only = read_only
        self.read = self._store.read
        self.write = self._store.write

    async def __aenter__(self) -> Self:
        await self._store.open()
        try:
            await self.reload()
            await self._claim(self.meta.get("kind"))
        except BaseException:
            self._store.close()
            raise
        return self

    async def reload(self) -> None:
        """Read again what is kept about the job, as another process may have changed it."""
        self.meta = {name: json.loads(value) for name, value in await self.read("SELECT * FROM meta")}

    async def _claim(self, kind: str | None) -> None:
        """Mark a new journal as one of this job, and check that an existing one is."""
        if kind is None and not self._read_only:
            await self.put(kind=self.kind, place=self.place, started=self.clock())
        elif kind is None or self.kind not in (kind, "any"):
            whose = "no job yet" if kind is None else f"a job of the kind {kind}"
            raise ForeignJournalError(f"journal {self.path}: it belongs to {whose}, not {self.kind}; give another path")
        elif self.place is not None and (place := self.meta.get("place") or self.place) != self.place:
            raise ForeignJournalError(
                f"journal {self.path}: its cases are on {place}, not on {self.place}; go on there, or give another path"
            )

    async def __aexit__(self, *_: object) -> None:
        self._store.close()

    def remove(self) -> None:
        """Delete a closed journal that nobody needs any more."""
        self._store.remove()

    def check(self) -> None:
        """Raise `JournalError` if this job may send nothing more, because it has lost its journal."""
        self._store.check()

    def remember(self, **facts: Any) -> Statement:
        """Make the statement that keeps facts about the job, for a transaction with others."""
        self.meta.update(facts)
        return (
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [(name, json.dumps(value)) for name, value in facts.items()],
        )

    async def put(self, **facts: Any) -> None:
        """Keep facts about the job."""
        await self.write(self.remember(**facts))

    async def operations(self, where: str = "TRUE", parameters: Sequence[Any] = ()) -> list[Operation]:
        """Read operations in order; `where` may speak of operations as `o` and of subjects as `s`."""
        source = "operations o JOIN subjects s ON s.number = o.subject"
        first, last, first_subject, last_subject = self.bounds.operations
        inside = f"o.number BETWEEN {first} AND {last}"
        if self.bounds != Bounds():  # where all subjects are seen, their index would only slow the query down
            inside += f" AND o.subject BETWEEN {first_subject} AND {last_subject}"
        sql = f"SELECT {COLUMNS} FROM {source} WHERE {inside} AND ({where}) ORDER BY o.number"  # noqa: S608
        rows = await self.read(sql, parameters)
        return list(map(Operation._make, rows))

    async def sending(self, numbers: Iterable[int]) -> None:
        """Record that these are about to be sent."""
        now = self.clock()
        sql = "UPDATE operations SET state = 'sending', sent_at = ? WHERE number BETWEEN ? AND ?"
        await self.write((sql, [(now, first, last) for first, last in ranges(numbers)]))

    async def end(self, outcomes: Iterable[Outcome], *more: Statement) -> None:
        """Record the outcomes of operations."""
        now = self.clock()
        rows = [
            (outcome.state.value, now, outcome.result, outcome.error, first, last)
            for outcome in outcomes
            for first, last in ranges(outcome.numbers)
        ]
        sql = "UPDATE operations SET state = ?, ended_at = ?, result = ?, error = ? WHERE number BETWEEN ? AND ?"
        await self.write((sql, rows), *more)

    async def unsend(self, numbers: Iterable[int]) -> None:
        """Record that these were not sent after all."""
        await self.write(("UPDATE operations SET state = 'planned' WHERE number BETWEEN ? AND ?", ranges(numbers)))

    async def counts(self) -> Mapping[State, int]:
        """Count the operations by state; most often all are in the same, and then nothing has to be sorted."""
        inside = "FROM operations WHERE number BETWEEN ? AND ?"
        extremes = f"SELECT min(state), max(state), count(*) {inside}"
        ((least, most, count),) = await self.read(extremes, self.bounds[2:])
        if least == most:
            return Counter({State(least): count} if count else {})
        rows = await self.read(f"SELECT state, count(*) {inside} GROUP BY state", self.bounds[2:])
        return Counter({State(state): count for state, count in rows})

    async def count_subjects(self) -> int:
        """Count the cases or rows that operations are done to."""
        sql = "SELECT count(*) FROM subjects WHERE number BETWEEN ? AND ?"
        ((count,),) = await self.read(sql, self.bounds[:2])
        return int(count)


def copy_journal(source: JournalAddress, target: Path, kind: str) -> bool:
    """Copy a journal into a file, also while a job writes to it; says whether there is such a journal.

    One in shards becomes one. Raises `JournalError` where it cannot be read.
    """
    if isinstance(source, JournalURL):
        postgres_store()
        from casemgmt_async.jobs.journal import postgres_store as store  # noqa: PLC0415 - an optional extra

        source = source.named(kind)
        is_whole, shards = store.find_journal(source)
        parts = [source] if is_whole or not shards else [source.shard(number) for number in range(shards)]
        return store.copy_to_file(parts, target, schema_of(kind))
    if source.exists():
        copy_database(source, target)
    return source.exists()


async def count_shards(journal: JournalURL) -> tuple[bool, int]:
    """Look for a journal in PostgreSQL: whether there is one as a whole, and how many there are of its shards."""
    postgres_store()
    from casemgmt_async.jobs.journal.postgres_store import find_journal  # noqa: PLC0415 - an optional extra

    return await asyncio.to_thread(find_journal, journal)


@contextlib.asynccontextmanager
async def opened_whole(journal: str | Path | JournalURL) -> AsyncIterator[Journal]:
    """Open a journal of any kind to read; one in shards as a copy that has all of them."""
    address = journal_address(journal)
    is_whole, shards = True, 0
    if isinstance(address, JournalURL) and address.name:
        is_whole, shards = await count_shards(address)
    if is_whole or not shards:
        async with Journal(address, kind="any", read_only=True) as book:
            yield book
        return
    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        copy = Path(folder) / "shards.db"
        await asyncio.to_thread(copy_journal, address, copy, "backfill")
        async with Journal(copy, kind="any", read_only=True) as book:
            yield book


def schema_of(kind: str) -> str:
    """Return the layout of the journals of a kind."""
    return SCHEMA + SCHEMAS.get(kind, "")


def postgres_store() -> Callable[..., JournalStore[Any]]:
    """Import the store in PostgreSQL; raises `ConfigurationError` where its driver is not installed."""
    try:
        from casemgmt_async.jobs.journal.postgres_store import PostgresStore  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ConfigurationError(
            "journals in PostgreSQL need psycopg: pip install 'casemgmt-async[postgres]'"
        ) from error
    return PostgresStore


def place_of(base_url: str) -> str:
    """Name where cases are; plain http is this machine only, where an emulator has a new port each time."""
    return "an emulator" if base_url.startswith("http:") else base_url


def insert_subjects(rows: Iterable[SubjectRow]) -> Statement:
    """Make the statement that adds subjects."""
    names = "number, name, label, case_id, project_id, seen, before"
    return f"INSERT INTO subjects ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows  # noqa: S608


def insert_operations(rows: Iterable[OperationRow]) -> Statement:
    """Make the statement that plans operations."""
    sql = "INSERT INTO operations (subject, rule, stage, action, payload, state) VALUES (?, ?, ?, ?, ?, 'planned')"
    return sql, rows


def move_subjects(moves: Iterable[tuple[str, int]]) -> Statement:
    """Make the statement that keeps the projects cases were moved to: project, number of the operation."""
    return (
        "UPDATE subjects SET project_id = ? WHERE number = (SELECT subject FROM operations WHERE number = ?)",
        moves,
    )


def store_waits(waits: Iterable[tuple[float, float]]) -> Statement:
    """Make the statement that keeps the waits for the rate limit: start in Unix seconds, length in seconds."""
    return (
        "INSERT INTO items VALUES ('wait', ?, ?) ON CONFLICT (kind, place) DO UPDATE SET body = excluded.body",
        [(f"{start:.3f}", f"{seconds:.3f}".encode()) for start, seconds in waits],
    )


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as pairs of first and last with no gap between; rows that lie together are changed in one go."""
    ordered = sorted(numbers)
    found: list[tuple[int, int]] = []
    parts = [(0, len(ordered))] if ordered else []
    while parts:  # halves, and not one number after the other: most numbers come in few ranges
        start, end = parts.pop()
        first, last = ordered[start], ordered[end - 1]
        if last - first > end - start - 1:
            middle = (start + end) // 2
            parts += [(middle, end), (start, middle)]
        elif found and found[-1][1] == first - 1:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found
