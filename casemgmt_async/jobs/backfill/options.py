"""The options of a backfill."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from casemgmt_async import InvalidArgumentError
from casemgmt_async.jobs.backfill.names import ON_UNKNOWN_USER
from casemgmt_async.jobs.backfill.sources import Rows
from casemgmt_async.jobs.journal import JournalAddress, JournalURL, journal_address
from casemgmt_async.jobs.recovery import SETTLE

__all__ = ["RowOptions"]


@frozen(kw_only=True)
class RowOptions:
    """How the rows of a job are read and processed; see `backfill_cases`."""

    job: str
    project: str | None = None
    type: str | None = None
    preset: str | None = None
    columns: Mapping[str, str] | None = None
    on_unknown_user: str = "reject"
    update: bool = False
    assume_new: bool = False
    settle: float = SETTLE

    def __attrs_post_init__(self) -> None:
        if self.on_unknown_user not in ON_UNKNOWN_USER:
            allowed = ", ".join(ON_UNKNOWN_USER)
            raise InvalidArgumentError("on_unknown_user", f"must be one of {allowed}, not {self.on_unknown_user!r}")
        for name in ("job", "project", "type"):
            value = getattr(self, name)
            if value is not None and not value.strip():
                raise InvalidArgumentError(name, "must not be empty")

    def journal_of(self, rows: Rows, given: str | Path | JournalURL | None = None) -> JournalAddress:
        """Name the journal of the job: beside its file, after the job alone, so that all files of a job share it."""
        if given is not None:
            address = journal_address(given)
            return address.named(self.job) if isinstance(address, JournalURL) else address
        name = f"{self.job}.backfill.db"
        if Path(name).name != name:
            why = f"cannot be part of a file name: {self.job!r}; choose another, or give the path of a journal"
            raise InvalidArgumentError("job", why)
        return Path(rows).with_name(name) if isinstance(rows, str | Path) else Path(name)
