"""Walks over numbered pages: `Pages` is fast, `Sweep` is right while the data changes.

Neither knows of sessions: both are handed a function that fetches one page.
"""

from __future__ import annotations

from casemgmt_async.models.page import Page
from casemgmt_async.pagination.pages import Fetch, Pages, Walk
from casemgmt_async.pagination.reading import SweepFetch
from casemgmt_async.pagination.sweep import Sweep, SweepPass, SweepResult

__all__ = ["Fetch", "Page", "Pages", "Sweep", "SweepFetch", "SweepPass", "SweepResult", "Walk"]
