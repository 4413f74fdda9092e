"""The journal of a job: the states of operations, the file, and the queries over it."""

from __future__ import annotations

from casemgmt_async.jobs.journal.address import JournalAddress, JournalURL, journal_address
from casemgmt_async.jobs.journal.journal import (
    Journal,
    copy_journal,
    count_shards,
    insert_operations,
    insert_subjects,
    move_subjects,
    opened_whole,
    store_waits,
)
from casemgmt_async.jobs.journal.runs import LastActivity, Remembered, Run, RunState
from casemgmt_async.jobs.journal.states import Operation, OperationRow, Outcome, State, SubjectRow, parsed
from casemgmt_async.jobs.journal.store import Statement

__all__ = [
    "Journal",
    "JournalAddress",
    "JournalURL",
    "LastActivity",
    "Operation",
    "OperationRow",
    "Outcome",
    "Remembered",
    "Run",
    "RunState",
    "State",
    "Statement",
    "SubjectRow",
    "copy_journal",
    "count_shards",
    "insert_operations",
    "insert_subjects",
    "journal_address",
    "move_subjects",
    "opened_whole",
    "parsed",
    "store_waits",
]
