"""Exports and reads of many organisations or projects on a Dask cluster.

    from casemgmt_async.integrations.dask import export_organizations, read_cases

    results = export_organizations(client, ["acme", "umbrella"], open_session, folder="/shared/exports")
    frame = read_cases(open_session, "acme")
    frame.groupby("priority").size().compute()

`open_session(name)` is called on the workers and returns the `CaseSession` of an organisation. It reads its keys
there, from the environment or a vault, so that none travels with the tasks. Give it the shared budget of the
organisation where several workers call at the same time.

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

from casemgmt_async import CaseSession, projects
from casemgmt_async.jobs import ExportResult, export_cases
from casemgmt_async.jobs.export.formats import COLUMNS, EXTRAS, parquet_schema
from casemgmt_async.jobs.journal import JournalURL, journal_address

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["FRAME_COLUMNS", "export_one", "export_organizations", "read_cases"]

OpenSession = Callable[[str], CaseSession]

FRAME_COLUMNS: Final = tuple(name for name in COLUMNS if name not in (*EXTRAS, "deleted", "raw"))
"""The columns of `read_cases`, where no others are asked for."""
RETRIES: Final = 3
"""How often a task is tried again that ends with an error."""


def export_organizations(
    client: Client,
    organizations: Iterable[str],
    open_session: OpenSession,
    folder: str | Path,
    *,
    format: str = "jsonl",
    journals: str | None = None,
    **options: Any,
) -> dict[str, ExportResult]:
    """Export every case of many organisations, one task each; gives the results by name.

    The file of an organisation is `folder/NAME.FORMAT`, in a folder that all workers share. `journals` is the URL
    of a PostgreSQL database; without it the journals are in the folder. When a worker is lost, another one goes on
    where the journal ends. `options` are those of `export_cases`, such as `filter` and `force`.

    Raises what `export_cases` raises, after three more tries.
    """
    futures = {
        name: client.submit(
            export_one, name, open_session, Path(folder) / f"{name}.{format}", journals, options,
            key=f"casemgmt-export-{name}", retries=RETRIES, pure=False,
        )
        for name in organizations
    }  # fmt: skip
    results: Any = client.gather(futures)  # a dict for a dict, which Dask's types do not tell
    return {name: results[name] for name in futures}


def export_one(
    name: str, open_session: OpenSession, target: Path, journals: str | None, options: Mapping[str, Any]
) -> ExportResult:
    """Export one organisation; the task of a worker."""

    async def run() -> ExportResult:
        address = None if journals is None else journal_address(journals)
        journal = address.named(f"export/{name}") if isinstance(address, JournalURL) else None
        async with open_session(name) as session:
            return await export_cases(session, target, journal=journal, **options)

    return asyncio.run(run())


def read_cases(
    open_session: OpenSession,
    organization: str,
    *,
    filter: str | None = None,
    projects: Sequence[str] | None = None,
    columns: Sequence[str] = FRAME_COLUMNS,
) -> dd.DataFrame:
    """Read cases as a Dask DataFrame with a partition for each project; nothing is read before it is computed.

    `projects` are ids; by default those of all projects of the organisation, which one request lists right away. The
    search of the service knows no ranges of time, so that a project cannot be divided further. Columns have Arrow
    types: times are timestamps in UTC, and what a case does not have is missing.

    Raises `ValueError` for an unknown column.
    """
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise ValueError(f"no column {unknown[0]!r}; there are: {', '.join(COLUMNS)}")
    wanted = list(columns)
    ids = list(projects) if projects is not None else asyncio.run(list_projects(open_session, organization))
    empty = typed(parquet_schema().empty_table())[wanted]
    if not ids:
        return dd.from_pandas(empty, npartitions=1)
    return dd.from_map(
        read_project,
        ids,
        open_session=open_session,
        organization=organization,
        filter=filter,
        columns=wanted,
        meta=empty,
    )


async def list_projects(open_session: OpenSession, organization: str) -> list[str]:
    """List the ids of all projects."""
    async with open_session(organization) as session:
        return sorted(project.id for project in await projects.get_projects(session))


def read_project(
    project: str, open_session: OpenSession, organization: str, filter: str | None, columns: list[str]
) -> pd.DataFrame:
    """Read the cases of one project; the task of a worker."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - Dask brings it along

    query = f"project_id:{project}" + (f" ({filter})" if filter else "")

    async def run(target: Path) -> None:
        async with open_session(organization) as session:
            await export_cases(session, target, filter=query)

    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        target = Path(folder) / "cases.parquet"
        asyncio.run(run(target))
        return typed(pq.read_table(target, columns=columns))


def typed(table: Any) -> pd.DataFrame:
    """Make a frame with Arrow types."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame
