"""Reading every case out into a file: by a sweep, page by page into the journal, and from there in one piece.

Each page is in the journal before the next is asked for. A sweep that is taken up again is given the pages it
had read from there, in the same order, and so comes to where it was without a request.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from casemgmt_async import CaseSession, DecodeError, Page, Sweep, projects, routes
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import ExportError
from casemgmt_async.jobs.export.formats import FORMATS, users_beside
from casemgmt_async.jobs.files import JSON_LINES, Format, write_whole
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.results import JobResult

__all__ = ["export_cases"]

BATCH: Final = 1000

Fetch = Callable[[int, int, bool], Awaitable[Page["Item"]]]


@frozen
class Item:
    """As much of a case as a sweep has to know."""

    id: str
    key: str | None


class Head(msgspec.Struct):
    """The attributes that place a case."""

    key: str | None = None
    created_at: str = ""


class Resource(msgspec.Struct):
    """A resource, as far as an export looks into it."""

    id: str
    attributes: Head = msgspec.field(default_factory=Head)


class Document(msgspec.Struct):
    """A page as it came; its items stay the bytes that were received."""

    data: list[msgspec.Raw]
    meta: dict[str, Any] = msgspec.field(default_factory=dict)
    included: list[msgspec.Raw] = msgspec.field(default_factory=list)


document: Final = msgspec.json.Decoder(Document)
resource: Final = msgspec.json.Decoder(Resource)


async def export_cases(
    session: CaseSession,
    target: str | Path,
    *,
    filter: str | None = None,
    journal: str | Path | None = None,
    control: JobControl | None = None,
) -> JobResult:
    """Write every case that `filter` finds to `target`: JSON Lines for .jsonl, Parquet for .parquet.

    A line is a case as it was received. The users that the answers tell of go to a file beside it, as in
    `cases.users.jsonl`. Both are sorted by age, and appear only when they are whole. The journal is `target`
    with `.journal` unless another is given; it goes away when the export is complete, and until then the
    same call goes on with it.

    Raises `ExportError` where the file cannot be written, before any request.
    """
    control, target = control or JobControl(), Path(target)
    form = FORMATS.get(target.suffix.lower())
    if form is None:
        raise ExportError(f"{target}: cannot tell the format; end the name in one of {', '.join(FORMATS)}")
    form.check()
    if not target.parent.is_dir():
        raise ExportError(f"{target}: there is no folder {target.parent}; make it first")
    path = target.with_name(target.name + ".journal") if journal is None else Path(journal)
    async with Journal(
        path, kind="export", base_url=session.base_url, on_step=control.step, clock=control.clock
    ) as book:
        asked = {"target": str(target.absolute()), "filter": filter}
        if book.meta.get("asked", asked) != asked:
            raise ExportError(f"journal {path}: it belongs to another export; finish that, or give another journal")
        if book.meta.get("complete"):  # what an earlier export has left behind when it was killed at its very end
            await book.write(
                ("DELETE FROM items", [()]), ("DELETE FROM pages", [()]), book.remember(swept=False, complete=False)
            )
        await book.put(asked=asked)
        await control.run(session, Export(session, book, control, target, filter, form).run())
        ((items,),) = await book.read("SELECT count(*) FROM items WHERE kind = 'case'")
        complete = bool(book.meta.get("complete"))
    if complete:
        book.remove()
    return control.result("export", path, states={}, items=items, output=target if complete else None)


@define(eq=False)
class Export:
    """One run of an export."""

    session: CaseSession
    journal: Journal
    control: JobControl
    target: Path
    filter: str | None
    form: Format
    known: list[tuple[str, str]] = field(init=False, factory=list)
    """The pages that earlier runs have read, newest first: what was asked and what came."""
    read: int = field(init=False, default=0)
    """How many pages all runs have read."""

    async def run(self) -> None:
        """Read what is not read yet, and write the file."""
        if not self.journal.meta.get("swept"):
            rows = await self.journal.read("SELECT request, answer FROM pages ORDER BY number DESC")
            self.known, self.read = [(request, answer) for request, answer in rows], len(rows)
            self.control.progress.phase("reading")
            try:
                async for _ in Sweep(self.fetcher(None), partitions=self.partitions):
                    self.control.progress.advance()
            except Interrupted:
                return
            await self.journal.put(swept=True)
        await self.write()

    async def write(self) -> None:
        """Write the files and put them in their places."""
        ((cases, users),) = await self.journal.read(
            "SELECT count(*) FILTER (WHERE kind = 'case'), count(*) FILTER (WHERE kind = 'user') FROM items"
        )
        self.control.progress.phase("writing", cases)
        step = self.control.step
        if users:
            await write_whole(users_beside(self.target), JSON_LINES, self.batches("user"), step)
        await write_whole(self.target, self.form, self.batches("case"), step)
        await self.journal.put(complete=True)

    async def batches(self, kind: str) -> AsyncIterator[Sequence[bytes]]:
        """What is to be written, in order, a batch at a time."""
        place = ""
        while rows := await self.journal.read(
            "SELECT place, body FROM items WHERE kind = ? AND place > ? ORDER BY place LIMIT ?", (kind, place, BATCH)
        ):
            place = rows[-1][0]
            yield [body for _, body in rows]
            self.control.progress.advance(len(rows) if kind == "case" else 0)

    async def partitions(self) -> Mapping[str, Fetch]:
        """The projects, for a service that does not let one page through all cases."""
        listed = await self.control.call(lambda: projects.get_projects(self.session))
        return {project.key or project.id: self.fetcher(project.id) for project in listed}

    def fetcher(self, project: str | None) -> Fetch:
        """Make the function that reads a page: out of the journal as long as that has one, then from the service."""
        terms = [] if project is None else [f"project_id:{project}"]
        terms += [f"({self.filter})" if terms else self.filter] if self.filter else []

        async def fetch(number: int, size: int, oldest_first: bool) -> Page[Item]:
            query = {
                "filter": " AND ".join(terms) or None,
                "sort[field]": "created_at",
                "sort[asc]": oldest_first,
                "page[number]": number,
                "page[size]": size,
            }
            asked = json.dumps(query, sort_keys=True)
            if self.known and self.known[-1][0] == asked:
                ids, total_pages, total_items = json.loads(self.known.pop()[1])
                return Page([Item(*each) for each in ids], number, len(ids), total_pages, total_items)
            if self.control.should_stop:
                raise Interrupted
            received = await self.receive(query)
            return await self.keep(asked, number, received)

        return fetch

    async def receive(self, query: Mapping[str, Any]) -> Document:
        """Ask for a page."""
        answer = await self.control.call(lambda: self.session.raw(routes.SEARCH_CASES, query=query))
        self.control.step("page received")
        try:
            return document.decode(answer.body)
        except msgspec.DecodeError as error:
            raise DecodeError(f"a page of cases is not what it should be: {error}", "$", "search_cases") from error

    async def keep(self, asked: str, number: int, received: Document) -> Page[Item]:
        """Put a page into the journal; of a case that is there already, the newer version stays."""
        rows, ids = [], []
        for raw in received.data:
            head = resource.decode(raw)
            rows.append(("case", f"{head.attributes.created_at.rstrip('Z')} {head.id}", bytes(raw)))
            ids.append((head.id, head.attributes.key))
        rows += [("user", resource.decode(raw).id, bytes(raw)) for raw in received.included]
        page = received.meta.get("page") or {}
        totals = page.get("total"), received.meta.get("total_cases")
        self.read += 1
        await self.journal.write(
            ("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", rows),
            ("INSERT INTO pages VALUES (?, ?, ?)", [(self.read, asked, json.dumps([ids, *totals]))]),
        )
        self.control.step("page kept")
        return Page([Item(*each) for each in ids], number, len(ids), *totals)
