"""What a backfill keeps in its journal beside operations: its rows, and the cases that carry its tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from casemgmt_async.jobs.journal.journal import Journal
from casemgmt_async.jobs.journal.states import Operation, State
from casemgmt_async.jobs.journal.store import Statement

__all__ = [
    "DIFFERS",
    "NO_ROW",
    "KnownRow",
    "RowCase",
    "TokenCase",
    "all_tokens",
    "begin_run",
    "case_numbers",
    "cases_of_keys",
    "cases_of_tokens",
    "change_row",
    "count_cases",
    "count_made",
    "count_open",
    "count_removed",
    "count_requests",
    "count_states",
    "creates_to_send",
    "done_comments",
    "failed_rows",
    "forget_row",
    "found_rows",
    "insert_rows",
    "insert_tokens",
    "keep_cases",
    "known_rows",
    "last_subject",
    "links_to_make",
    "lost_creates",
    "makes_archived",
    "operations_of_rows",
    "projects_to_read",
    "read_rejects",
    "reject_rest",
    "reopen_differing",
    "reopen_unknown",
    "see_rows",
    "store_rejects",
]

NO_ROW: Final = "there is no case for the row"
"""How the reason begins for which a link waits until a later run has made the row's case."""
DIFFERS: Final = "the case was made by an earlier run and says something else now; --update brings it to the row"
"""Why a step was left alone that an update does."""
MANY: Final = 500
"""Parameters in one statement."""


class KnownRow(NamedTuple):
    """A row that the journal holds."""

    key: str
    subject: int
    line: int
    run: int
    plan: str
    case_id: str | None
    state: str
    """The state of its create."""


class TokenCase(NamedTuple):
    """A case that carries a token of the job."""

    token: str
    case_id: str
    prefix: str
    """The first part of the case's key."""
    number: int
    """The second part."""
    digest: bytes
    """What tells one title and description from others."""


class RowCase(NamedTuple):
    """The case that a row has become."""

    subject: int
    case_id: str
    label: str
    """What people call it: its key and its title."""
    place: tuple[str, int] | None
    """The two parts of its key, if it has one."""
    made_in: int | None = None
    """The run that made it, if it was one of this journal."""
    is_found: bool = False
    """Whether the run of another journal made it."""


def marks(count: int) -> str:
    """Return this number of question marks, for a list of parameters."""
    return ", ".join("?" * count)


async def in_parts(journal: Journal, sql: str, values: Sequence[Any], *first: Any) -> list[tuple[Any, ...]]:
    """Run a query for many values; `{}` in it stands for the list of them."""
    rows = []
    for start in range(0, len(values), MANY):
        part = values[start : start + MANY]
        rows += await journal.read(sql.format(marks(len(part))), (*first, *part))
    return rows


async def begin_run(journal: Journal) -> int:
    """Count another run of the job, and forget the rejects of the run before; returns the number of the run."""
    number = int(journal.meta.get("run", 0)) + 1
    await journal.write(("DELETE FROM items WHERE kind = 'reject'", [()]), journal.remember(run=number))
    return number


async def known_rows(journal: Journal, keys: Sequence[str]) -> Mapping[str, KnownRow]:
    """Read the rows with these keys."""
    sql = (
        "SELECT r.key, r.subject, r.line, r.run, r.plan, s.case_id, o.state FROM rows r "
        "JOIN subjects s ON s.number = r.subject JOIN operations o ON o.subject = r.subject AND o.action = 'create' "
        "WHERE r.key IN ({})"
    )
    return {row[0]: KnownRow._make(row) for row in await in_parts(journal, sql, keys)}


async def last_subject(journal: Journal) -> int:
    """Return the highest number that a row has."""
    ((number,),) = await journal.read("SELECT coalesce(max(number), 0) FROM subjects")
    return int(number)


def insert_rows(rows: Iterable[tuple[int, str, int, str, int, str, str]]) -> Statement:
    """Make the statement that adds rows: subject, key, line, source, run, plan, text."""
    return "INSERT INTO rows (subject, key, line, source, run, plan, text) VALUES (?, ?, ?, ?, ?, ?, ?)", rows


