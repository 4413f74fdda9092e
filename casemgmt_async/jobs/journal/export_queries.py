"""What an export keeps: pages and cases in its journal, and in its state file what earlier exports have written.

Items of the kind `case` and `user` are what was received, `extra` what was read besides, `changed` marks the cases
to write, `gone` holds the tombstones. The place of a case is its age and its id, so that places sort by age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from casemgmt_async.jobs.journal.journal import Journal
from casemgmt_async.jobs.journal.store import Statement

__all__ = [
    "begin_anew",
    "cases_to_write",
    "count_items",
    "insert_items",
    "insert_page",
    "items",
    "kept_pages",
    "known_digests",
    "missing_places",
    "places_present",
    "places_without_extra",
    "remember_cases",
    "remember_gone",
]

MANY: int = 500


async def begin_anew(journal: Journal) -> None:
    """Forget what an export has read so far."""
    await journal.write(
        ("DELETE FROM items", [()]), ("DELETE FROM pages", [()]), ("DELETE FROM meta WHERE name <> 'kind'", [()])
    )
    kind, place = journal.meta["kind"], journal.meta.get("place")
    journal.meta.clear()
    await journal.put(kind=kind, place=place)


async def kept_pages(journal: Journal) -> list[tuple[str, str]]:
    """Read what was asked and what came, page by page, the last one first."""
    rows = await journal.read("SELECT request, answer FROM pages ORDER BY number DESC")
    return [(request, answer) for request, answer in rows]


def insert_page(number: int, request: str, answer: str) -> Statement:
    """Make the statement that keeps a page."""
    return "INSERT INTO pages VALUES (?, ?, ?)", [(number, request, answer)]


def insert_items(kind: str, rows: Iterable[tuple[str, bytes]]) -> Statement:
    """Make the statement that keeps items; of an item that is there already, the newer version stays."""
    sql = "INSERT INTO items VALUES (?, ?, ?) ON CONFLICT (kind, place) DO UPDATE SET body = excluded.body"
    return sql, [(kind, place, body) for place, body in rows]


async def count_items(journal: Journal, kind: str) -> int:
    """Count the items of a kind."""
    ((count,),) = await journal.read("SELECT count(*) FROM items WHERE kind = ?", (kind,))
    return int(count)


async def items(journal: Journal, kind: str, after: str, count: int) -> list[tuple[str, bytes]]:
    """Read the next items of a kind, in order of their places."""
    sql = "SELECT place, body FROM items WHERE kind = ? AND place > ? ORDER BY place LIMIT ?"
    return [(place, bytes(body)) for place, body in await journal.read(sql, (kind, after, count))]


async def cases_to_write(
    journal: Journal, after: str, count: int, *, all_cases: bool
) -> list[tuple[str, bytes, bytes | None]]:
    """Read the next cases to write, the oldest first, with what was read besides; all cases or the changed ones."""
    kind = "case" if all_cases else "changed"
    rows = await journal.read(
        "SELECT c.place, c.body, e.body FROM items w JOIN items c ON c.kind = 'case' AND c.place = w.place "
        "LEFT JOIN items e ON e.kind = 'extra' AND e.place = w.place "
        "WHERE w.kind = ? AND w.place > ? ORDER BY w.place LIMIT ?",
        (kind, after, count),
    )
    return [(place, bytes(body), None if extra is None else bytes(extra)) for place, body, extra in rows]


async def places_without_extra(journal: Journal, after: str, count: int, *, all_cases: bool) -> list[str]:
    """Read the places of the next cases to write of which nothing was read besides."""
    kind = "case" if all_cases else "changed"
    rows = await journal.read(
        "SELECT place FROM items w WHERE kind = ? AND place > ? AND NOT EXISTS "
        "(SELECT 1 FROM items e WHERE e.kind = 'extra' AND e.place = w.place) ORDER BY place LIMIT ?",
        (kind, after, count),
    )
    return [place for (place,) in rows]


async def places_present(journal: Journal, places: Sequence[str]) -> set[str]:
    """Read which of these places an export has read a case for."""
    found: set[str] = set()
    for start in range(0, len(places), MANY):
        part = places[start : start + MANY]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT place FROM items WHERE kind = 'case' AND place IN ({marks})"  # noqa: S608 - question marks
        found.update(place for (place,) in await journal.read(sql, part))
    return found


async def known_digests(state: Journal, places: Sequence[str]) -> dict[str, tuple[bytes, str | None]]:
    """Read what earlier exports have written of these places: the digest, and why the case was gone."""
    found = {}
    for start in range(0, len(places), MANY):
        part = places[start : start + MANY]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT place, digest, gone FROM seen WHERE place IN ({marks})"  # noqa: S608 - question marks
        found.update({place: (bytes(digest), gone) for place, digest, gone in await state.read(sql, part)})
    return found


async def missing_places(state: Journal, after: str, count: int) -> list[tuple[str, str, str | None]]:
    """Read the next cases that earlier exports have written and that were not gone: place, id, key."""
    sql = "SELECT place, id, key FROM seen WHERE gone IS NULL AND place > ? ORDER BY place LIMIT ?"
    return [(place, id_, key) for place, id_, key in await state.read(sql, (after, count))]


def remember_cases(rows: Iterable[tuple[str, str, str | None, bytes]]) -> Statement:
    """Make the statement that keeps what an export has written: place, id, key, digest."""
    sql = (
        "INSERT INTO seen VALUES (?, ?, ?, ?, NULL) ON CONFLICT (place) DO UPDATE SET id = excluded.id, "
        "key = excluded.key, digest = excluded.digest, gone = NULL"
    )
    return sql, rows


def remember_gone(rows: Iterable[tuple[str, str]]) -> Statement:
    """Make the statement that keeps that cases are gone: why, place."""
    return "UPDATE seen SET gone = ? WHERE place = ?", rows
