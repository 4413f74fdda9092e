"""Exports and frames on a Dask cluster are what the emulator holds."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator

dask = pytest.importorskip("dask", reason="the extra dask is not installed")

from casemgmt_async.integrations.dask import FRAME_COLUMNS, export_one, read_cases  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def open_session(urls: dict[str, str], name: str) -> CaseSession:
    return CaseSession(base_url=urls[name], api_key="k", app_key="k")


def test_a_frame_has_the_cases_of_the_organisation_with_types() -> None:
    """Length, types, a group-by, a filter; and a column that is not there."""
    with Emulator(cases=250, seed=3) as emulator, dask.config.set(scheduler="synchronous"):
        opened = partial(open_session, {"acme": emulator.base_url})
        cases = [case for case in emulator.store.tables.cases if case.archived_at is None]
        frame = read_cases(opened, "acme")
        assert frame.npartitions == len(emulator.store.tables.projects)
        assert len(frame) == len(cases)
        assert tuple(frame.columns) == FRAME_COLUMNS
        computed = frame.compute()
        assert str(frame.dtypes["created_at"]) == str(computed.dtypes["created_at"]) == "timestamp[us, tz=UTC][pyarrow]"
        assert str(frame.dtypes["comment_count"]) == str(computed.dtypes["comment_count"]) == "int64[pyarrow]"
        sizes = frame.groupby("priority").size().compute().to_dict()
        assert sizes == Counter(case.priority for case in cases)
        assert len(read_cases(opened, "acme", filter="priority:P1", columns=["id"])) == sizes["P1"]
        with pytest.raises(ValueError, match="no column 'colour'; there are: id, key"):
            read_cases(opened, "acme", columns=["colour"])


def test_one_task_exports_an_organisation_into_the_folder(tmp_path: Path) -> None:
    """What a worker runs; `nox -s dask` has a cluster, whose start takes too long for every run of the tests."""
    with Emulator(cases=120, seed=3) as emulator:
        opened = partial(open_session, {"acme": emulator.base_url})
        result = export_one("acme", opened, tmp_path / "acme.jsonl", None, {"filter": "priority:P1"})
        there = [case.id for case in emulator.store.tables.cases if case.priority == "P1" and case.archived_at is None]
    lines = (tmp_path / "acme.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(there)
    assert result.written == len(there)