def see_rows(rows: Iterable[tuple[int, int, str, int]]) -> Statement:
    """Make the statement that notes that this run read rows: line, run, source, subject."""
    return "UPDATE rows SET line = ?, run = ?, source = ? WHERE subject = ?", rows


def change_row(rows: Iterable[tuple[str, str, int]]) -> Statement:
    """Make the statement that keeps what rows say now: plan, text, subject."""
    return "UPDATE rows SET plan = ?, text = ? WHERE subject = ?", rows


def forget_row(rows: Iterable[tuple[str, str | None, int]]) -> tuple[Statement, Statement]:
    """Make the statements that drop what was planned for rows without a case: label, project, subject."""
    listed = list(rows)
    return (
        ("DELETE FROM operations WHERE subject = ?", [(subject,) for _, _, subject in listed]),
        ("UPDATE subjects SET label = ?, project_id = ? WHERE number = ?", listed),
    )


def store_rejects(rows: Iterable[tuple[int, bytes]]) -> Statement:
    """Make the statement that keeps rows that cannot be used: number, body."""
    return (
        "INSERT INTO items VALUES ('reject', ?, ?) ON CONFLICT (kind, place) DO UPDATE SET body = excluded.body",
        [(f"{number:012d}", body) for number, body in rows],
    )


async def read_rejects(journal: Journal, after: str, count: int) -> list[tuple[str, bytes]]:
    """Read the rows that cannot be used, some at a time: place, body."""
    sql = "SELECT place, body FROM items WHERE kind = 'reject' AND place > ? ORDER BY place LIMIT ?"
    return [(place, bytes(body)) for place, body in await journal.read(sql, (after, count))]


async def failed_rows(journal: Journal, run: int, after: int, count: int) -> list[tuple[int, int, str, str]]:
    """Read the next rows of a run whose create was refused: subject, line, reason, text."""
    sql = (
        "SELECT r.subject, r.line, o.error, r.text FROM operations o JOIN rows r ON r.subject = o.subject "
        "WHERE o.action = 'create' AND o.state = 'rejected' AND r.run = ? AND r.subject > ? ORDER BY r.subject LIMIT ?"
    )
    rows = await journal.read(sql, (run, after, count))
    return [(int(subject), int(line), str(error), str(text)) for subject, line, error, text in rows]


async def reopen_unknown(journal: Journal) -> None:
    """Take up what ended unknown: what makes a new thing is looked for again, the rest is done again; and links
    that lacked a row."""
    unknown = (
        "UPDATE operations SET state = CASE WHEN action IN ('create', 'comment', 'link') THEN 'sending' "
        "ELSE 'planned' END WHERE state = 'unknown'"
    )
    waiting = "UPDATE operations SET state = 'planned' WHERE action = 'link' AND state = 'rejected' AND error LIKE ?"
    await journal.write((unknown, [()]), (waiting, [(f"{NO_ROW}%",)]))


async def reopen_differing(journal: Journal) -> None:
    """Plan again what was left alone because the case of an earlier run said something else."""
    await journal.write(("UPDATE operations SET state = 'planned' WHERE state = 'skipped' AND error = ?", [(DIFFERS,)]))


async def lost_creates(journal: Journal) -> list[Operation]:
    """Read the creates that were sent and whose answers are not known."""
    return await journal.operations("o.action = 'create' AND o.state = 'sending'")


async def makes_archived(journal: Journal, run: int) -> bool:
    """Whether a row of a run becomes an archived case, which no search shows."""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM operations o JOIN rows r ON r.subject = o.subject "
        "WHERE o.action = 'archive' AND o.state = 'planned' AND r.run = ?)"
    )
    ((exists,),) = await journal.read(sql, (run,))
    return bool(exists)


async def creates_to_send(journal: Journal, run: int, after: int, count: int) -> list[Operation]:
    """Read the next creates that a run has to send."""
    return await journal.operations(
        "o.action = 'create' AND o.state = 'planned' AND o.number > ? AND o.number IN (SELECT x.number FROM rows r "
        "JOIN operations x ON x.subject = r.subject WHERE r.run = ? AND x.action = 'create' AND x.state = 'planned' "
        "AND x.number > ? ORDER BY x.number LIMIT ?)",
        (after, run, after, count),
    )


