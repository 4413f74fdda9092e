"""Jobs over many cases that survive being killed: triage, export and backfill, and the journal they share::

    from casemgmt_async import CaseSession
    from casemgmt_async.jobs import Budget, JobControl, load_rules, run_triage

    control = JobControl(budget=Budget(max_operations=5_000, concurrency=8), on_progress=show)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, control.request_stop)
    async with CaseSession() as session:
        result = await run_triage(session, load_rules("triage.toml"), state="triage.db", control=control)
    raise SystemExit(0 if result.succeeded else 1)

- `plan_triage(session, rules, state=...)` sweeps and decides, changes nothing and gives a `Plan`: its `rows`
  (rule, action, operations), `cases`, `operations`, `requests`, `seconds` and `basis` are what to print.
  `apply_triage(session, state=...)` does what a state holds, `run_triage` is both. A dry run is `plan_triage`.
- `export_cases(session, "cases.jsonl")` writes every case to JSON Lines, CSV or Parquet, by the suffix; with
  `since="last"` what has changed since the last export.
- `backfill_cases(session, "rows.csv", job="old-tracker")` makes a case of every row, never two for one; rows come
  from a file or from any iterable. `preview_backfill` with the same arguments says what it would do.
- Each takes a `JobControl`: the `Budget`, `on_progress` (called with `Progress` a few times a second) and
  `request_stop()`: once to finish what is in flight, twice to stop at once. Nothing is lost either way: the
  same call with the same journal goes on. One `JobControl` is for one call.
- Each gives a `JobResult`: `states` counts the operations by `State`, `stopped` says why it ended early,
  `requests` and `unbatched_requests` tell the saving, `succeeded` whether a command should end with 0.
- `split_triage` and `split_backfill` divide a job with its journal in PostgreSQL into shards for workers on any
  machines, see `integrations.procrastinate`. They give a `ShardedJob`: `wait(control)`, then `result(control)`.
- `read_report(journal)` gives a `Report` of any journal, also while its job runs: `rows`, `states`, `failures`,
  `write_outcomes(path)` for JSON Lines and `write_html(path)` for the page.

What cannot go on raises a `JobError` (see `jobs.errors`) or another `CaseManagementError`, whose text is one
line that says what to do; the journal is closed and whole then.
"""

from __future__ import annotations

from casemgmt_async.jobs.backfill import (
    BackfillPreview,
    BackfillResult,
    ShardedBackfill,
    backfill_cases,
    preview_backfill,
    split_backfill,
)
from casemgmt_async.jobs.control import GRACE, Budget, JobControl
from casemgmt_async.jobs.errors import (
    ExportError,
    ForeignJournalError,
    JobError,
    JournalConnectionError,
    JournalDamagedError,
    JournalError,
    JournalFullError,
    JournalLockedError,
    PlanTooLargeError,
    RulesError,
    ServiceDownError,
    SourceError,
)
from casemgmt_async.jobs.export import ExportResult, export_cases
from casemgmt_async.jobs.journal import Journal, Operation, Run, RunState, State
from casemgmt_async.jobs.progress import Progress
from casemgmt_async.jobs.report import Report, read_report
from casemgmt_async.jobs.results import JobResult
from casemgmt_async.jobs.shards import MOST_SHARDS, ShardedJob, ShardStep
from casemgmt_async.jobs.triage import (
    Change,
    Plan,
    PlanRow,
    Rule,
    RuleSet,
    ShardedTriage,
    apply_triage,
    list_runs,
    load_rules,
    parse_rules,
    plan_triage,
    prune_runs,
    read_changes,
    rule,
    run_triage,
    split_triage,
)

__all__ = [
    "GRACE",
    "MOST_SHARDS",
    "BackfillPreview",
    "BackfillResult",
    "Budget",
    "Change",
    "ExportError",
    "ExportResult",
    "ForeignJournalError",
    "JobControl",
    "JobError",
    "JobResult",
    "Journal",
    "JournalConnectionError",
    "JournalDamagedError",
    "JournalError",
    "JournalFullError",
    "JournalLockedError",
    "Operation",
    "Plan",
    "PlanRow",
    "PlanTooLargeError",
    "Progress",
    "Report",
    "Rule",
    "RuleSet",
    "RulesError",
    "Run",
    "RunState",
    "ServiceDownError",
    "ShardStep",
    "ShardedBackfill",
    "ShardedJob",
    "ShardedTriage",
    "SourceError",
    "State",
    "apply_triage",
    "backfill_cases",
    "export_cases",
    "list_runs",
    "load_rules",
    "parse_rules",
    "plan_triage",
    "preview_backfill",
    "prune_runs",
    "read_changes",
    "read_report",
    "rule",
    "run_triage",
    "split_backfill",
    "split_triage",
]
