"""`python -m benchmarks.once`: 1,000 calls of `create_case_once` for 100 tokens, 64 at a time, under faults.

A fifth of the requests fail in some way, among them creates that take effect before their answer is lost. The
emulator's ledger counts the cases that were created. Every tenth call starts with an empty memory, as after a
restart.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter

from casemgmt_async import CaseManagementError, CaseSession, RetryPolicy, create_case_once, once, projects
from casemgmt_async.emulator import Emulator, Switches

TYPE = "00000000-0000-0000-0000-000000000001"
FAULTS = """
create_case@10%: drop-after-effect
create_case@4%: drop-before-effect
create_case@3%: status=503
create_case@3%: empty
*@5%: status=502
*@4%: drop-before-effect
*@3%: cut
*@2%: cut-gzip
*@2%: html=200
*@2%: reset
*@2%: hang-up
"""


async def run(seed: int, calls: int, tokens: int, window: int) -> tuple[int, int, Counter[str]]:
    """Make the calls; return the tokens that got several cases, the cases made, and the errors that callers saw."""
    retry = RetryPolicy(attempts=4, initial_backoff=0.001, max_backoff=0.01)
    async with (
        Emulator(cases=100, seed=seed) as emulator,
        CaseSession(api_key="any", app_key="any", base_url=emulator.base_url, retry=retry) as session,
    ):
        project = (await projects.get_projects(session))[0]
        emulator.set_faults(FAULTS)
        emulator.switches = Switches(index_lag=1.0)
        turns, errors = asyncio.Semaphore(window), Counter[str]()
        ids: dict[int, set[str]] = {number: set() for number in range(tokens)}

        async def call(number: int) -> None:
            token = number % tokens
            async with turns:
                while True:
                    if number % 10 == 0:
                        once.REMEMBER.clear()
                    try:
                        result = await create_case_once(
                            session,
                            token=f"{seed}/{token}",
                            title=f"Alert {token}",
                            type_id=TYPE,
                            project_id=project.id,
                            settle=0.2,
                        )
                    except CaseManagementError as error:
                        errors[type(error).__name__] += 1
                        continue
                    ids[token].add(result.case.id)
                    return

        await asyncio.gather(*map(call, range(calls)))
        made = sum(emulator.ledger.created().values())
        return sum(len(found) != 1 for found in ids.values()), made, errors


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    failed = False
    for seed in range(1, options.runs + 1):
        started = time.perf_counter()
        several, made, errors = asyncio.run(run(seed, options.calls, options.tokens, options.window))
        failed |= bool(several) or made != options.tokens
        print(
            f"run {seed}: {options.calls} calls for {options.tokens} tokens made {made} cases, {several} tokens with "
            f"several; callers saw {sum(errors.values())} errors {dict(errors)}; {time.perf_counter() - started:.1f} s"
        )
    if failed:
        raise SystemExit("a token did not make exactly one case")


if __name__ == "__main__":
    main()
