"""Exports and frames on a Dask cluster are what the emulator holds."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from casemgmt_async import CaseSession, SharedBudget
from casemgmt_async.emulator import Emulator

dask = pytest.importorskip("dask", reason="the extra dask is not installed")

from casemgmt_async.integrations.dask import (  # noqa: E402
    FRAME_COLUMNS,
    Opened,
    export_one,
    export_organizations,
    read_cases,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def open_session(urls: dict[str, str], name: str, budget: SharedBudget | None) -> CaseSession:
    return CaseSession(base_url=urls[name], api_key="k", app_key="k", budget=budget)


class ClientOfOneProcess:
    """Runs tasks when they are submitted, after a journey through pickle."""

    def submit(self, task: Any, *arguments: Any, key: str, retries: int, pure: bool) -> Any:
        del key, retries, pure
        work, given = pickle.loads(pickle.dumps((task, arguments)))
        return work(*given)

    def gather(self, results: Any) -> Any:
        return results


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
        given = Opened(opened, None)
        result = export_one("acme", given, tmp_path / "acme.jsonl", None, {"filter": "priority:P1"})
        there = [case.id for case in emulator.store.tables.cases if case.priority == "P1" and case.archived_at is None]
    lines = (tmp_path / "acme.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(there)
    assert result.written == len(there)


def test_workers_share_the_rate_limit_by_the_database_of_the_journals(tmp_path: Path, postgres_url: str) -> None:
    """Or by a budget elsewhere; in frames only by one that is given."""

    def budgets(url: str) -> int:
        with psycopg.connect(url) as connection:
            if connection.execute("SELECT to_regclass('casemgmt_budget')").fetchone() == (None,):
                return 0
            (count,) = connection.execute("SELECT sum(used) FROM casemgmt_budget").fetchone() or (0,)
            return int(count)

    client: Any = ClientOfOneProcess()
    with Emulator(cases=250, seed=3, limits="search=1000/60s: search_cases") as emulator:
        opened = partial(open_session, {"acme": emulator.base_url})
        export_organizations(client, ["acme"], opened, tmp_path)
        assert budgets(postgres_url) == 0
        results = export_organizations(client, ["acme"], opened, tmp_path, journals=f"{postgres_url}#x", force=True)
        archived = sum(case.archived_at is not None for case in emulator.store.tables.cases)
        assert results["acme"].written == 250 - archived
        used = budgets(postgres_url)
        assert used > 0
        with dask.config.set(scheduler="synchronous"):
            assert len(read_cases(opened, "acme", filter="priority:P1", budget=postgres_url, columns=["id"])) > 0
        assert budgets(postgres_url) > used
