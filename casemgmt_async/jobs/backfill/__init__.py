"""Backfill: a case for every row of a source, never two for one."""

from __future__ import annotations

from casemgmt_async.jobs.backfill.preview import BackfillPreview, preview_backfill
from casemgmt_async.jobs.backfill.results import BackfillResult
from casemgmt_async.jobs.backfill.run import backfill_cases
from casemgmt_async.jobs.backfill.shards import ShardedBackfill, split_backfill

__all__ = [
    "BackfillPreview",
    "BackfillResult",
    "ShardedBackfill",
    "backfill_cases",
    "preview_backfill",
    "split_backfill",
]
