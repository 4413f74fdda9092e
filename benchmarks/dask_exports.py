"""Export four organisations on a Dask cluster, lose a worker in the middle, and compare the files.

python -m benchmarks.dask_exports
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from casemgmt_async import CaseSession, SharedBudget
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.dask import export_organizations

NAMES = "abcd"


def open_session(urls: dict[str, str], name: str, budget: SharedBudget | None) -> CaseSession:
    """Open the session of an organisation, on the worker."""
    return CaseSession(base_url=urls[name], api_key="k", app_key="k", budget=budget)


def kill_at(emulator: Emulator, pid: int, number: int) -> None:
    """Kill a process while this request is answered."""
    answer, seen = emulator.answer, []

    def answer_and_kill(request: Any) -> Any:
        seen.append(request)
        if len(seen) == number:
            os.kill(pid, signal.SIGKILL)
        return answer(request)

    emulator.answer = answer_and_kill  # type: ignore[method-assign]


def main() -> int:
    """Print the results; returns 1 if a file is not whole."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - starts threads

    with ExitStack() as stack:
        emulators = {name: stack.enter_context(Emulator(cases=300, seed=ord(name))) for name in NAMES}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
        client = stack.enter_context(Client(cluster))
        urls = {name: emulator.base_url for name, emulator in emulators.items()}
        kill_at(emulators["b"], next(iter(client.run(os.getpid).values())), 3)
        results = export_organizations(client, urls, partial(open_session, urls), folder)
        whole = True
        for name, result in results.items():
            there = sorted(case.id for case in emulators[name].store.tables.cases if case.archived_at is None)
            lines = (folder / f"{name}.jsonl").read_text().splitlines()
            same = sorted(json.loads(line)["id"] for line in lines) == there
            whole = whole and same
            sent = emulators[name].requests
            print(f"{name}: {result.written} cases, whole {same}, {sent} requests, {sent - result.requests} repeated")
    return 0 if whole else 1


if __name__ == "__main__":
    raise SystemExit(main())
