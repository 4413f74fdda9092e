"""What can go wrong with a job, apart from the calls it makes.

    CaseManagementError
      JobError                    a job cannot continue; what it did is in its journal
        JournalError              the journal cannot be used
          JournalLockedError      another process is at work on it
          ForeignJournalError     the file is something else
          JournalDamagedError     the file is broken
          JournalFullError        the disk is full
          JournalConnectionError  PostgreSQL cannot be reached, or the connection was lost
        RulesError                a rule is not understood, or uses a name that nobody has
        PlanTooLargeError         a plan changes more cases than its rules allow
        SourceError               the file to read rows from cannot be used as a whole
        ExportError               the file to write cannot be written
        ServiceDownError          too many calls in a row got no answer

Every message is one line that says what to do.
"""

from __future__ import annotations

from casemgmt_async import CaseManagementError

__all__ = [
    "ExportError",
    "ForeignJournalError",
    "JobError",
    "JournalConnectionError",
    "JournalDamagedError",
    "JournalError",
    "JournalFullError",
    "JournalLockedError",
    "PlanTooLargeError",
    "RulesError",
    "ServiceDownError",
    "SourceError",
]


class JobError(CaseManagementError):
    """A job cannot start or continue; what it has done so far is in its journal."""


class JournalError(JobError):
    """The journal cannot be used; the message says why and what to do."""


class JournalLockedError(JournalError):
    """Another process is at work on this journal."""


class ForeignJournalError(JournalError):
    """The file is not a journal, or the journal of another kind of job, or of another version of this program."""


class JournalDamagedError(JournalError):
    """The file is broken and cannot be read to its end."""


class JournalFullError(JournalError):
    """The disk is full; what was written before is kept."""


class JournalConnectionError(JournalError):
    """PostgreSQL cannot be reached, or the connection with the lock was lost; nothing more was sent."""


class RulesError(JobError, ValueError):
    """A rule is not understood; the message names the rule, the key and what is allowed."""


class PlanTooLargeError(JobError):
    """A plan changes more cases than `max_cases` allows; nothing was changed."""


class SourceError(JobError, ValueError):
    """The source of rows cannot be used as a whole; a single bad row is only rejected."""


class ExportError(JobError):
    """The file cannot be written."""


class ServiceDownError(JobError):
    """Too many calls in a row got no answer; the job stopped and can be run again."""
