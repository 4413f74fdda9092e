"""Find the cases of a job on the service, so that no row ever becomes two cases.

Before its first create, and again for creates whose answers were lost, a run reads the cases of each project that
are newer than the last ones it has read: pages, newest first, then the keys that neither the pages nor the journal
account for, then the keys after the newest, until ten in a row lead to no case. Pages are cheap, but the index of the
search may be late; a case that is read by its key cannot be hidden by it. If the journal has never read a project, the
run reads all of it, and searches for the word of the job as well, to find cases that were moved to other projects.

One such pass settles all lost creates at once. No step depends on a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec
from attrs import define, field

from casemgmt_async import (
    AuthenticationError,
    CaseManagementError,
    CaseSession,
    NotFoundError,
    RawResponse,
    projects,
    routes,
)
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.markers import CaseNumber, job_word, markers_in, number_of, text_digest
from casemgmt_async.jobs.backfill.pace import RequestPace
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.backfill_queries import TokenCase, case_numbers, insert_tokens

__all__ = ["Census"]

MISSES: Final = 10
"""Consecutive keys without a case after which the end of a project's keys is assumed."""
PAGE: Final = 100
MISSING: Final = 0
KNOWN: Final = 1


class Attributes(msgspec.Struct):
    """The attributes that a census needs."""

    key: str | None = None
    title: str | None = None
    description: str | None = None


class CensusCase(msgspec.Struct):
    """The part of a case that a census needs."""

    id: str
    attributes: Attributes = msgspec.field(default_factory=Attributes)


class CensusPage(msgspec.Struct):
    """A page of cases."""

    data: list[CensusCase]


class CensusDocument(msgspec.Struct):
    """One case."""

    data: CensusCase


pages: Final = msgspec.json.Decoder(CensusPage)
single: Final = msgspec.json.Decoder(CensusDocument)


@define(eq=False)
class Census:
    """Finds the cases of one job, project by project, and keeps what it finds in the journal."""

    session: CaseSession
    control: JobControl
    journal: Journal
    clock: ServiceClock
    job: str
    keys: dict[str, str] = field(factory=dict)
    """The keys of the projects that this run has just looked up, by id."""
    thorough: bool = False
    """Whether to ask for every missing key of a project that the journal has never read: rows may be archived."""
    missing: set[str] = field(init=False, factory=set)
    """Projects with keys that lead to no case, as those of moved cases do."""
    asked_word: bool = field(init=False, default=False)
    pace: RequestPace = field(init=False, factory=RequestPace)

    async def take(self, project_id: str, *, assume_new: bool = False) -> bool:
        """Find the cases of the job in one project; returns False where there is no such project.

        With `assume_new`, a project that the journal has never read counts as one without cases of the job.

        Raises `JobError` if the cases cannot be read: then nothing may be created.
        """
        try:
            return await self.read_project(project_id, assume_new=assume_new)
        except (AuthenticationError, JobError, Interrupted):
            raise
        except CaseManagementError as error:
            raise JobError(
                f"the cases of project {project_id} cannot be read: {error}; without that a row could become two "
                "cases, so nothing was created; run again"
            ) from error

    async def read_project(self, project_id: str, *, assume_new: bool) -> bool:
        """Read what is new in a project."""
        lows: dict[str, tuple[str, int]] = self.journal.meta.get("lows", {})
        prefix = self.keys.pop(project_id, None)  # later in the run it is read again
        if prefix is None:
            try:
                prefix = (await self.control.call(partial(projects.get_project, self.session, project_id))).key
            except NotFoundError:
                return False
        if prefix is None:
            raise JobError(f"project {project_id} has no key, so its cases cannot be counted by their keys")
        known, low = lows.get(project_id, ("", 0))
        first = known != prefix
        if first and not assume_new:
            await self.ask_word()
        scan = Scan(self, project_id, prefix, 0 if first else low)
        await scan.run(first=first, assume_new=first and assume_new)
        origins: dict[str, tuple[str, int]] = self.journal.meta.get("origins", {})
        if project_id not in origins:
            begun = [number for part, number in self.journal.meta.get("begun", []) if part == prefix]
            origins[project_id] = (prefix, min(begun, default=scan.end))
        lows[project_id] = (prefix, scan.end)
        await self.journal.put(lows=lows, origins=origins)
        return True

    def origin(self, project_id: str) -> CaseNumber:
        """Return the newest case that a project had before the job's first."""
        return CaseNumber._make(self.journal.meta.get("origins", {}).get(project_id, ("NONE", 0)))

    async def learn_time(self) -> None:
        """Set the clock by the answer to a small request, once for each run."""
        if not self.clock.is_set:
            query = {"page[size]": 1, "page[number]": 1}
            self.learn(await self.control.call(partial(self.session.raw, routes.SEARCH_CASES, query=query)))

    async def ask_word(self) -> None:
        """Find the cases of the job in all projects by the word that their descriptions share."""
        if self.asked_word:
            return
        self.asked_word, number, found = True, 1, PAGE
        while found == PAGE:
            found = len(await self.page(job_word(self.job), number))
            number += 1

    async def page(self, query: str, number: int) -> list[CensusCase]:
        """Read one page of cases, newest first, and note those of the job."""
        if self.control.should_stop:
            raise Interrupted
        asked = {
            "filter": query, "sort[field]": "created_at", "sort[asc]": False, "page[number]": number,
            "page[size]": PAGE,
        }  # fmt: skip
        answer = await self.control.call(partial(self.session.raw, routes.SEARCH_CASES, query=asked))
        self.control.step("page read")
        found = pages.decode(self.learn(answer)).data
        await self.note(found)
        return found

    def learn(self, answer: RawResponse) -> bytes:
        """Set the clock and the pace by an answer, and return its body."""
        self.clock.learn(answer.headers)
        self.pace.learn(answer)
        self.control.progress.advance()
        return answer.body

    async def note(self, resources: Iterable[CensusCase]) -> None:
        """Keep the cases that carry a token of this job. The search only finds candidates; the marker decides."""
        found, word, begun = [], job_word(self.job), self.journal.meta.get("begun", [])
        more = []
        for each in resources:
            place = number_of(each.attributes.key)
            for marker in markers_in(each.attributes.description):
                if marker.job == word and place is not None:
                    digest = text_digest(each.attributes.title, each.attributes.description)
                    found.append(TokenCase(marker.token, each.id, *place, digest))
                    before = list(marker.before)
                    if before not in begun and before not in more:
                        more.append(before)
        if found:
            keep = [self.journal.remember(begun=[*begun, *more])] if more else []
            await self.journal.write(insert_tokens(found), *keep)


