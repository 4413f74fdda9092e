"""Export: every case into a file."""

from __future__ import annotations

from casemgmt_async.jobs.export.run import export_cases

__all__ = ["export_cases"]
