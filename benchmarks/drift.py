"""`python -m benchmarks.drift`: what walks over numbered pages miss while cases change under them.

Each walk reads 1,000 open cases of one project, oldest first, out of a simulation, in process. After every
page other users change cases that the search finds. The figure is the number of cases that were open from the first
page to the last and were not yielded. `docs/walks.md` keeps the table.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import starmap

import msgspec
from attrs import define, field, frozen

from casemgmt_async import routes
from casemgmt_async.emulator import Simulation
from casemgmt_async.emulator.behavior.actors import ActorScript, read_actors
from casemgmt_async.emulator.messages import ApiRequest
from casemgmt_async.emulator.switches import Switches
from casemgmt_async.errors import ErrorDetail, status_error
from casemgmt_async.models import Page
from casemgmt_async.pagination import Pages, Sweep

CASES, SIZE = 1000, 100
FILTER = "status:open"


@frozen
class Change:
    """What happens between two pages."""

    name: str
    actors: str = ""
    ties: int = 1
    switches: Switches = field(factory=Switches)


CHANGES = (
    Change("inserts at the tail", "search_cases: insert=3"),
    Change("removals and tail inserts", "search_cases: close=3\nsearch_cases: insert=3"),
    Change("inserts in the middle", "search_cases: insert-older=3"),
    Change("removals and middle inserts", "search_cases: close=3\nsearch_cases: insert-older=3"),
    Change("ties of seven in unstable order", ties=7, switches=Switches(shuffle_ties=True)),
)


class Case(msgspec.Struct):
    """The attributes of a case that a walk needs."""

    id: str
    attributes: dict[str, msgspec.Raw]
    key: str = ""

    def __post_init__(self) -> None:
        self.key = msgspec.json.decode(self.attributes["key"])


class PageMeta(msgspec.Struct):
    """How many pages there are."""

    total: int


class Meta(msgspec.Struct):
    """The totals of a page."""

    page: PageMeta
    total_cases: int


class Document(msgspec.Struct):
    """A page of cases."""

    data: list[Case]
    meta: Meta


class One(msgspec.Struct):
    """A case on its own."""

    data: Case


READ_PAGE, READ_ONE = msgspec.json.Decoder(Document).decode, msgspec.json.Decoder(One).decode


@define(eq=False)
class Shelf:
    """A simulation with cases, read without HTTP while its actors act."""

    simulation: Simulation
    actors: ActorScript

    @classmethod
    def fill(cls, change: Change, seed: int) -> Shelf:
        simulation = Simulation(seed=seed, clock=lambda: 1.8e9, switches=change.switches)
        simulation.seed_cases(CASES, project="SEC", ties=change.ties, status="OPEN")
        return cls(simulation, ActorScript(read_actors(change.actors), seed))

    async def fetch(self, number: int, size: int = SIZE, ascending: bool = True) -> Page[Case]:
        """Read one page, then let the actors act."""
        query = {
            "filter": FILTER,
            "page[number]": str(number),
            "page[size]": str(size),
            "sort[field]": "created_at",
            "sort[asc]": "true" if ascending else "false",
        }
        document = READ_PAGE(self._answer(ApiRequest(routes.SEARCH_CASES, query=query)))
        meta = document.meta
        return Page(document.data, number, len(document.data), meta.page.total, meta.total_cases)

    async def get(self, key: str) -> Case:
        """One case by its key."""
        return READ_ONE(self._answer(ApiRequest(routes.GET_CASE, {"case_id": key}))).data

    def _answer(self, request: ApiRequest) -> bytes:
        reply = self.simulation.answer(request)
        if reply.status != 200:
            raise status_error(reply.status, [ErrorDetail(str(reply.body))], request.route.name)
        self.actors.act(self.simulation.store, request)
        return reply.body

    def open(self) -> set[str]:
        """The ids of the cases that are open now."""
        return {case.id for case in self.simulation.store.cases.found(FILTER)}

    def is_open(self, case: Case) -> bool:
        """The `matches` function of the sweep."""
        return self.simulation.store.cases.find(case.id).status == "OPEN"


Walker = Callable[[Shelf], Awaitable[set[str]]]


async def upward(shelf: Shelf) -> set[str]:
    """Pages 1 to N."""
    return set(await Pages(shelf.fetch, page_size=SIZE).collect_ids())


async def downward(shelf: Shelf) -> set[str]:
    """Pages N to 1."""
    last = (await shelf.fetch(1)).total_pages or 0
    return {case.id for number in range(last, 0, -1) for case in await shelf.fetch(number)}


async def both(shelf: Shelf) -> set[str]:
    """Pages 1 to N, then N to 1."""
    return await upward(shelf) | await downward(shelf)


async def sweep(shelf: Shelf) -> set[str]:
    """The sweep, by search alone."""
    return set(await Sweep(shelf.fetch, page_size=SIZE).collect_ids())


async def sweep_with_keys(shelf: Shelf) -> set[str]:
    """The sweep that also requests the gaps in the keys."""
    return set(await Sweep(shelf.fetch, page_size=SIZE, get=shelf.get, matches=shelf.is_open).collect_ids())


WALKERS: dict[str, Walker] = {
    "pages 1 to N": upward,
    "pages N to 1": downward,
    "both passes": both,
    "sweep": sweep,
    "sweep and keys": sweep_with_keys,
}


def missed(change: Change, walker: Walker, seed: int) -> int:
    """How many cases one walk misses of those that were open all the time."""
    shelf = Shelf.fill(change, seed)
    before = shelf.open()
    got = asyncio.run(walker(shelf))
    return len((before & shelf.open()) - got)


async def close_while_walking(shelf: Shelf) -> None:
    """The wrong loop: it changes the cases that it walks over."""
    async for case in Pages(shelf.fetch, page_size=SIZE):
        shelf.simulation.store.cases.close(case.id)


async def collect_then_close(shelf: Shelf) -> None:
    """The right loop: collect, then write."""
    for case_id in await Sweep(shelf.fetch, page_size=SIZE).collect_ids():
        shelf.simulation.store.cases.close(case_id)


def left_open(job: Callable[[Shelf], Awaitable[None]], seed: int) -> int:
    """Number of cases that a job leaves open which closes what it finds, without other users."""
    shelf = Shelf.fill(Change("nothing"), seed)
    asyncio.run(job(shelf))
    return len(shelf.open())


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * (widths[0]), *("-" * (width - 1) + ":" for width in widths[1:])]

    def line(first: str, *rest: str) -> str:
        return f"| {' | '.join([first.ljust(widths[0]), *starmap(str.rjust, zip(rest, widths[1:], strict=True))])} |"

    return "\n".join(line(*row) for row in (head, rule, *rows))


def main() -> None:
    """Walk and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--walks", type=int, default=300, help="walks a cell (300)")
    walks = parser.parse_args().walks
    seeds = [random.Random(seed).getrandbits(32) for seed in range(walks)]
    with ProcessPoolExecutor() as pool:
        rows = [
            [
                change.name,
                *(
                    f"{sum(pool.map(partial(missed, change, walker), seeds, chunksize=25)):,}"
                    for walker in WALKERS.values()
                ),
            ]
            for change in CHANGES
        ]
        jobs = [
            sum(pool.map(partial(left_open, job), seeds, chunksize=25))
            for job in (close_while_walking, collect_then_close)
        ]
    print(f"Cases missed by {walks} walks over {CASES:,} cases each\n")
    print(table(["what changes after each page", *WALKERS], rows))
    print(f"\nCases left open by {walks} jobs that close what `{FILTER}` returns, {CASES:,} cases each\n")
    print(
        table(
            ["job", "left open"], [["close while walking", f"{jobs[0]:,}"], ["collect ids, then close", f"{jobs[1]:,}"]]
        )
    )


if __name__ == "__main__":
    main()
