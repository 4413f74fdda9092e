"""Walks over numbered pages: `Pages` is fast, `Sweep` finds everything while the data changes.

Both take a function that fetches one page, and do not depend on sessions.
"""

from __future__ import annotations

from casemgmt_async.models.page import Page
from casemgmt_async.pagination.iterators import Fetch, Walk
from casemgmt_async.pagination.pages import Pages
from casemgmt_async.pagination.reader import SweepFetch
from casemgmt_async.pagination.sweep import Sweep, SweepResult
from casemgmt_async.pagination.sweep_run import SweepPass

__all__ = ["Fetch", "Page", "Pages", "Sweep", "SweepFetch", "SweepPass", "SweepResult", "Walk"]
