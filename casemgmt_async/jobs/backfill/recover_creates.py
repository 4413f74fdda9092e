"""Finding the case that a lost create may have made, so that no row ever becomes two cases.

Every description ends in a token made of the job and the row's key. It is looked for by search, then on the
newest pages of the project back to the moment of sending, and then under the keys that follow the last one
known, which no index can hide. Only when the keys come to an end without it, it is certain that there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, field

from casemgmt_async import Case, CaseSession, NotFoundError, Project, SortField, cases, projects
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.recovery import SKEW, Finding, Found

__all__ = ["Adoption", "Baseline", "Lost", "marker", "number_of", "read_baseline", "token"]

MISSES: Final = 10
"""Keys in a row without a case, after which there are no more."""
MOST_KEYS: Final = 5_000
"""Keys that are asked for, at most."""

Baseline = tuple[str, int]
"""The key of a project, and the number of a case of it that was there before."""


def token(job: str, key: str) -> str:
    """The word that stands for a row of a job: the same for the same row, and for no other."""
    return "bf" + hashlib.blake2s(f"{job}\0{key}".encode(), digest_size=10).hexdigest()


def marker(word: str) -> str:
    """How a token stands in a description."""
    return f"[casemgmt backfill {word}]"


def number_of(key: str | None) -> Baseline | None:
    """Take a key such as `SEC-12` apart."""
    prefix, _, number = (key or "").rpartition("-")
    return (prefix, int(number)) if prefix and number.isdecimal() else None


async def read_baseline(session: CaseSession, project_id: str) -> Baseline | None:
    """The key of the newest case that a search shows, or of none; None where the project cannot be read."""
    page = await cases.search_cases(
        session, filter=f"project_id:{project_id}", sort=SortField.CREATED_AT, ascending=False, page_size=1
    )
    for case in page:
        if case.project_id == project_id and (last := number_of(case.key)) is not None:
            return last
    project: Project = await projects.get_project(session, project_id)
    return None if project.key is None else (project.key, 0)


@define
class Lost:
    """A create whose answer was lost."""

    number: int
    """The number of its operation."""
    word: str
    """The token in its description."""
    sent_at: float
    """When it was sent."""
    found: list[Case] = field(factory=list)
    """The cases that carry the token."""


@define(eq=False)
class Adoption:
    """The search for the lost creates of one project."""

    session: CaseSession
    control: JobControl
    project_id: str
    baseline: Baseline | None
    """The newest case that is certain to be older than all the lost."""
    settle: float
    """Seconds after its sending at which a create has happened, if it ever will."""

    async def find(self, lost: Sequence[Lost]) -> Mapping[int, tuple[Finding, Case | None]]:
        """Tell what became of each, by the number of its operation, with the case where there is one."""
        for each in lost:
            page = await self.control.call(partial(cases.search_cases, self.session, filter=each.word))
            self.note(lost, page.items)
            self.control.step("searched")
        since = min(each.sent_at for each in lost) - SKEW
        if left(lost):
            await self.scan(lost, since)
        ended = not left(lost) or await self.probe(lost)
        return {each.number: (finding(each, ended=ended), next(iter(each.found), None)) for each in lost}

    def note(self, lost: Sequence[Lost], found: Sequence[Case]) -> None:
        """Compare exactly: the search only proposes."""
        for case in found:
            for each in lost:
                fits = marker(each.word) in (case.description or "")
                if fits and all(case.id != known.id for known in each.found):
                    each.found.append(case)

    async def scan(self, lost: Sequence[Lost], since: float) -> None:
        """Read the project newest first, back to the moment of sending."""
        walk = cases.iter_cases(
            self.session, filter=f"project_id:{self.project_id}", sort=SortField.CREATED_AT, ascending=False
        )
        async with walk.by_page() as pages:
            async for page in pages:
                self.note(lost, page.items)
                oldest = page.items[-1].created_at
                if oldest is not None and oldest.timestamp() < since:
                    return

    async def probe(self, lost: Sequence[Lost]) -> bool:
        """Ask for the keys after the last one known; tells whether they came to an end."""
        if self.baseline is None:
            return False
        prefix, last = self.baseline
        until = max(each.sent_at for each in lost) + self.settle + SKEW
        misses = 0
        for number in range(last + 1, last + 1 + MOST_KEYS):
            if self.control.should_stop:
                raise Interrupted
            key = f"{prefix}-{number}"
            try:
                case = await self.control.call(partial(cases.get_case, self.session, key))
            except NotFoundError:
                misses += 1
                if misses >= MISSES:
                    return True
                continue
            misses = 0
            self.note(lost, [case])
            self.control.step("probed")
            if not left(lost) or (case.created_at is not None and case.created_at.timestamp() > until):
                return True
        return False


def left(lost: Sequence[Lost]) -> bool:
    """Whether some are not found yet."""
    return any(not each.found for each in lost)


def finding(lost: Lost, *, ended: bool) -> Finding:
    """What the search came to for one row."""
    if len(lost.found) == 1:
        return Finding(Found.THERE, lost.found[0].id)
    if lost.found:
        keys = ", ".join(case.key or case.id for case in lost.found)
        return Finding(Found.UNCERTAIN, why=f"several cases carry its token: {keys}")
    if ended:
        return Finding(Found.ABSENT)
    return Finding(Found.UNCERTAIN, why=f"no case with the word {lost.word} was found, which proves nothing here")
