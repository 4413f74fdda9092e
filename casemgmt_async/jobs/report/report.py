"""The report of a job, read from its journal at any time: data, an HTML page and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from attrs import asdict, evolve, frozen

from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.files import JSON_LINES, write_whole
from casemgmt_async.jobs.journal import Journal, JournalURL, journal_address, opened_whole
from casemgmt_async.jobs.journal.report_queries import all_operations
from casemgmt_async.jobs.journal.runs import select_run
from casemgmt_async.jobs.report.data import ReportData, read_data
from casemgmt_async.jobs.report.page import page

__all__ = ["Report", "read_report"]


@frozen(kw_only=True)
class Report(ReportData):
    """The report of one job, as its journal stood when it was read."""

    def html(self) -> str:
        """The report as one page that needs nothing besides itself."""
        return page(self)

    def write_html(self, path: str | Path) -> None:
        """Write that page."""
        Path(path).write_text(self.html(), encoding="utf-8")

    async def write_outcomes(self, path: str | Path) -> None:
        """Write one line of JSON for each operation: case, rule, action, payload, state, times, result, error."""
        async with opened_whole(self.journal) as book:
            if self.run is not None:
                await select_run(book, self.run)
            await write_whole(Path(path), JSON_LINES, outcomes(book), lambda _: None)


async def outcomes(journal: Journal) -> AsyncIterator[Sequence[bytes]]:
    """All operations as lines of JSON, a batch at a time."""
    names = ("case", "label", "rule", "action", "payload", "state", "sent_at", "ended_at", "result", "error")
    async for rows in all_operations(journal):
        lines = (dict(zip(names, row, strict=True)) for row in rows)
        yield [
            json.dumps(line | {"payload": json.loads(line["payload"])}, ensure_ascii=False).encode() for line in lines
        ]


async def read_report(journal: str | Path | JournalURL, *, run: int | None = None) -> Report:
    """Read what a job has come to so far; a job may be running on the journal meanwhile.

    A triage is read as of its last run, or of the one with the number `run`; a backfill in shards by the URL of the
    whole. Raises `JournalError` where there is no journal, or the file is something else, and `JobError` where there
    is no such run.
    """
    async with opened_whole(journal) as book:
        if book.meta["kind"] == "triage" and await select_run(book, run) is None:
            which = f"there is no run {run}" if run else "there is no run in it; make a plan first"
            raise JobError(f"state {book.path}: {which}")
        data = evolve(await read_data(book, run), journal=journal_address(journal))
        return Report(**asdict(data, recurse=False))