@define(eq=False)
class Scan:
    """One pass over the cases of one project that are newer than number `low`."""

    census: Census
    project_id: str
    prefix: str
    low: int
    end: int = field(init=False)
    """The number of the newest case."""
    seen: bytearray = field(init=False, factory=bytearray)
    """One byte for each number after `low`: whether it is accounted for."""

    def __attrs_post_init__(self) -> None:
        self.end = self.low

    async def run(self, *, first: bool, assume_new: bool) -> None:
        """Read pages, then the keys that are missing, then the keys after the newest."""
        if assume_new:
            self.account(await self.census.page(f"project_id:{self.project_id}", 1))
            await self.ask_tail()
            return
        async for numbers in case_numbers(self.census.journal, self.prefix, self.low):
            self.mark(numbers)
        query = f"project_id:{self.project_id}"
        newest = await self.census.page(query, 1)
        known = self.account(newest)
        number, reached = 1, known or len(newest) < PAGE
        while not reached and (first or self.count_missing() > (self.end - self.low) // PAGE - number):
            number += 1
            found = await self.census.page(query, number)
            reached = self.account(found) or len(found) < PAGE
        if not all(await self.ask_keys(self.missing_keys(first=first))):
            self.census.missing.add(self.project_id)
        await self.ask_tail()

    def mark(self, numbers: Iterable[int]) -> None:
        """Note the numbers of cases."""
        for number in numbers:
            self.end = max(self.end, number)
            place = number - self.low - 1
            if place >= len(self.seen):
                self.seen.extend(bytes(max(place + 1 - len(self.seen), 1024)))
            if place >= 0:
                self.seen[place] = KNOWN

    def account(self, resources: Sequence[CensusCase]) -> bool:
        """Note the cases of a page; returns whether it reaches back to what was known before."""
        places = (number_of(each.attributes.key) for each in resources)
        numbers = [place.number for place in places if place is not None and place.prefix == self.prefix]
        self.mark(numbers)
        return bool(numbers) and min(numbers) <= self.low

    def count_missing(self) -> int:
        """Count the numbers up to the newest that are not accounted for."""
        return self.seen.count(MISSING, 0, self.end - self.low)

    def missing_keys(self, *, first: bool) -> list[int]:
        """Return the numbers to ask for one by one.

        In a project that was never read, most missing keys are those of archived cases, and only the ones since
        the job began can be its own. If no case of the job was found, the newest hundred keys are asked
        for, because the index may not show their cases yet.
        """
        start = self.low
        if first and not self.census.thorough:
            begun = [number for prefix, number in self.census.journal.meta.get("begun", []) if prefix == self.prefix]
            start = min(begun, default=self.end - PAGE)
        return [
            number
            for number in range(max(start, self.low) + 1, self.end + 1)
            if self.seen[number - self.low - 1] == MISSING
        ]

    async def ask_keys(self, numbers: Sequence[int]) -> list[bool]:
        """Ask for keys, several at a time; returns which of them lead to a case."""
        there = [False] * len(numbers)
        census = self.census

        async def ask(place: int) -> None:
            key = f"{self.prefix}-{numbers[place]}"
            try:
                answer = await census.control.call(partial(census.session.raw, routes.GET_CASE, key))
            except NotFoundError:
                return
            census.control.step("key read")
            case = single.decode(census.learn(answer)).data
            there[place] = True
            self.mark([numbers[place]])
            await census.note([case])

        await census.control.each(range(len(numbers)), ask)
        if census.control.should_stop:
            raise Interrupted
        return there

    async def ask_tail(self) -> None:
        """Ask for the keys after the newest, until enough in a row lead to no case."""
        misses, number = 0, self.end
        while misses < MISSES:
            numbers = range(number + 1, number + 1 + MISSES - misses)
            for found in await self.ask_keys(numbers):
                misses = 0 if found else misses + 1
            number = numbers[-1]
