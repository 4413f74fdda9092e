"""`python -m benchmarks.chaos`: many calls under faults of every kind, judged by the emulator's ledger.

Calls that read, change and create are made at random, with a given seed, many at a time, while one request in five
meets a fault. At the end: no create happened twice, every write that was acknowledged is in the ledger, every other
call ended in an error of the right class, and no task, socket or slot of the limiter is left. Exits with 1 if any
of this fails.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import random
import sys
import time
import warnings
from collections import Counter
from typing import Any

from attrs import define, field

from casemgmt_async import (
    CaseManagementError,
    CaseSession,
    ConnectionFailedError,
    DecodeError,
    OutcomeUnknownError,
    RateLimitError,
    RedirectError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    cases,
    timeline,
)
from casemgmt_async.emulator import FAULT_KINDS, Emulator
from casemgmt_async.transport.events import Event, RequestStarted
from casemgmt_async.transport.retry import RetryPolicy

TYPE_ID = "00000000-0000-0000-0000-000000000001"
EMULATED = 200
POLICY = RetryPolicy(attempts=6, initial_backoff=0.01, max_backoff=0.2, attempt_timeout=2.0)
SCRIPT = [
    *("reset", "drop-before-effect", "drop-after-effect", "cut", "cut-chunked", "cut-gzip", "early-eof"),
    *("cut=0", "early-eof=0", "empty-before-effect", "empty-after-effect", "html=502", "html=200", "html=429"),
    *("html-after-effect=200", "status=429", "status=408", "status=500", "status=503", "status-after-effect=503"),
    *("redirect=302", "redirect=307", "stall=20ms", "stall-after-effect=3s", "stall-in-body=20ms", "hang-up"),
    *("giant=300kB", "giant-gzip=2MB", "content-type=text/html", "refuse=20ms"),
]
# To "delete this", an empty 200 is an answer like any other: that nothing was done, no client could know.
ONLY = {"empty-before-effect": "*case, *cases, *title"}
RARE = {"stall-after-effect": 0.1, "hang-up": 0.3, "refuse": 0.02}
EXPECTED = {
    "read": (
        *(ConnectionFailedError, RequestTimeoutError, ServerError, RateLimitError, RedirectError),
        *(ResponseTooLargeError, DecodeError),
    ),
    "create": (OutcomeUnknownError, ConnectionFailedError, RateLimitError, RedirectError),
}
EXPECTED["set"] = EXPECTED["read"]


@define
class Tally:
    """Outcomes of the calls, as their callers saw them."""

    ended: Counter[str] = field(factory=Counter)
    created: dict[str, str] = field(factory=dict)
    """The operation of every acknowledged create, by its mark."""
    unknown: set[str] = field(factory=set)
    titles: dict[str, str] = field(factory=dict)
    """The acknowledged title of a case, where each case has one writer at a time."""
    removed: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    sends: int = 0

    def heard(self, event: Event) -> None:
        self.sends += isinstance(event, RequestStarted)


def script(share: float) -> list[str]:
    """Faults of every kind, a request in so many meeting one."""
    weights = {line: RARE.get(line.partition("=")[0], 1.0) for line in SCRIPT}
    unit = -100 * math.log(1 - share) / sum(weights.values())  # the lines are drawn one by one
    assert {name for name in FAULT_KINDS if not any(line.startswith(name) for line in SCRIPT)} == set()
    return [f"{ONLY.get(line, '*')}@{weight * unit:.4f}%: {line}" for line, weight in weights.items()]


class Calls:
    """Calls of every class, at random, each with a mark by which the ledger identifies it."""

    def __init__(self, session: CaseSession, ids: list[str], project_id: str, seed: int) -> None:
        self.session = session
        self.tally = Tally()
        self._ids = ids
        self._project_id = project_id
        self._random = random.Random(seed)
        self._locks = {case_id: asyncio.Lock() for case_id in ids}
        self._comments: list[tuple[str, str]] = []

    async def one(self, number: int) -> None:
        """Make one call, and record what its caller saw."""
        kinds = ("get", "search", "title", "assign", "create", "comment", "uncomment")
        kind = self._random.choices(kinds, weights=(4, 1, 4, 2, 4, 4, 2))[0]
        if kind == "uncomment" and not self._comments:
            kind = "comment"
        case_id, mark = self._random.choice(self._ids), f"mark-{number}"
        replay = {"get": "read", "search": "read", "create": "create", "comment": "create"}.get(kind, "set")
        try:
            await getattr(self, f"_{kind}")(case_id, mark)
        except CaseManagementError as error:
            self.tally.ended[f"{replay}: {type(error).__name__}"] += 1
            if isinstance(error, OutcomeUnknownError):
                self.tally.unknown.add(mark)
            if not isinstance(error, EXPECTED[replay]):
                self.tally.wrong.append(f"{kind}: {error!r}")
        except Exception as error:  # noqa: BLE001 - an error that is not ours is what this looks for
            self.tally.wrong.append(f"{kind}: {error!r}")
        else:
            self.tally.ended[f"{replay}: result"] += 1

    async def _get(self, case_id: str, _mark: str) -> None:
        assert (await cases.get_case(self.session, case_id)).id == case_id

    async def _search(self, _case_id: str, _mark: str) -> None:
        assert len(await cases.search_cases(self.session, page_size=20)) == 20

    async def _title(self, case_id: str, mark: str) -> None:
        async with self._locks[case_id]:
            self.tally.titles.pop(case_id, None)
            case = await cases.update_case_title(self.session, case_id, title=mark)
            assert case.title == mark
            self.tally.titles[case_id] = mark

    async def _assign(self, case_id: str, _mark: str) -> None:
        await cases.unassign_case(self.session, case_id)

    async def _create(self, _case_id: str, mark: str) -> None:
        case = await cases.create_case(self.session, title=mark, type_id=TYPE_ID, project_id=self._project_id)
        assert case.title == mark
        self.tally.created[mark] = "create_case"

    async def _comment(self, case_id: str, mark: str) -> None:
        cells = await timeline.comment_case(self.session, case_id, comment=mark)
        self.tally.created[mark] = "comment_case"
        self._comments.append((case_id, cells[0].id))

    async def _uncomment(self, _case_id: str, _mark: str) -> None:
        case_id, cell_id = self._comments.pop(self._random.randrange(len(self._comments)))
        await timeline.delete_case_comment(self.session, case_id, cell_id)
        self.tally.removed.append(cell_id)


async def run(calls: int, at_a_time: int, share: float, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Make the calls; return the figures and the violations."""
    async with Emulator(cases=EMULATED, seed=seed, log_size=0) as emulator:
        options = {"base_url": emulator.base_url, "api_key": "chaos", "app_key": "chaos"}
        async with CaseSession(**options, retry=POLICY, max_body=200_000, timeout=60) as session:
            found = [case async for case in cases.iter_cases(session)]
            ids, project_id = [case.id for case in found], found[0].project_id or ""
            work = Calls(session, ids, project_id, seed)
            session.add_listener(work.tally.heard)
            numbers = iter(range(calls))

            async def worker() -> None:
                for number in numbers:
                    await work.one(number)

            before = emulator.requests
            emulator.set_faults(script(share))
            began = time.perf_counter()
            async with asyncio.timeout(900), asyncio.TaskGroup() as tasks:
                for _ in range(at_a_time):
                    tasks.create_task(worker())
            took = time.perf_counter() - began
            emulator.set_faults(None)
            requests = emulator.requests - before
            problems = await judged(work, emulator, session)
            limiter = session._caller.limiter
            if limiter.in_flight or limiter.waiting:
                problems.append(f"{limiter.in_flight} slots of the limiter are taken, {limiter.waiting} calls wait")
            client = session._pool._client
            if client is not None and client.connector is not None and client.connector._acquired:
                problems.append(f"{len(client.connector._acquired)} connections were never given back")
        if client is not None and not client.closed:
            problems.append("the pool is open after the session was closed")
    await asyncio.sleep(0.05)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        problems.append(f"{len(left)} tasks are left: {left}")
    unknown = work.tally.unknown
    figures = {
        "calls": calls,
        "requests sent": work.tally.sends,
        "requests seen": requests,
        "seconds": round(took, 1),
        "creates acknowledged": len(work.tally.created),
        "creates of unknown outcome": len(unknown),
        "of those, happened": len(unknown) - len(emulator.ledger.missing(unknown)),
        **dict(sorted(work.tally.ended.items())),
    }
    return figures, problems


