"""How an export ended."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from casemgmt_async.jobs.journal import JournalAddress
from casemgmt_async.jobs.results import JobResult

__all__ = ["ExportResult"]


@frozen(kw_only=True)
class ExportResult(JobResult):
    """How an export ended. `items` counts the cases that were read, `output` is the file, None where there is none."""

    written: int
    """Cases in the output, without tombstones."""
    gone: Mapping[str, int]
    """Tombstones in the output: cases that are `archived`, have `left` the filter, or are `missing`."""
    state: JournalAddress | None
    """The state file, which the next export with `since="last"` needs."""
