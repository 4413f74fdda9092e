"""Backfill: a case of every row of a file."""

from __future__ import annotations

from casemgmt_async.jobs.backfill.run import backfill_cases

__all__ = ["backfill_cases"]
