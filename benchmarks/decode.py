"""`python -m benchmarks.decode`: what it costs to make objects of the bytes of a page of 100 cases.

No network. Everybody gets the same bytes and takes a turn in each round; CPU by `process_time`, median of the
rounds. `orjson.loads` gives dicts and is the floor. With "(new field)" each case has an attribute without a field
in the models, as on the day the service adds one.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import cattrs
import msgspec
import orjson

from benchmarks.clients import PlainCase
from benchmarks.measures import Figure
from benchmarks.pages import case_page
from casemgmt_async.codec import decode
from casemgmt_async.codec.decoding import decode_slowly
from casemgmt_async.models import Case, Page

MEASURE = "page of 100 cases, bytes to objects"
BUDGET = 0.03
"""Seconds of CPU that each spends in a round."""


def plain_cattrs() -> Callable[[bytes], Any]:
    """Make a converter as it comes, into nested attrs classes."""
    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    return lambda body: converter.structure(orjson.loads(body)["data"], list[PlainCase])


def official() -> Callable[[bytes], Any]:
    """Make the deserialiser of Datadog's own client."""
    from datadog_api_client import ApiClient, Configuration  # noqa: PLC0415 - a peer that may not be installed
    from datadog_api_client.v2.model.cases_response import CasesResponse  # noqa: PLC0415

    client = ApiClient(Configuration())
    return lambda body: client.deserialize(body.decode(), (CasesResponse,), check_type=True)


def contestants() -> dict[str, Callable[[], Any]]:
    """Name all that is compared."""
    page, newer = case_page(), case_page(new_field=True)
    structure = plain_cattrs()
    found: dict[str, Callable[[], Any]] = {
        "orjson.loads": lambda: orjson.loads(page),
        "msgspec.json.decode": lambda: msgspec.json.decode(page),
        "json.loads": lambda: json.loads(page),
        "casemgmt_async": lambda: decode(page, Page[Case]),
        "casemgmt_async (new field)": lambda: decode(newer, Page[Case]),
        "casemgmt_async (converter)": lambda: decode_slowly(page, Page[Case]),
        "cattrs": lambda: structure(page),
    }
    if importlib.util.find_spec("datadog_api_client"):
        deserialise = official()
        found["official"] = lambda: deserialise(page)
    return found


def figures(rounds: int = 15) -> list[Figure]:
    """Take turns, in milliseconds a page."""
    turns = contestants()
    repeats: dict[str, int] = {}
    for name, work in turns.items():
        work()  # what is compiled or learned at first use is done
        started = time.process_time()
        work()
        repeats[name] = max(1, round(BUDGET / max(time.process_time() - started, 1e-6)))
    spent: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, work in turns.items():
            gc.collect()
            started = time.process_time()
            for _ in range(repeats[name]):
                work()
            spent[name].append((time.process_time() - started) / repeats[name] * 1000)
    return [Figure(MEASURE, name, statistics.median(times), "ms") for name, times in spent.items()]


def main() -> None:
    """Print the medians and what they are to the floor."""
    rows = figures()
    floor = next(row.value for row in rows if row.client == "orjson.loads")
    print(f"{MEASURE} ({len(case_page()):,} bytes)")
    for row in sorted(rows, key=lambda row: row.value):
        print(f"{row.client:28} {row.value:8.3f} ms  {row.value / floor:6.2f} x orjson.loads")


if __name__ == "__main__":
    main()
