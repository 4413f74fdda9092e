"""The sources of a backfill: files of trackers and programs, read row by row."""

from __future__ import annotations

from casemgmt_async.jobs.backfill.sources.records import REASON, ROW_TEXT, Layout, Record, RowError
from casemgmt_async.jobs.backfill.sources.source import READERS, Rows, Source, open_source

__all__ = ["READERS", "REASON", "ROW_TEXT", "Layout", "Record", "RowError", "Rows", "Source", "open_source"]
