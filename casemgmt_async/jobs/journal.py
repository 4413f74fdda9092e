"""The journal of a job: what is to be done, what was sent, and what came of it.

Each operation goes from *planned* to *sending*, which is on the disk before the socket is touched, and
from there to *done*, *rejected* or *unknown*. What is found in *sending* when a job starts was cut off, and
is looked for before anything is sent again. *Skipped* is what was deliberately not sent.
"""

from __future__ import annotations

import enum
import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeAlias

from attrs import frozen

from casemgmt_async.jobs.errors import ForeignJournalError
from casemgmt_async.jobs.store import Statement, Store

__all__ = ["Journal", "Operation", "OperationRow", "Outcome", "State", "SubjectRow"]

SCHEMA: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE subjects (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        case_id TEXT,
        project_id TEXT,
        seen REAL,
        before INTEGER
    );
    CREATE TABLE operations (
        number INTEGER PRIMARY KEY,
        subject INTEGER NOT NULL,
        rule TEXT NOT NULL,
        stage INTEGER NOT NULL,
        action TEXT NOT NULL,
        payload TEXT NOT NULL,
        state TEXT NOT NULL,
        sent_at REAL,
        ended_at REAL,
        result TEXT,
        error TEXT
    );
    CREATE TABLE items (kind TEXT, place TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, place)) WITHOUT ROWID;
    CREATE TABLE pages (number INTEGER PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL);
"""
INDEX: Final = "CREATE INDEX operations_of_subject ON operations (subject);"
"""For a backfill, which goes on row by row; a triage takes the operations of many cases at once."""
COLUMNS: Final = "o.number, o.subject, s.name, s.case_id, s.project_id, o.action, o.payload, o.state, o.sent_at"


class State(enum.StrEnum):
    """How far an operation has come."""

    PLANNED = "planned"
    """Decided, not begun."""
    SENDING = "sending"
    """Written down before it was sent; where it is found at a start, nobody knows yet what came of it."""
    DONE = "done"
    """The service did it."""
    REJECTED = "rejected"
    """The service said no."""
    UNKNOWN = "unknown"
    """It was sent, and what came of it could not be found out."""
    SKIPPED = "skipped"
    """It was not sent, for the reason given."""


SubjectRow: TypeAlias = tuple[int, str, str, str | None, str | None, float | None, int | None]
"""Number; name (the id of the case, or the key of the row); label, what people call it; id of the case, once there
is one; project; when the case had been changed last, in Unix seconds; the number of the kind of case it was."""
OperationRow: TypeAlias = tuple[int, str, int, str, str]
"""Number of the subject, rule, stage, action, payload as JSON. Plain tuples, since there are many of them."""
parsed: Final = functools.lru_cache(maxsize=1024)(json.loads)
"""Payloads as data; many cases share one, and nobody changes it."""


class Operation(NamedTuple):
    """One change to one case."""

    number: int
    """Its number in the journal; the operations of one case are done in this order."""
    subject: int
    """The number of the subject."""
    name: str
    """The id of the case, or the key of the row."""
    case_id: str | None
    """The id of the case, once there is one."""
    project_id: str | None
    """The project of the case."""
    action: str
    """The name of the action."""
    payload: str
    """What the action is given, as JSON."""
    state: str
    """How far it has come: one of `State`."""
    sent_at: float | None = None
    """When it was sent last, in Unix seconds by this machine."""

    @property
    def value(self) -> Any:
        """What the action is given."""
        return parsed(self.payload)


@frozen
class Outcome:
    """What came of one operation, or of many that ended alike."""

    numbers: Collection[int]
    """The numbers of the operations."""
    state: State
    """How they ended."""
    result: str | None = None
    """The id of what was made."""
    error: str | None = None
    """Why it is not done."""


class Journal:
    """The journal of one job, in a file of its own.

    `async with Journal(path, kind="triage") as journal` opens the file, or makes it; another process that
    tries the same meanwhile gets a `JournalLockedError`. With `read_only` it is opened beside a running job.
    With `base_url`, the address of the session, a job goes on where its cases are and nowhere else.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        kind: str,
        base_url: str | None = None,
        read_only: bool = False,
        checkpoint: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self.kind = kind
        self.place = None if base_url is None else place_of(base_url)
        self.meta: dict[str, Any] = {}
        self._clock = clock
        schema = SCHEMA + INDEX if kind == "backfill" else SCHEMA
        self._store = Store(self.path, schema, read_only=read_only, checkpoint=checkpoint)
        self._read_only = read_only

    async def __aenter__(self) -> Self:
        await self._store.open()
        try:
            self.meta = {name: json.loads(value) for name, value in await self.read("SELECT * FROM meta")}
            await self._claim(self.meta.get("kind"))
        except BaseException:
            self._store.close()
            raise
        return self

    async def _claim(self, kind: str | None) -> None:
        """Make a new journal ours, and see that an old one is."""
        if kind is None and not self._read_only:
            await self.put(kind=self.kind, place=self.place, started=self._clock())
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
        """Take the file away, for a closed journal that nobody needs any more."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        return await self._store.read(sql, parameters)

    async def write(self, *statements: Statement) -> None:
        """Run statements in one transaction."""
        await self._store.write(*statements)

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
        sql = f"SELECT {COLUMNS} FROM {source} WHERE {where} ORDER BY o.number"  # noqa: S608 - our own words
        rows = await self.read(sql, parameters)
        return list(map(Operation._make, rows))

    async def sending(self, numbers: Iterable[int]) -> None:
        """Write down that these are about to be sent."""
        now = self._clock()
        sql = "UPDATE operations SET state = 'sending', sent_at = ? WHERE number BETWEEN ? AND ?"
        await self.write((sql, [(now, first, last) for first, last in runs(numbers)]))

    async def end(self, outcomes: Iterable[Outcome], *more: Statement) -> None:
        """Write down what came of operations."""
        now = self._clock()
        rows = [
            (outcome.state.value, now, outcome.result, outcome.error, first, last)
            for outcome in outcomes
            for first, last in runs(outcome.numbers)
        ]
        sql = "UPDATE operations SET state = ?, ended_at = ?, result = ?, error = ? WHERE number BETWEEN ? AND ?"
        await self.write((sql, rows), *more)

    async def unsend(self, numbers: Iterable[int]) -> None:
        """Write down that these were not sent after all."""
        await self.write(("UPDATE operations SET state = 'planned' WHERE number BETWEEN ? AND ?", runs(numbers)))

    async def counts(self) -> Mapping[State, int]:
        """Count the operations by state."""
        rows = await self.read("SELECT state, count(*) FROM operations GROUP BY state")
        return Counter({State(state): count for state, count in rows})


def place_of(base_url: str) -> str:
    """Name where cases are; plain http is this machine only, where an emulator has a new port each time."""
    return "an emulator" if base_url.startswith("http:") else base_url


def insert_subjects(rows: Iterable[SubjectRow]) -> Statement:
    """Make the statement that adds subjects."""
    return "INSERT INTO subjects VALUES (?, ?, ?, ?, ?, ?, ?)", rows


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


def runs(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers as pairs of first and last with no gap between; rows that lie together are changed in one go."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found
