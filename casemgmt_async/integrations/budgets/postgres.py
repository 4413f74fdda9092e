"""A shared budget in PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any, Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from casemgmt_async import ConfigurationError
from casemgmt_async.integrations.budgets.base import KEPT_SECONDS, BudgetStore

__all__ = ["PostgresBudget"]

CREATE: Final = """
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended('casemgmt_budget', 0));
CREATE UNLOGGED TABLE IF NOT EXISTS casemgmt_budget (
    bucket text NOT NULL,
    win bigint NOT NULL,
    used bigint NOT NULL,
    granted bigint NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (bucket, win)
) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE IF NOT EXISTS casemgmt_budget_facts (
    key text PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
COMMIT;
"""
"""Under a lock, because two `CREATE TABLE IF NOT EXISTS` at the same time can fail.

Unlogged: a crash of the server empties the tables, which costs nothing, and no write waits for a disk.
"""
TAKE: Final = """
WITH asked AS (SELECT %(limit)s::bigint AS most, %(used)s::bigint AS used, %(want)s::bigint AS want)
INSERT INTO casemgmt_budget AS budget (bucket, win, used, granted, expires)
SELECT %(bucket)s, %(window)s, used + greatest(0, least(want, most - used)), greatest(0, least(want, most - used)),
    now() + make_interval(secs => %(kept)s)
FROM asked
ON CONFLICT (bucket, win) DO UPDATE SET (used, granted) = (
    SELECT counted + greatest(0, least(want, most - counted)), greatest(0, least(want, most - counted))
    FROM (SELECT want, most, greatest(budget.used, asked.used) AS counted FROM asked) AS now
)
RETURNING granted, xmax = 0
"""
"""Reads, grants and writes in one step. The second column says whether the window is new."""
IS_MISSING: Final = "SELECT to_regclass('casemgmt_budget_facts') IS NULL"
"""A role that may use the tables and not make them can use a budget whose tables another role has made."""
FORGET: Final = "DELETE FROM casemgmt_budget WHERE bucket = %(bucket)s AND expires < now()"
GET: Final = "SELECT value FROM casemgmt_budget_facts WHERE key = %(key)s AND expires > now()"
PUT: Final = """
INSERT INTO casemgmt_budget_facts (key, value, expires)
VALUES (%(key)s, %(value)s, now() + make_interval(secs => %(kept)s))
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires
"""


class PostgresBudget(BudgetStore):
    """A count in PostgreSQL: one row for each window of a bucket."""

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # its message may quote the password
            raise ConfigurationError(
                "the URL of the budget cannot be read; expected postgresql://user:password@host:5432/database"
            ) from None
        self._url = url
        self._lock = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def take(self, bucket: str, *, window: int, period: float, limit: int, used: int, want: int) -> int:
        """Grant up to `want` requests of a window."""
        values = {"bucket": bucket, "window": window, "limit": limit, "used": used, "want": want, "kept": 2 * period}
        row = await self._run(TAKE, values)
        assert row is not None
        granted, is_new = row
        if is_new:
            await self._run(FORGET, {"bucket": bucket})
        return int(granted)

    async def get(self, key: str) -> str | None:
        """Return the value of `key`, or None if there is none."""
        row = await self._run(GET, {"key": key})
        return None if row is None else str(row[0])

    async def put(self, key: str, value: str) -> None:
        """Keep a value for a day."""
        await self._run(PUT, {"key": key, "value": value, "kept": KEPT_SECONDS})

    async def disconnect(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _run(self, statement: LiteralString, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Run one statement in a transaction of its own, and return its first row if it gives any."""
        async with self._lock:
            try:
                if self._connection is not None:
                    try:
                        return await first_row(self._connection, statement, values)
                    except psycopg.OperationalError:  # an idle connection that was closed meanwhile, perhaps
                        await self.disconnect()
                self._connection = await self._connect()
                return await first_row(self._connection, statement, values)
            except (psycopg.Error, asyncio.CancelledError):
                await self.disconnect()  # its state is unknown
                raise

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        # Prepared statements belong to a connection of the server, which a pooler may change at any time.
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, prepare_threshold=None)
        try:
            missing = await first_row(connection, IS_MISSING)
            if missing is None or missing[0]:
                await connection.execute(CREATE)
        except BaseException:
            await connection.close()
            raise
        return connection


async def first_row(
    connection: psycopg.AsyncConnection[Any], statement: LiteralString, values: dict[str, Any] | None = None
) -> tuple[Any, ...] | None:
    """Run a statement; return its first row, or None if it gives none."""
    cursor = await connection.execute(statement, values)
    return None if cursor.description is None else await cursor.fetchone()
