"""Backfill: a case for every row of a source, never two for one."""

from __future__ import annotations

from casemgmt_async.jobs.backfill.preview import BackfillPreview, preview_backfill
from casemgmt_async.jobs.backfill.results import BackfillResult
from casemgmt_async.jobs.backfill.run import backfill_cases
from casemgmt_async.jobs.backfill.shards import (
    MOST_SHARDS,
    ShardedBackfill,
    link_shard,
    rows_are_done,
    run_shard,
    split_backfill,
)

__all__ = [
    "MOST_SHARDS",
    "BackfillPreview",
    "BackfillResult",
    "ShardedBackfill",
    "backfill_cases",
    "link_shard",
    "preview_backfill",
    "rows_are_done",
    "run_shard",
    "split_backfill",
]