async def count_requests(journal: Journal, run: int) -> int:
    """Count what is to be done beside creates and what creates carry."""
    sql = (
        "SELECT count(*) FROM rows r JOIN operations o ON o.subject = r.subject WHERE r.run = ? "
        "AND o.state IN ('planned', 'sending') AND o.action <> 'create' AND NOT (o.rule = 'rows' AND "
        "o.action IN ('priority', 'status', 'assign', 'custom_attributes'))"
    )
    ((count,),) = await journal.read(sql, (run,))
    return int(count)


async def count_open(journal: Journal, run: int) -> int:
    """Count the operations that a run has still to do."""
    sql = (
        "SELECT count(*) FROM rows r JOIN operations o ON o.subject = r.subject "
        "WHERE r.run = ? AND o.state IN ('planned', 'sending')"
    )
    ((count,),) = await journal.read(sql, (run,))
    return int(count)


async def projects_to_read(journal: Journal, run: int) -> list[str]:
    """Read the projects in which this run makes cases."""
    sql = (
        "SELECT DISTINCT s.project_id FROM rows r JOIN subjects s ON s.number = r.subject "
        "WHERE r.run = ? AND s.case_id IS NULL AND EXISTS (SELECT 1 FROM operations o WHERE o.subject = r.subject "
        "AND o.action = 'create' AND o.state = 'planned') ORDER BY 1"
    )
    return [str(project) for (project,) in await journal.read(sql, (run,))]


def insert_tokens(found: Iterable[TokenCase]) -> Statement:
    """Make the statement that keeps cases with tokens; of several with one token, the oldest of a project stays."""
    sql = (
        "INSERT INTO tokens VALUES (?, ?, ?, ?, ?) ON CONFLICT (token) DO UPDATE SET case_id = excluded.case_id, "
        "number = excluded.number, digest = excluded.digest "
        "WHERE excluded.prefix = tokens.prefix AND excluded.number < tokens.number"
    )
    return sql, found


async def all_tokens(journal: Journal) -> list[TokenCase]:
    """Read all cases that carry tokens of the job."""
    return [TokenCase._make(row) for row in await journal.read("SELECT * FROM tokens")]


async def cases_of_tokens(journal: Journal, tokens: Sequence[str]) -> Mapping[str, TokenCase]:
    """Read the cases that carry these tokens."""
    rows = await in_parts(journal, "SELECT * FROM tokens WHERE token IN ({})", tokens)
    return {row[0]: TokenCase._make(row) for row in rows}


async def case_numbers(journal: Journal, prefix: str, after: int, count: int = 10_000) -> AsyncIterator[list[int]]:
    """Read the numbers of the cases that the journal knows in a project, some at a time."""
    for table in ("rows", "tokens"):
        last = after
        sql = f"SELECT number FROM {table} WHERE prefix = ? AND number > ? ORDER BY number LIMIT ?"  # noqa: S608
        while rows := await journal.read(sql, (prefix, last, count)):
            last = rows[-1][0]
            yield [number for (number,) in rows]


async def operations_of_rows(journal: Journal, run: int, after: int, count: int) -> list[Operation]:
    """Read what is open of the next rows of a run, links and lost creates excepted."""
    open_ = (
        "o.state IN ('planned', 'sending') AND o.action <> 'link' "
        "AND NOT (o.action = 'create' AND o.state <> 'planned')"
    )
    some = (
        "SELECT DISTINCT o.subject FROM operations o JOIN rows r ON r.subject = o.subject "  # noqa: S608 - our own words
        f"WHERE o.subject > ? AND r.run = ? AND {open_} ORDER BY o.subject LIMIT {count}"
    )
    return await journal.operations(f"{open_} AND o.subject IN ({some})", (after, run))


