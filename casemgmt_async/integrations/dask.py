"""Exports and reads of many organisations or projects on a Dask cluster.

    from casemgmt_async.integrations.dask import export_organizations, read_cases

    def open_session(name, budget):
        return CaseSession(**keys_of(name), budget=budget)

    results = export_organizations(client, ["acme", "umbrella"], open_session, folder="/shared/exports")
    frame = read_cases(open_session, "acme")
    frame.groupby("priority").size().compute()

`open_session(name, budget)` is called on the workers and returns the `CaseSession` of an organisation. It reads its
keys there, from the environment or a vault, so that none travels with the tasks. `budget` is the count of requests by
which all workers share the rate limit: the one at the URL `budget`, or else in the database of `journals`; None
without them.

Needs the extra `casemgmt-async[dask]`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dask.dataframe as dd
import pandas as pd
from attrs import frozen

from casemgmt_async import CaseSession, SharedBudget, projects
from casemgmt_async.integrations.budgets import open_budget
from casemgmt_async.jobs import ExportResult, export_cases
from casemgmt_async.jobs.export.formats import COLUMNS, EXTRAS, parquet_schema
from casemgmt_async.jobs.journal import JournalURL, journal_address

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["FRAME_COLUMNS", "export_one", "export_organizations", "read_cases"]

OpenSession = Callable[[str, SharedBudget | None], CaseSession]

FRAME_COLUMNS: Final = tuple(name for name in COLUMNS if name not in (*EXTRAS, "deleted", "raw"))
"""The columns of `read_cases` by default."""
RETRIES: Final = 3
"""How often a task that failed is tried again."""


def export_organizations(
    client: Client,
    organizations: Iterable[str],
    open_session: OpenSession,
    folder: str | Path,
    *,
    format: str = "jsonl",
    journals: str | None = None,
    budget: str | None = None,
    **options: Any,
) -> dict[str, ExportResult]:
    """Export every case of many organisations, one task each; gives the results by name.

    The file of an organisation is `folder/NAME.FORMAT`, in a folder that all workers share. `journals` is the URL
    of a PostgreSQL database; without it the journals are in the folder. When a worker is lost, another one continues
    where the journal ends. `budget` is the URL of a shared budget, by default in the database of `journals`.
    `options` are those of `export_cases`, such as `filter` and `force`.

    Raises what `export_cases` raises, after three more tries.
    """
    address = None if journals is None else journal_address(journals)
    opened = Opened(open_session, budget or (address.database if isinstance(address, JournalURL) else None))
    futures = {
        name: client.submit(
            export_one, name, opened, Path(folder) / f"{name}.{format}", journals, options,
            key=f"casemgmt-export-{name}", retries=RETRIES, pure=False,
        )
        for name in organizations
    }  # fmt: skip
    results: Any = client.gather(futures)  # a dict for a dict; the annotations of Dask do not say so
    return {name: results[name] for name in futures}


@frozen
class Opened:
    """Opens sessions on a worker, with the shared budget at a URL if there is one."""

    open_session: OpenSession
    budget: str | None

    def __call__(self, name: str) -> CaseSession:
        """Open the session of an organisation."""
        return self.open_session(name, None if self.budget is None else open_budget(self.budget))


def export_one(
    name: str, opened: Opened, target: Path, journals: str | None, options: Mapping[str, Any]
) -> ExportResult:
    """Export one organisation; the task of a worker."""

    async def run() -> ExportResult:
        address = None if journals is None else journal_address(journals)
        journal = address.named(f"export/{name}") if isinstance(address, JournalURL) else None
        async with opened(name) as session:
            return await export_cases(session, target, journal=journal, **options)

    return asyncio.run(run())


def read_cases(
    open_session: OpenSession,
    organization: str,
    *,
    filter: str | None = None,
    projects: Sequence[str] | None = None,
    columns: Sequence[str] = FRAME_COLUMNS,
    budget: str | None = None,
) -> dd.DataFrame:
    """Read cases as a Dask DataFrame with a partition for each project; nothing is read before it is computed.

    `projects` are ids; by default those of all projects of the organisation, which one request lists right away. The
    search of the service knows no ranges of time, so that a project cannot be divided further. Columns have Arrow
    types: times are timestamps in UTC, and what a case does not have is missing. `budget` is the URL of a shared
    budget.

    Raises `ValueError` for an unknown column.
    """
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise ValueError(f"no column {unknown[0]!r}; there are: {', '.join(COLUMNS)}")
    wanted, opened = list(columns), Opened(open_session, budget)
    ids = list(projects) if projects is not None else asyncio.run(list_projects(opened, organization))
    empty = typed(parquet_schema().empty_table())[wanted]
    if not ids:
        return dd.from_pandas(empty, npartitions=1)
    return dd.from_map(
        read_project,
        ids,
        opened=opened,
        organization=organization,
        filter=filter,
        columns=wanted,
        meta=empty,
    )


async def list_projects(opened: Opened, organization: str) -> list[str]:
    """List the ids of all projects."""
    async with opened(organization) as session:
        return sorted(project.id for project in await projects.get_projects(session))


def read_project(
    project: str, opened: Opened, organization: str, filter: str | None, columns: list[str]
) -> pd.DataFrame:
    """Read the cases of one project; the task of a worker."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - Dask brings it along

    query = f"project_id:{project}" + (f" ({filter})" if filter else "")

    async def run(target: Path) -> None:
        async with opened(organization) as session:
            await export_cases(session, target, filter=query)

    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        target = Path(folder) / "cases.parquet"
        asyncio.run(run(target))
        return typed(pq.read_table(target, columns=columns))


def typed(table: Any) -> pd.DataFrame:
    """Make a frame with Arrow types."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame
