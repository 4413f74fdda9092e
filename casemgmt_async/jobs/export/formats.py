"""The forms an export can have: JSON Lines and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from casemgmt_async.jobs.errors import ExportError
from casemgmt_async.jobs.files import JSON_LINES, Format

__all__ = ["FORMATS", "users_beside"]


def users_beside(target: Path) -> Path:
    """The file that holds the users of an export."""
    return target.with_name(f"{target.stem}.users.jsonl")


def moment(value: Any) -> datetime | None:
    """A time, in UTC."""
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def day(value: Any) -> date | None:
    """A day."""
    return None if value is None else date.fromisoformat(value)


def plain(value: Any) -> Any:
    """A value as it is."""
    return value


def as_json(value: Any) -> str | None:
    """A value that no column can hold, as JSON."""
    return None if value is None else msgspec.json.encode(value).decode()


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
READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(TEXTS, plain),
    **dict.fromkeys(MOMENTS, moment),
    "due_date": day,
    "comment_count": plain,
    **dict.fromkeys(OBJECTS, as_json),
}
"""How an attribute becomes the value of its column."""


class Table:
    """A column for each attribute that is known, and the whole resource as JSON in the column `raw`."""

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415

        kinds = dict.fromkeys(MOMENTS, pa.timestamp("us", tz="UTC")) | {
            "due_date": pa.date32(),
            "comment_count": pa.int64(),
        }
        names = ("id", *READ, *RELATED.values(), "raw")
        self._schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
        self._batch = pa.RecordBatch
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, resources: Sequence[bytes]) -> None:
        """Write a batch."""
        self._writer.write_batch(self._batch.from_pylist([row(each) for each in resources], schema=self._schema))

    def close(self) -> None:
        """Write the index at the end."""
        self._writer.close()


def row(raw: bytes) -> dict[str, Any]:
    """The columns of one resource."""
    resource = msgspec.json.decode(raw)
    attributes, related = resource.get("attributes") or {}, resource.get("relationships") or {}
    columns = {name: read(attributes.get(name)) for name, read in READ.items()}
    for name, column in RELATED.items():
        columns[column] = ((related.get(name) or {}).get("data") or {}).get("id")
    return {"id": resource["id"], **columns, "raw": raw.decode()}


def need_pyarrow() -> None:
    """Refuse, where the package that Parquet needs is missing."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415
    except ImportError as error:
        install = "pip install 'casemgmt-async[parquet]'"
        raise ExportError(
            f"Parquet needs the package pyarrow: {install}, or name a file that ends in .jsonl"
        ) from error


FORMATS: Final[Mapping[str, Format]] = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".parquet": Format(Table, need_pyarrow),
}
"""The forms by the suffix of the file."""
