"""The report of a job, read from its journal at any time: data, an HTML page and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from attrs import asdict, frozen

from casemgmt_async.jobs.files import JSON_LINES, write_whole
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.report.data import ReportData, read_data
from casemgmt_async.jobs.report.page import page

__all__ = ["Report", "read_report"]

BATCH: Final = 5_000


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
        async with Journal(self.journal, kind="any", read_only=True) as book:
            await write_whole(Path(path), JSON_LINES, outcomes(book), lambda _: None)


async def outcomes(journal: Journal) -> AsyncIterator[Sequence[bytes]]:
    """All operations as lines of JSON, a batch at a time."""
    names = ("case", "label", "rule", "action", "payload", "state", "sent_at", "ended_at", "result", "error")
    last = 0
    while rows := await journal.read(
        "SELECT o.number, coalesce(s.case_id, s.name), s.label, o.rule, o.action, o.payload, o.state, o.sent_at, "
        "o.ended_at, o.result, o.error FROM operations o JOIN subjects s ON s.number = o.subject WHERE o.number > ? "
        "ORDER BY o.number LIMIT ?",
        (last, BATCH),
    ):
        last = rows[-1][0]
        lines = (dict(zip(names, row[1:], strict=True)) for row in rows)
        yield [
            json.dumps(line | {"payload": json.loads(line["payload"])}, ensure_ascii=False).encode() for line in lines
        ]


async def read_report(journal: str | Path) -> Report:
    """Read what a job has come to so far; a job may be running on the journal meanwhile.

    Raises `JournalError` where there is no journal, or the file is something else.
    """
    async with Journal(journal, kind="any", read_only=True) as book:
        return Report(**asdict(await read_data(book), recurse=False))
