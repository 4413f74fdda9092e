"""The checks that create cases, in a project that the user has named for it.

Each case carries `MARK` in its title and is archived in the end. A run that was killed leaves marked cases behind; the
next run in the same project finds and archives them before it does anything else.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Final

from attrs import define, field

from casemgmt_async import CaseManagementError, CaseSession
from casemgmt_async.probe.calls import UNDECIDED, ProbeCalls, failure
from casemgmt_async.probe.findings import Finding, Verdict
from casemgmt_async.probe.reading import order_of, verdict
from casemgmt_async.routes import ARCHIVE_CASE, COMMENT_CASE, CREATE_CASE, GET_CASE

__all__ = ["MARK", "MAX_CASES", "announcement", "probe_writing"]

MARK: Final = "casemgmt-probe"
"""A word in the title of every case that a probe creates."""
MAX_CASES: Final = 20
"""The most cases that a probe creates."""
CASES: Final = 6
MAX_WRITES: Final = 300
"""The most requests that a probe with writes sends; the clean-up is not limited."""
STANDARD: Final = "00000000-0000-0000-0000-000000000001"
POLL: Final = 0.5
"""Seconds between two searches for a new case."""
PATIENCE: Final = 60.0
"""Seconds after which the probe stops waiting for a search to find a case."""

Sleep = Callable[[float], Awaitable[object]]


def announcement(project: str) -> str:
    """Say exactly what `probe_writing` will do, for a confirmation."""
    return (
        f"create {CASES} cases in project {project}, each with {MARK!r} in its title and of the type Standard; "
        f"write one comment on one of them; read and search for them for up to {PATIENCE * 2:.0f} seconds; "
        f"archive all of them, and any that an earlier probe has left in the project"
    )


@define
class ProbeWriter:
    """The cases of one run, and functions that wait for the index."""

    calls: ProbeCalls
    project_id: str
    sleep: Sleep
    now: Callable[[], float]
    token: str = field(factory=lambda: uuid.uuid4().hex[:12])
    created: list[dict[str, Any]] = field(factory=list)
    lag: float | None = None
    """Seconds until the index showed the first case; None if it never did."""

    async def create(self) -> dict[str, Any]:
        """Create one marked case."""
        title = f"{MARK} {self.token} {len(self.created) + 1} of {CASES}: safe to archive"
        body = {
            "data": {
                "type": "case",
                "attributes": {"title": title, "type_id": STANDARD},
                "relationships": {"project": {"data": {"type": "project", "id": self.project_id}}},
            }
        }
        case: dict[str, Any] = (await self.calls.json(CREATE_CASE, body=body))["data"]
        self.created.append(case)
        return case

    async def found(self) -> set[str]:
        """The ids of this run's cases that a search finds."""
        page = await self.calls.search(f"project_id:{self.project_id} {self.token}", size=CASES * 2)
        return {case["id"] for case in page["data"]}

    async def wait_until(self, *, shown: bool, case: str, patience: float) -> float | None:
        """Search until a case is shown, or no longer shown; returns the seconds it took, or None."""
        started = self.now()
        while (waited := self.now() - started) <= patience:
            if (case in await self.found()) is shown:
                return waited
            await self.sleep(POLL)
        return None

    async def archive(self, case_id: str) -> None:
        """Archive one case."""
        await self.calls.json(ARCHIVE_CASE, case_id, body={"data": {"type": "case"}})


async def probe_writing(
    session: CaseSession,
    project_id: str,
    *,
    progress: Callable[[Finding], object] | None = None,
    sleep: Sleep = asyncio.sleep,
    now: Callable[[], float] = time.monotonic,
) -> list[Finding]:
    """Check the assumptions that need writes, with `CASES` cases that are archived afterwards.

    `project_id` is the UUID of the project to write to. Marked cases that an interrupted run left there are
    archived first. Raises the error of the first request that creates a case, if that fails.
    """
    calls = ProbeCalls(session.with_options(retry=None), MAX_WRITES)
    writer = ProbeWriter(calls, project_id, sleep, now)
    findings: list[Finding] = []

    def add(name: str, assumption: str, outcome: Any) -> None:
        judged, seen, *facts = outcome
        findings.append(Finding(name, assumption, judged, seen, facts[0] if facts else {}))
        if progress is not None:
            progress(findings[-1])

    add("leftovers", "no earlier probe has left cases in the project", await archive_leftovers(session, project_id))
    try:
        first = await writer.create()
        for name, assumption, work in CHECKS:
            try:
                outcome = await work(writer, first)
            except UNDECIDED as error:
                outcome = Verdict.UNKNOWN, failure(error)
            add(name, assumption, outcome)
    finally:
        left = await asyncio.shield(archive_all(session, [case["id"] for case in writer.created]))
    add("archived_afterwards", "all cases of this probe are archived", cleaned(len(writer.created), left))
    return findings


def cleaned(created: int, left: int) -> Any:
    """The outcome of the clean-up."""
    seen = f"{created - left} of {created} cases are archived"
    return verdict(not left), seen if not left else f"{seen}; run the probe again to archive the others"


async def archive_all(session: CaseSession, case_ids: list[str]) -> int:
    """Archive cases, with the session's retries; returns how many could not be archived."""
    left = 0
    for case_id in case_ids:
        try:
            await session.raw(ARCHIVE_CASE, case_id, body={"data": {"type": "case"}})
        except CaseManagementError:
            left += 1
    return left


async def archive_leftovers(session: CaseSession, project_id: str) -> Any:
    """Archive marked cases of earlier runs, as far as the index shows them."""
    calls = ProbeCalls(session, MAX_WRITES)
    cases = (await calls.search(f"project_id:{project_id} {MARK}", size=100))["data"]
    ids = [
        case["id"]
        for case in cases
        if case["attributes"].get("title", "").startswith(f"{MARK} ") and "archived_at" not in case["attributes"]
    ]
    left = await archive_all(session, ids)
    if not ids:
        return Verdict.HOLDS, "none was found"
    return Verdict.DOES_NOT, f"{len(ids) - left} of {len(ids)} cases of earlier probes were archived now"


async def index_lag(writer: ProbeWriter, first: dict[str, Any]) -> Any:
    """Measure the time until a search finds the first case."""
    waited = await writer.wait_until(shown=True, case=first["id"], patience=PATIENCE)
    writer.lag = waited
    if waited is None:
        return Verdict.DOES_NOT, f"not found within {PATIENCE:.0f} s"
    lag = 0.0 if waited < POLL else round(waited / POLL) * POLL
    return verdict(not lag), f"found after {waited:.1f} s", {"index_lag": lag}


async def status_names(_: ProbeWriter, first: dict[str, Any]) -> Any:
    """Look for `status_name` and `status_group` in a new case."""
    named = "status_name" in first["attributes"] and "status_group" in first["attributes"]
    return verdict(named), "present" if named else "absent", {"status_names": named}


async def ordered_keys(writer: ProbeWriter, _: dict[str, Any]) -> Any:
    """Create the other cases, and compare the numbers in their keys."""
    while len(writer.created) < CASES:
        await writer.create()
    numbers = [int(case["attributes"]["key"].rpartition("-")[2]) for case in writer.created]
    return order_of(len(numbers) - 1, sum(later < earlier for earlier, later in pairwise(numbers)))


async def comment_count(writer: ProbeWriter, first: dict[str, Any]) -> Any:
    """Write one comment, and read `comment_count`."""
    body = {"data": {"type": "case", "attributes": {"comment": f"{MARK}: a comment to count."}}}
    await writer.calls.json(COMMENT_CASE, first["id"], body=body)
    count = (await writer.calls.json(GET_CASE, first["id"]))["data"]["attributes"].get("comment_count")
    if count is None:
        return Verdict.DOES_NOT, "absent", {"comment_count": False}
    return verdict(count == 1), f"{count} after one comment", {"comment_count": True}


async def archived_hidden(writer: ProbeWriter, first: dict[str, Any]) -> Any:
    """Archive the first case, and search until it is no longer found."""
    if writer.lag is None:
        return Verdict.UNKNOWN, "the index did not show the case before, either"
    await writer.archive(first["id"])
    patience = max(10.0, writer.lag * 2 + 2)
    waited = await writer.wait_until(shown=False, case=first["id"], patience=patience)
    if waited is None:
        return Verdict.DOES_NOT, f"still found {patience:.0f} s after it was archived", {"archived_visible": True}
    return Verdict.HOLDS, f"no longer found {waited:.1f} s after it was archived", {"archived_visible": False}


CHECKS: Final = (
    ("index_lag", "a search finds a new case at once", index_lag),
    ("status_names", "fresh cases have status_name and status_group", status_names),
    ("ordered_keys", "the numbers in the keys of a project follow the order of creation", ordered_keys),
    ("comment_count", "cases have a comment_count, which is the number of their comments", comment_count),
    ("archived_hidden", "searches do not find archived cases", archived_hidden),
)
"""Name, assumption and check, in an order in which each check has the cases that it needs."""
