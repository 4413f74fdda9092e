"""Read the cases with a sweep, page by page into the journal; then comments, links and watchers.

Each page is in the journal before the next page is requested. When an export is continued, the sweep gets the pages
that were read before from the journal, in the same order, and so reaches its position without a request.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from casemgmt_async import (
    AuthenticationError,
    CaseManagementError,
    CaseSession,
    DecodeError,
    Page,
    Sweep,
    projects,
    routes,
)
from casemgmt_async.jobs.calls import CallStatus, Interrupted, classify_error
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import ServiceDownError
from casemgmt_async.jobs.export.resources import RawPage, document, head_of
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.export_queries import insert_items, insert_page, kept_pages, places_without_extra
from casemgmt_async.routes import Route

__all__ = ["ExportReader", "Extras"]

BATCH: Final = 500
PAGE: Final = 100

Fetch = Callable[[int, int, bool], Awaitable[Page["Item"]]]


@frozen
class Item:
    """The part of a case that a sweep needs."""

    id: str
    key: str | None


@define(eq=False)
class ExportReader:
    """Reads every case that a filter finds into the journal."""

    session: CaseSession
    journal: Journal
    control: JobControl
    filter: str | None
    complete: bool = False
    """Whether to read all pages twice even if nothing seems to have changed."""
    known: list[tuple[str, str]] = field(init=False, factory=list)
    """The pages that earlier runs have read, newest first: what was asked and what came."""
    read: int = field(init=False)
    """How many pages all runs have read."""

    async def run(self) -> None:
        """Read what is not read yet; raises `Interrupted` where the job stops before the end."""
        self.known = await kept_pages(self.journal)
        self.read = len(self.known)
        self.control.progress.phase("reading")
        async for _ in Sweep(self.fetcher(None), partitions=self.partitions, full_passes=self.complete):
            self.control.progress.advance()

    async def partitions(self) -> Mapping[str, Fetch]:
        """Read the projects, for a service that does not let one page through all cases."""
        listed = await self.control.call(lambda: projects.get_projects(self.session))
        return {project.key or project.id: self.fetcher(project.id) for project in listed}

    def fetcher(self, project: str | None) -> Fetch:
        """Make the function that reads a page: from the journal while it has one, then from the service."""
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
            return await self.keep(asked, number, await self.receive(query))

        return fetch

    async def receive(self, query: Mapping[str, Any]) -> RawPage:
        """Ask for a page."""
        answer = await self.control.call(lambda: self.session.raw(routes.SEARCH_CASES, query=query))
        self.control.step("page received")
        try:
            return document.decode(answer.body)
        except msgspec.DecodeError as error:
            raise DecodeError(
                f"a page of cases has another form than expected: {error}", "$", "search_cases"
            ) from error

    async def keep(self, asked: str, number: int, received: RawPage) -> Page[Item]:
        """Write a page into the journal; a newer version of a case replaces the older one."""
        heads = [(head_of(raw), bytes(raw)) for raw in received.data]
        ids = [(head.id, head.key) for head, _ in heads]
        users = [(head_of(raw).id, bytes(raw)) for raw in received.included or ()]
        totals = totals_of(received.meta)
        self.read += 1
        await self.journal.write(
            insert_items("case", [(head.place, raw) for head, raw in heads]),
            insert_items("user", users),
            insert_page(self.read, asked, json.dumps([ids, *totals])),
        )
        self.control.step("page kept")
        return Page([Item(*each) for each in ids], number, len(ids), *totals)


def totals_of(meta: Any) -> tuple[int | None, int | None]:
    """Read how many pages and cases there are, if an answer says so."""
    meta = meta if isinstance(meta, dict) else {}
    page = meta.get("page")
    pages, total = page.get("total") if isinstance(page, dict) else None, meta.get("total_cases")
    return pages if isinstance(pages, int) else None, total if isinstance(total, int) else None


@define(eq=False)
class Extras:
    """Reads comments, links and watchers of the cases that are written."""

    session: CaseSession
    journal: Journal
    control: JobControl
    wanted: Sequence[str]
    unanswered: dict[str, dict[str, Any]] = field(init=False, factory=dict)
    """Cases of which something got no answer, with what was read. Kept at the end of a run, so that the next one reads
    them again where the service was down."""

    async def run(self, *, all_cases: bool) -> None:
        """Read what the journal has not yet; raises `Interrupted` where the job stops before the end."""
        last = ""
        self.control.progress.phase("reading more")
        while places := await places_without_extra(self.journal, last, BATCH, all_cases=all_cases):
            last = places[-1]
            await self.control.each(places, self.one)
            if self.control.should_stop:
                raise Interrupted
        for place, found in self.unanswered.items():
            await self.keep(place, found)

    async def one(self, place: str) -> None:
        """Read what belongs to one case; what cannot be read is named, and does not end the export."""
        case_id = place.rpartition(" ")[2]
        found: dict[str, Any] = {}
        is_answered = True
        for name in self.wanted:
            try:
                found[name] = await READERS[name](self, case_id)
            except (AuthenticationError, ServiceDownError):
                raise
            except (CaseManagementError, msgspec.DecodeError) as error:
                found.setdefault("unreadable", []).append(name)
                is_answered = is_answered and classify_error(error) is not CallStatus.LOST
        if is_answered:
            await self.keep(place, found)
        else:
            self.unanswered[place] = found
        self.control.progress.advance()

    async def keep(self, place: str, found: Mapping[str, Any]) -> None:
        """Record what was read of one case."""
        await self.journal.write(insert_items("extra", [(place, msgspec.json.encode(found))]))
        self.control.step("more kept")

    async def listed(self, route: Route, *ids: str, **query: Any) -> list[msgspec.Raw]:
        """Read one list."""
        answer = await self.control.call(partial(self.session.raw, route, *ids, query=query))
        return document.decode(answer.body).data

    async def comments(self, case_id: str) -> list[msgspec.Raw]:
        """Read the timeline of a case, the oldest first."""
        cells: list[msgspec.Raw] = []
        number = 0
        while True:
            query = {"page[size]": PAGE, "page[number]": number, "sort[ascending]": True}
            page = await self.listed(routes.LIST_CASE_TIMELINE, case_id, **query)
            cells += page
            number += 1
            if len(page) < PAGE:
                return cells

    async def links(self, case_id: str) -> list[msgspec.Raw]:
        """Read the links of a case."""
        return await self.listed(routes.LIST_CASE_LINKS, entity_id=case_id, entity_type="CASE")

    async def watchers(self, case_id: str) -> list[msgspec.Raw]:
        """Read who watches a case."""
        return await self.listed(routes.LIST_CASE_WATCHERS, case_id)


READERS: Final[Mapping[str, Callable[[Extras, str], Awaitable[list[msgspec.Raw]]]]] = {
    "comments": Extras.comments,
    "links": Extras.links,
    "watchers": Extras.watchers,
}
"""What reads the additional data of a case."""