def keep_cases(made: Sequence[RowCase]) -> tuple[Statement, Statement]:
    """Make the statements that keep which cases rows have become."""
    return (
        (
            "UPDATE subjects SET case_id = ?, label = ? WHERE number = ?",
            [(each.case_id, each.label, each.subject) for each in made],
        ),
        (
            "UPDATE rows SET prefix = ?, number = ?, made_in = ?, found = ? WHERE subject = ?",
            [(*(each.place or (None, None)), each.made_in, int(each.is_found), each.subject) for each in made],
        ),
    )


def reject_rest(subject: int, number: int) -> Statement:
    """Make the statement that skips what was planned for a row whose create was refused."""
    return (
        "UPDATE operations SET state = 'skipped', error = ? WHERE subject = ? AND number <> ?",
        [(NO_ROW, subject, number)],
    )


async def done_comments(journal: Journal, subject: int) -> set[str]:
    """Read the ids of the comments that were made for a row."""
    sql = "SELECT result FROM operations WHERE subject = ? AND action = 'comment' AND state = 'done'"
    return {str(made) for (made,) in await journal.read(sql, (subject,)) if made is not None}


async def found_rows(journal: Journal, subjects: Sequence[int]) -> set[int]:
    """Read which of these rows have a case that another journal's run made."""
    rows = await in_parts(journal, "SELECT subject FROM rows WHERE found = 1 AND subject IN ({})", subjects)
    return {int(subject) for (subject,) in rows}


async def links_to_make(journal: Journal, run: int, after: int, count: int) -> list[tuple[Operation, bool]]:
    """Read the next links of a run, each with whether its case was made in this run."""
    operations = await journal.operations(
        "o.action = 'link' AND o.state IN ('planned', 'sending') AND o.number > ? "
        "AND o.subject IN (SELECT subject FROM rows WHERE run = ?) AND o.number IN "
        "(SELECT number FROM operations WHERE action = 'link' AND state IN ('planned', 'sending') AND number > ? "
        "ORDER BY number LIMIT ?)",
        (after, run, after, count),
    )
    subjects = list(dict.fromkeys(operation.subject for operation in operations))
    rows = await in_parts(journal, "SELECT subject, made_in FROM rows WHERE subject IN ({})", subjects)
    made_in = dict(rows)
    return [(operation, made_in.get(operation.subject) == run) for operation in operations]


async def cases_of_keys(journal: Journal, keys: Sequence[str]) -> Mapping[str, tuple[str | None, bool]]:
    """Read the cases of rows by key: the id, and whether the row's create is still to come."""
    sql = (
        "SELECT r.key, s.case_id, o.state IN ('planned', 'sending') FROM rows r "
        "JOIN subjects s ON s.number = r.subject JOIN operations o ON o.subject = r.subject AND o.action = 'create' "
        "WHERE r.key IN ({})"
    )
    rows = await in_parts(journal, sql, keys)
    return {key: (case_id, case_id is None and bool(open_)) for key, case_id, open_ in rows}


async def count_removed(journal: Journal, run: int, source: str) -> int:
    """Count the rows that an earlier run read from a source of this name, and this run did not."""
    ((count,),) = await journal.read("SELECT count(*) FROM rows WHERE run < ? AND source = ?", (run, source))
    return int(count)


async def count_states(journal: Journal, run: int) -> Mapping[State, int]:
    """Count the operations of the rows that a run read, by state."""
    sql = "SELECT o.state, count(*) FROM rows r JOIN operations o ON o.subject = r.subject WHERE r.run = ? GROUP BY 1"
    return {State(state): count for state, count in await journal.read(sql, (run,))}


async def count_made(journal: Journal, run: int) -> int:
    """Count the rows whose cases a run made."""
    ((count,),) = await journal.read("SELECT count(*) FROM rows WHERE made_in = ?", (run,))
    return int(count)


async def count_cases(journal: Journal, run: int) -> int:
    """Count the rows of a run that have a case."""
    sql = (
        "SELECT count(*) FROM rows r JOIN subjects s ON s.number = r.subject WHERE r.run = ? AND s.case_id IS NOT NULL"
    )
    ((count,),) = await journal.read(sql, (run,))
    return int(count)
