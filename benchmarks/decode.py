"""`python -m benchmarks.decode`: the CPU time to make objects of the JSON text of a page of 100 cases.

No network. All decoders get the same text and take turns in each round; the figures are medians of the rounds, of
`process_time`. `orjson.loads` makes dicts and is the floor. Pages that do not match the generated code:

- one, all new: one case of the page, or each of them, has an attribute without a field, and a new one on each page;
- one null: the labels of one case have null in place of an array, on each page;
- learned: each case has the same attribute without a field as on the pages before;
- plain objects: the page was parsed before, by `msgspec.json.decode`.
"""

from __future__ import annotations

import gc
import importlib.util
import itertools
import json
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import cattrs
import msgspec
import orjson

from benchmarks.clients import PlainCase
from benchmarks.measures import Figure
from benchmarks.pages import case_page
from casemgmt_async.codec import decode, make_converter
from casemgmt_async.models import Case, Page

MEASURE = "page of 100 cases, bytes to objects"
BUDGET = 0.03
"""Seconds of CPU time for each decoder in a round."""


def plain_cattrs() -> Callable[[bytes], Any]:
    """Make an unmodified cattrs converter, for nested attrs classes."""
    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    return lambda body: converter.structure(orjson.loads(body)["data"], list[PlainCase])


def official() -> Callable[[bytes], Any]:
    """Make the deserialiser of Datadog's own client."""
    from datadog_api_client import ApiClient, Configuration  # noqa: PLC0415 - a peer that may not be installed
    from datadog_api_client.v2.model.cases_response import CasesResponse  # noqa: PLC0415

    client = ApiClient(Configuration())
    return lambda body: client.deserialize(body.decode(), (CasesResponse,), check_type=True)


def pages(*bodies: Any) -> Callable[[], Any]:
    """Make a function that decodes one page after the other, with a converter of its own."""
    converter, turn = make_converter(), itertools.cycle(bodies)
    return lambda: decode(next(turn), Page[Case], converter=converter)


def contestants() -> dict[str, Callable[[], Callable[[], Any]]]:
    """Return what makes the decoders that are compared, by name."""
    page = case_page()
    names = [f"novelty_{number}" for number in range(400)]  # enough that none is met often
    found: dict[str, Callable[[], Callable[[], Any]]] = {
        "orjson.loads": lambda: lambda: orjson.loads(page),
        "msgspec.json.decode": lambda: lambda: msgspec.json.decode(page),
        "json.loads": lambda: lambda: json.loads(page),
        "casemgmt_async": lambda: pages(page),
        "casemgmt_async (one new)": lambda: pages(*(case_page(odd=1, name=name) for name in names)),
        "casemgmt_async (all new)": lambda: pages(*(case_page(odd=100, name=name) for name in names)),
        "casemgmt_async (one null)": lambda: pages(case_page(odd=1, name="attributes", value={"team": None})),
        "casemgmt_async (learned)": lambda: pages(case_page(odd=100)),
        "casemgmt_async (plain objects)": lambda: pages(msgspec.json.decode(page)),
        "cattrs": lambda: partial(plain_cattrs(), page),
    }
    if importlib.util.find_spec("datadog_api_client"):
        found["official"] = lambda: partial(official(), page)
    return found


def figures(rounds: int = 15) -> list[Figure]:
    """Time the decoders in turns; returns milliseconds per page."""
    turns = {name: make() for name, make in contestants().items()}
    repeats: dict[str, int] = {}
    for name, work in turns.items():
        for _ in range(4):
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
    return [Figure.of_rounds(MEASURE, name, times, "ms") for name, times in spent.items()]


def main() -> None:
    """Print the medians and their ratios to the floor."""
    rows = figures()
    floor = next(row.value for row in rows if row.client == "orjson.loads")
    print(f"{MEASURE} ({len(case_page()):,} bytes)")
    for row in sorted(rows, key=lambda row: row.value):
        print(f"{row.client:28} {row.value:8.3f} ms  {row.value / floor:6.2f} x orjson.loads")


if __name__ == "__main__":
    main()
