"""Export: every case, or what has changed, into files."""

from __future__ import annotations

from casemgmt_async.jobs.export.results import ExportResult
from casemgmt_async.jobs.export.run import export_cases

__all__ = ["ExportResult", "export_cases"]
