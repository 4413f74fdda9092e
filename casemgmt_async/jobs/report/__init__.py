"""The report of a job: data, and one HTML page."""

from __future__ import annotations

from casemgmt_async.jobs.report.report import Report, read_report

__all__ = ["Report", "read_report"]