async def judged(work: Calls, emulator: Emulator, session: CaseSession) -> list[str]:
    """List where ledger and data contradict what the callers saw."""
    tally, ledger = work.tally, emulator.ledger
    problems = list(tally.wrong)
    if doubled := {mark: times for mark, times in ledger.created().items() if times > 1}:
        problems.append(f"creates doubled: {doubled}")
    if missing := [mark for mark, route in tally.created.items() if not ledger.times(mark, route)]:
        problems.append(f"acknowledged creates missing: {missing}")
    for case_id, title in tally.titles.items():
        if (await cases.get_case(session, case_id)).title != title:
            problems.append(f"acknowledged title of {case_id} missing: {title}")
    deleted = {effect.entity for effect in ledger.effects if effect.kind == "delete"}
    if kept := [cell_id for cell_id in tally.removed if cell_id not in deleted]:
        problems.append(f"acknowledged removals missing: {kept}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--at-a-time", type=int, default=64)
    parser.add_argument("--faults", type=float, default=20.0, help="per cent of requests that meet one")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    leaks: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        sys.unraisablehook = lambda it: leaks.append(f"leaked: {it.exc_value!r} {it.object!r}")
        warnings.showwarning = lambda message, *_args, **_named: leaks.append(f"warned: {message}")
        figures, problems = asyncio.run(run(given.calls, given.at_a_time, given.faults / 100, given.seed))
        gc.collect()
    problems += leaks
    for name, figure in figures.items():
        print(f"{name:<40}{figure:>10}")
    print(f"\n{'nothing lost, nothing doubled, nothing leaked' if not problems else 'PROBLEMS'}")
    for problem in problems[:20]:
        print(f"  {problem[:300]}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
