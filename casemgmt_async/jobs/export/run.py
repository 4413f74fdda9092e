"""Export every case, or what has changed since an earlier export: read, compare, write, remember."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field, frozen

from casemgmt_async import CaseSession, DecodeError, InvalidArgumentError, NotFoundError, PermissionDeniedError, users
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import ExportError
from casemgmt_async.jobs.export.changes import Changes, count_gone, mark_since
from casemgmt_async.jobs.export.formats import EXTRAS
from casemgmt_async.jobs.export.reading import ExportReader, Extras
from casemgmt_async.jobs.export.results import ExportResult
from casemgmt_async.jobs.export.targets import Target, open_target
from casemgmt_async.jobs.journal import Journal, JournalAddress, JournalURL, journal_address
from casemgmt_async.jobs.journal.export_queries import begin_anew, cases_to_write, count_items, items, kept_pages

__all__ = ["FRESH", "export_cases"]

BATCH: Final = 1_000
HOW_TO_RESTART: Final = "continue that export with the options that it had, or delete this file to start again"
HOW_TO_SEPARATE: Final = "give it as before, or use another target or state for this export"
FRESH: Final = 3_600.0
"""Age in seconds from which a stopped export starts again instead of being continued."""


@frozen(kw_only=True)
class ExportOptions:
    """The options of an export; see `export_cases`."""

    filter: str | None = None
    since: datetime | Literal["last"] | None = None
    include: tuple[str, ...] = ()
    complete: bool = False
    resume: bool = False
    force: bool = False

    def __attrs_post_init__(self) -> None:
        for name in self.include:
            if name not in EXTRAS:
                raise InvalidArgumentError("include", f"must contain only {', '.join(EXTRAS)}; not {name!r}")
        if not (self.since in (None, "last") or isinstance(self.since, datetime)):
            raise InvalidArgumentError("since", f"must be 'last' or a time, not {self.since!r}")


async def export_cases(
    session: CaseSession,
    target: str | Path,
    *,
    filter: str | None = None,
    since: datetime | Literal["last"] | None = None,
    include: Sequence[str] = (),
    format: str | None = None,
    partition: Sequence[str] = (),
    state: str | Path | JournalURL | None = None,
    complete: bool = False,
    resume: bool = False,
    force: bool = False,
    journal: str | Path | JournalURL | None = None,
    control: JobControl | None = None,
) -> ExportResult:
    """Write every case that `filter` finds, or what has changed, to `target`, the oldest first.

    `target` is a file (JSON Lines, CSV or Parquet by its suffix, or `format`), a folder, which gets a new file with
    each export, or `-` for standard output. `partition` writes files into folders `project=KEY` and `day=DATE` (of
    creation) inside `target`. A line of JSON is a case as it was received; the users that the answers name go to a file
    beside it, as in `cases.users.jsonl`. Files appear only when they are complete.

    `since="last"` writes what is new or changed since the last export with the same `state` file (beside the target
    by default), and a tombstone for each case that is gone. A time writes what was created or changed since.
    `include` reads `comments`, `links` or `watchers` as well, for the cases that are written.

    All pages are read once, and a second time where totals or the newest cases show that the cases have changed
    meanwhile; `complete` reads them a second time in any case.

    The journal is beside the target, or in PostgreSQL by a URL such as `postgresql://host/database#name`, and is
    deleted when the export is complete. Until then the same call continues it; an export that was begun more than an
    hour ago starts again, unless `resume` is true. An export to standard output keeps its journal only if `journal`
    names one. `force` overwrites a file that is there.

    Raises `ExportError` if the target cannot be written, or if the journal or the state belongs to another export, and
    `InvalidArgumentError` for wrong arguments, all before the first page is read.
    """
    options = ExportOptions(
        filter=filter, since=since, include=tuple(include), complete=complete, resume=resume, force=force
    )
    control = control or JobControl()
    place = open_target(target, format, partition)
    state_path = journal_address(state) if state is not None else place.beside("state")
    keeps_state = state is not None or since == "last"
    async with AsyncExitStack() as stack:
        path: JournalAddress
        if journal is not None:
            path = journal_address(journal)
        elif place.is_stdout:  # what was cut off, as by `| head`, must not be continued by the next export
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casemgmt-"))) / "journal"
        else:
            path = place.beside("journal")
        is_begun = isinstance(path, JournalURL) or path.exists()
        place.check(None, force=force or is_begun, is_delta=since == "last")
        common: dict[str, Any] = {"base_url": session.base_url, "clock": control.clock}
        book = await stack.enter_async_context(Journal(path, kind="export", on_step=control.step, **common))
        kept = None
        if keeps_state:
            kept = await stack.enter_async_context(Journal(state_path, kind="export_state", **common))
        work = Export(session, book, kept, control, place, options)
        await control.run(session, work.run(), guard=book.check)
        result = await work.result(state_path if kept is not None else None)
    if result.output is not None:
        book.remove()
    return result


@define(eq=False)
class Export:
    """One run of an export."""

    session: CaseSession
    journal: Journal
    state: Journal | None
    control: JobControl
    target: Target
    options: ExportOptions
    is_complete: bool = field(init=False, default=False)

    @property
    def is_incremental(self) -> bool:
        """Whether only marked cases are written."""
        return self.options.since is not None

    async def run(self) -> None:
        """Do what is left to do: each part is noted in the journal when it is done."""
        await self.begin()
        meta = self.journal.meta
        if "swept" not in meta:
            options = self.options
            await ExportReader(self.session, self.journal, self.control, options.filter, options.complete).run()
            await self.journal.put(swept=True)
        if "marked" not in meta and isinstance(self.options.since, datetime):
            await mark_since(self.journal, self.options.since)
        elif "marked" not in meta and self.is_incremental:
            await self.changes().mark()
        await self.journal.put(marked=True)
        if self.options.include:
            extras = Extras(self.session, self.journal, self.control, self.options.include)
            await extras.run(all_cases=not self.is_incremental)
        await self.write()
        if self.state is not None:
            await self.remember()
        self.is_complete = True

    async def begin(self) -> None:
        """Continue the journal or start it again; refuse a journal or a state of another export."""
        options = self.options
        output = self.journal.meta.get("output")
        self.target.check(output, force=options.force, is_delta=options.since == "last")
        if "written" in self.journal.meta:  # an earlier export was killed at its very end
            if self.state is not None:
                await self.remember()
            await begin_anew(self.journal)
        elif self.control.clock() - self.journal.meta["started"] > FRESH and not options.resume:
            await begin_anew(self.journal)
        if "started" not in self.journal.meta:
            await self.journal.put(started=self.control.clock(), output=output)
        asked = {
            "target": str(self.target.path.absolute()),
            "filter": options.filter,
            "since": str(options.since),
            "include": list(options.include),
        }
        organization = await self.organization()
        if not await kept_pages(self.journal):  # such as after a filter that the service has refused
            await self.journal.put(asked={})
        self.refuse_other(self.journal, asked | {"organization": organization}, HOW_TO_RESTART)
        await self.journal.put(asked=asked | {"organization": organization})
        if self.state is not None:
            self.refuse_other(self.state, self.bound, HOW_TO_SEPARATE)
            if "number" not in self.journal.meta:
                await self.journal.put(number=int(self.state.meta.get("runs", 0)) + 1)
        elif "number" not in self.journal.meta:
            await self.journal.put(number=self.next_number())

    @property
    def bound(self) -> dict[str, Any]:
        """What the exports that share a state have in common."""
        asked: dict[str, Any] = self.journal.meta["asked"]
        return {"filter": asked["filter"], "organization": asked["organization"]}

    def refuse_other(self, journal: Journal, asked: dict[str, Any], advice: str) -> None:
        """Refuse to resume an export with other options; an unknown organisation is not compared."""
        before = journal.meta.get("asked") or asked
        for name, value in asked.items():
            if before.get(name) != value and not (name == "organization" and None in (before.get(name), value)):
                raise ExportError(
                    f"{journal.path}: it belongs to another export: its {name} is {before.get(name)!r}, not {value!r}; "
                    f"{advice}"
                )

    async def organization(self) -> str | None:
        """Return the id of the organisation whose credentials these are; None where it cannot be read."""
        try:
            return (await self.control.call(lambda: users.get_current_user(self.session))).org_id
        except (PermissionDeniedError, NotFoundError, DecodeError):
            return None

    @property
    def number(self) -> int:
        """The number of this export among those of its target."""
        return int(self.journal.meta["number"])

    def next_number(self) -> int:
        """Number an export into a folder after those that are there."""
        if not self.target.is_folder:
            return 1
        numbers = [each.name.split("-")[1] for each in self.target.path.rglob(f"cases-*.{self.target.suffix}")]
        return max((int(each) for each in numbers if each.isdecimal()), default=0) + 1

    async def remember(self) -> None:
        """Keep in the state file what was written."""
        assert self.state is not None
        await self.changes().remember()
        await self.state.put(runs=self.number, asked=self.bound)

    def changes(self) -> Changes:
        """Make what compares with the state."""
        assert self.state is not None
        return Changes(self.session, self.control, self.journal, self.state, self.options.filter)

    async def write(self) -> None:
        """Write the output and put it in its place."""
        output = self.target.output(self.number, self.journal.meta["started"])
        await self.journal.put(output=str(output))
        total = await count_items(self.journal, "changed" if self.is_incremental else "case")
        self.control.progress.phase("writing", total)
        has_users = bool(await count_items(self.journal, "user"))
        await self.target.write(output, self.cases(), self.users() if has_users else None, self.control.step)
        await self.journal.put(written=True)

    async def cases(self) -> AsyncIterator[Sequence[bytes]]:
        """Read what is to be written from the journal, a batch at a time: cases, then tombstones."""
        last = ""
        while rows := await cases_to_write(self.journal, last, BATCH, all_cases=not self.is_incremental):
            last = rows[-1][0]
            yield [with_extra(raw, extra) for _, raw, extra in rows]
            self.control.progress.advance(len(rows))
        last = ""
        while gone := await items(self.journal, "gone", last, BATCH):
            last = gone[-1][0]
            yield [body for _, body in gone]

    async def users(self) -> AsyncIterator[Sequence[bytes]]:
        """Read the users from the journal, a batch at a time."""
        last = ""
        while rows := await items(self.journal, "user", last, BATCH):
            last = rows[-1][0]
            yield [body for _, body in rows]

    async def result(self, state: JournalAddress | None) -> ExportResult:
        """Describe how the export ended."""
        control, journal = self.control, self.journal
        output = Path(journal.meta["output"]) if self.is_complete else None
        return ExportResult(
            job="export",
            journal=journal.path,
            states={},
            items=await count_items(journal, "case"),
            stopped=control.stopped,
            interrupted=control.stop.requested,
            requests=control.progress.requests,
            unbatched_requests=0,
            elapsed=control.progress.elapsed,
            output=output,
            written=await count_items(journal, "changed" if self.is_incremental else "case"),
            gone=await count_gone(journal),
            state=state,
        )


def with_extra(raw: bytes, extra: bytes | None) -> bytes:
    """Add what was read besides to a case, and leave the rest as it was received."""
    if extra is None or extra == b"{}":
        return raw
    start = raw.rstrip()[:-1]
    return start + (b"" if start.rstrip() == b"{" else b",") + extra[1:]
