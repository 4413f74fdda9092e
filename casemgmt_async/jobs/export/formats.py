"""The formats of an export: JSON Lines, CSV, and Parquet in one file or in partitions."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from casemgmt_async.jobs.errors import ExportError
from casemgmt_async.jobs.files import JSON_LINES, Format

__all__ = ["COLUMNS", "FORMATS", "PARTITIONS", "parquet_schema", "partition_of", "row_of", "users_beside"]


def users_beside(target: Path) -> Path:
    """Name the file that holds the users of an export."""
    return target.with_name(f"{target.stem}.users.jsonl")


def moment(value: Any) -> datetime:
    """Read a time, in UTC."""
    return datetime.fromisoformat(value).astimezone(UTC)


def text(value: Any) -> str:
    """Return a text; raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value


def integer(value: Any) -> int:
    """Return a whole number of 64 bits; raises `TypeError` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise TypeError(f"not a number: {value!r}")
    return value


def as_json(value: Any) -> str:
    """Write a value that no column can hold as JSON."""
    return msgspec.json.encode(value).decode()


TEXTS: Final = (
    "key", "title", "description", "priority", "status", "status_name", "status_group", "type", "type_id",
    "creation_source", "merge_status", "security_resolved_reason",
)  # fmt: skip
RELATED: Final = {
    "project": "project_id",
    "assignee": "assignee_id",
    "created_by": "created_by_id",
    "modified_by": "modified_by_id",
}
MOMENTS: Final = ("created_at", "modified_at", "closed_at", "archived_at")
OBJECTS: Final = ("attributes", "custom_attributes", "insights", "jira_issue", "service_now_ticket")
EXTRAS: Final = ("comments", "links", "watchers")
"""Additional data that an export can read, each in a column of JSON."""
READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(TEXTS, text),
    **dict.fromkeys(MOMENTS, moment),
    "due_date": date.fromisoformat,
    "comment_count": integer,
    **dict.fromkeys(OBJECTS, as_json),
}
"""How an attribute becomes the value of its column."""
COLUMNS: Final = ("id", *READ, *RELATED.values(), *EXTRAS, "deleted", "unreadable", "raw")
"""The columns of CSV and Parquet. `deleted` says why a case is gone, `unreadable` names the columns that are empty
because their value did not fit, and `raw` is the case as it was received."""


def row_of(raw: bytes) -> dict[str, Any]:
    """Make the columns of one case; a value that does not fit its column is only in `raw`."""
    given = msgspec.json.decode(raw)
    given = given if isinstance(given, dict) else {}
    attributes, related = given.get("attributes") or {}, given.get("relationships") or {}
    columns: dict[str, Any] = dict.fromkeys(COLUMNS)
    unreadable = []
    if not isinstance(attributes, dict):
        attributes, unreadable = {}, ["attributes"]
    for name, read in READ.items():
        value = attributes.get(name)
        try:
            columns[name] = None if value is None else read(value)
        except (ValueError, TypeError, OverflowError):
            unreadable.append(name)
    for name, column in RELATED.items():
        try:
            found = ((related.get(name) or {}).get("data") or {}).get("id")
            columns[column] = None if found is None else text(found)
        except (AttributeError, TypeError):
            unreadable.append(column)
    for name in EXTRAS:
        columns[name] = as_json(given[name]) if given.get(name) is not None else None
    columns |= {"id": str(given.get("id")), "deleted": given.get("deleted"), "raw": raw.decode("utf-8", "replace")}
    unreadable += given.get("unreadable") or []
    columns["unreadable"] = ", ".join(unreadable) or None
    return columns


class Csv:
    """A table with a header, as spreadsheets and databases read it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines([COLUMNS])

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        self._lines([[cell(value) for value in row_of(each).values()] for each in resources])

    def _lines(self, rows: Sequence[Sequence[Any]]) -> None:
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows(rows)
        self._file.write(lines.getvalue().encode("utf-8", "replace"))

    def close(self) -> None:
        """Do nothing: a table needs no end."""


def cell(value: Any) -> Any:
    """Convert a value for a cell; None becomes an empty cell."""
    return value.isoformat() if isinstance(value, date | datetime) else value


def parquet_schema() -> Any:
    """Make the Arrow schema of the columns."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    kinds = dict.fromkeys(MOMENTS, pa.timestamp("us", tz="UTC")) | {
        "due_date": pa.date32(),
        "comment_count": pa.int64(),
    }
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


class Parquet:
    """A typed column for each attribute that is known, and the whole case as JSON in the column `raw`."""

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415

        self._schema = parquet_schema()
        self._batch = pa.RecordBatch
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        self._writer.write_batch(self._batch.from_pylist([row_of(each) for each in resources], schema=self._schema))

    def close(self) -> None:
        """Write the index at the end."""
        self._writer.close()


def need_pyarrow() -> None:
    """Raise `ExportError` if the package that Parquet needs is missing."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415
    except ImportError as error:
        install = "pip install 'casemgmt-async[parquet]'"
        raise ExportError(
            f"Parquet needs the package pyarrow: {install}, or name a file that ends in .jsonl"
        ) from error


FORMATS: Final[Mapping[str, Format]] = {
    "jsonl": JSON_LINES,
    "ndjson": JSON_LINES,
    "csv": Format(Csv, lambda: None),
    "parquet": Format(Parquet, need_pyarrow),
}
"""The formats by name, which is the suffix of the file as well."""
PARTITIONS: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "project": lambda row: str(row["key"] or "").rpartition("-")[0] or "none",
    "day": lambda row: row["created_at"].date().isoformat() if row["created_at"] else "none",
}
"""What files can be partitioned by: the key of the project, the day on which a case was created."""


def partition_of(raw: bytes, by: Sequence[str]) -> str:
    """Name the folder of a case in the style of Hive: `project=SEC/day=2031-05-06`."""
    row = row_of(raw)
    return "/".join(f"{name}={PARTITIONS[name](row)}" for name in by)
