"""How a job ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from casemgmt_async.jobs.journal import JournalAddress, State

__all__ = ["JobResult"]


@frozen(kw_only=True)
class JobResult:
    """How a job ended."""

    job: str
    """`triage`, `export` or `backfill`."""
    journal: JournalAddress
    """The journal; the same call with it continues the job."""
    states: Mapping[State, int]
    """The operations by state: those of the run of a triage, those of all runs of other jobs."""
    items: int
    """Cases exported or created; for triage, cases with operations."""
    stopped: str | None
    """Why it ended before all was done, or None."""
    interrupted: bool
    """Whether it ended because of `request_stop`."""
    requests: int
    """Requests sent in this run."""
    unbatched_requests: int
    """Requests that the changes of this run would have taken one by one."""
    elapsed: float
    """Seconds that this run took."""
    bad_rows: int = 0
    """Rows that could not be read, see the rejects file."""
    output: Path | None = None
    """The file that was written."""
    run: int | None = None
    """The number of the run of a triage."""

    @property
    def remaining(self) -> int:
        """Operations that wait for another run."""
        return self.states.get(State.PLANNED, 0) + self.states.get(State.SENDING, 0)

    @property
    def succeeded(self) -> bool:
        """Whether nothing was rejected, nothing is unknown, and nothing was broken off by `request_stop`."""
        bad = self.states.get(State.REJECTED, 0) + self.states.get(State.UNKNOWN, 0) + self.bad_rows
        return not bad and not self.interrupted
