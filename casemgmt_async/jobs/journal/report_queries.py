"""What a report asks a journal, by name; all queries see the selected run alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from casemgmt_async.jobs.journal.journal import Journal

__all__ = [
    "all_operations",
    "count_by_rule",
    "count_ended",
    "done_changes",
    "examples",
    "failures",
    "last_end",
    "listed_operations",
    "read_waits",
]

BATCH: Final = 5_000
CHANGES: Final = 20_000
"""Done operations that are in memory at a time."""
WITH_SUBJECT: Final = "FROM operations o JOIN subjects s ON s.number = o.subject WHERE o.number BETWEEN ? AND ?"


async def all_operations(journal: Journal) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Read all operations, a batch at a time.

    Each row has the case's id, its label, rule, action, payload, state, when it was sent and ended, result, error.
    """
    last = journal.bounds.first - 1
    while rows := await journal.read(
        "SELECT o.number, coalesce(s.case_id, s.name), s.label, o.rule, o.action, o.payload, o.state, o.sent_at, "
        f"o.ended_at, o.result, o.error {WITH_SUBJECT} ORDER BY o.number LIMIT ?",
        (last + 1, journal.bounds.last, BATCH),
    ):
        last = rows[-1][0]
        yield [row[1:] for row in rows]


async def last_end(journal: Journal) -> float | None:
    """Read when the last operation ended."""
    sql = "SELECT max(ended_at) FROM operations WHERE number BETWEEN ? AND ?"
    ((ended,),) = await journal.read(sql, journal.bounds[2:])
    return ended  # type: ignore[no-any-return]


async def read_waits(journal: Journal) -> list[tuple[float, float]]:
    """Read the waits for the rate limit between the first and the last change: start in Unix seconds, seconds."""
    sql = "SELECT min(coalesce(sent_at, ended_at)), max(ended_at) FROM operations WHERE number BETWEEN ? AND ?"
    ((first, last),) = await journal.read(sql, journal.bounds[2:])
    if first is None or last is None:
        return []
    rows = await journal.read("SELECT place, body FROM items WHERE kind = 'wait' ORDER BY place")
    waits = [(float(place), float(bytes(body))) for place, body in rows]
    return [(start, seconds) for start, seconds in waits if start < last and start + seconds > first]


async def count_by_rule(journal: Journal, *, by_value: bool) -> list[tuple[str, int, str, str, str, int]]:
    """Count operations alike: rule, stage, action, payload (of one of them), state, count.

    Without `by_value`, operations with different payloads are alike: each row of a backfill has its own texts.
    """
    payload = "CASE WHEN action IN ('create', 'link') THEN '' ELSE payload END" if by_value else "''"
    return await journal.read(
        "SELECT rule, stage, action, min(payload), state, count(*) FROM operations "  # noqa: S608 - our own words
        f"WHERE number BETWEEN ? AND ? GROUP BY rule, stage, action, {payload}, state "
        "ORDER BY rule, stage, action, 4, state",
        journal.bounds[2:],
    )


async def failures(journal: Journal, limit: int) -> list[tuple[str, str, str | None, int]]:
    """Count what is not done and will not be by itself: state, action, reason, count."""
    return await journal.read(
        "SELECT state, action, error, count(*) FROM operations WHERE number BETWEEN ? AND ? "
        "AND state IN ('rejected', 'unknown', 'skipped') GROUP BY state, action, error "
        "ORDER BY 4 DESC, 1, 2, 3 LIMIT ?",
        (*journal.bounds[2:], limit),
    )


async def examples(journal: Journal, state: str, action: str, error: str | None, limit: int) -> list[str]:
    """Read the labels of some cases or rows whose operation ended like this."""
    rows = await journal.read(
        f"SELECT s.label {WITH_SUBJECT} AND o.state = ? AND o.action = ? AND coalesce(o.error, '') = coalesce(?, '') "
        "ORDER BY o.number LIMIT ?",
        (*journal.bounds[2:], state, action, error, limit),
    )
    return [label for (label,) in rows]


async def done_changes(journal: Journal) -> AsyncIterator[list[tuple[int, int | None, str, str]]]:
    """Read the done operations that change what a report counts, a batch at a time, those of a subject together.

    Each row has subject, kind before, action, payload.
    """
    subject, number = journal.bounds.first_subject - 1, -1
    while rows := await journal.read(
        f"SELECT o.number, o.subject, s.before, o.action, o.payload {WITH_SUBJECT} AND o.state = 'done' "
        "AND o.action IN ('create', 'status', 'priority', 'archive', 'unarchive') "
        "AND (o.subject > ? OR (o.subject = ? AND o.number > ?)) ORDER BY o.subject, o.number LIMIT ?",
        (*journal.bounds[2:], subject, subject, number, CHANGES),
    ):
        number, subject, *_ = rows[-1]
        yield [row[1:] for row in rows]


async def listed_operations(journal: Journal, limit: int) -> list[tuple[Any, ...]]:
    """Read operations, those that were not done first: label, rule, action, payload, state, error, value before."""
    return await journal.read(
        f"SELECT s.label, o.rule, o.action, o.payload, o.state, o.error, o.was {WITH_SUBJECT} "
        "ORDER BY o.state = 'done', o.number LIMIT ?",
        (*journal.bounds[2:], limit),
    )


async def count_ended(journal: Journal, bins: int, widths: Sequence[float]) -> list[tuple[float, int]]:
    """Count the operations that ended in each of at most `bins` intervals of one of the given widths."""
    sql = "SELECT min(ended_at), max(ended_at) FROM operations WHERE number BETWEEN ? AND ?"
    ((first, last),) = await journal.read(sql, journal.bounds[2:])
    if first is None:
        return []
    width = next((step for step in widths if step * bins > last - first), (last - first) / bins)
    rows = await journal.read(
        "SELECT CAST((ended_at - ?) / ? AS INTEGER), count(*) FROM operations "
        "WHERE number BETWEEN ? AND ? AND ended_at IS NOT NULL GROUP BY 1",
        (first, width, *journal.bounds[2:]),
    )
    counts: Counter[int] = Counter()
    for number, count in rows:
        counts[min(number, bins - 1)] += count  # the last moment belongs to the last interval
    return [(first + number * width, counts[number]) for number in range(max(counts) + 1)]
