"""Large answers that arrive together are read in turns, in between which the event loop serves everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from virtual_loop import run_virtually

from casemgmt_async.transport.turns import BYTES_IN_A_TURN, Turns

PAGE = BYTES_IN_A_TURN - 1000
FIFTH = BYTES_IN_A_TURN // 5


def read(sizes: Sequence[int], cancel: Sequence[int] = ()) -> list[list[int]]:
    """Let answers arrive together; return which of them were read in each iteration of the event loop."""
    iterations: list[list[int]] = [[]]

    async def count() -> None:
        while True:
            await asyncio.sleep(0)
            iterations.append([])

    async def main() -> None:
        turns = Turns()

        async def take(number: int) -> None:
            await turns.take(sizes[number])
            iterations[-1].append(number)

        counting = asyncio.create_task(count())
        reading = [asyncio.create_task(take(number)) for number in range(len(sizes))]
        await asyncio.sleep(0)
        for number in cancel:
            reading[number].cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        counting.cancel()
        for _ in range(4):  # the last turn ends
            await asyncio.sleep(0)
        await take(0)  # at once
        iterations.pop()

    run_virtually(main())
    while not iterations[0]:
        del iterations[0]
    while not iterations[-1]:
        iterations.pop()
    return iterations


def test_pages_are_read_one_by_one_in_every_other_iteration() -> None:
    assert read([PAGE] * 4) == [[0], [], [1], [], [2], [], [3]]


def test_smaller_answers_share_a_turn() -> None:
    assert read([FIFTH] * 12) == [[0, 1, 2, 3, 4], [], [5, 6, 7, 8, 9], [], [10, 11]]


def test_an_answer_larger_than_a_turn_is_read_alone() -> None:
    assert read([FIFTH, 9 * BYTES_IN_A_TURN, FIFTH, FIFTH]) == [[0], [], [1], [], [2, 3]]


def test_none_overtakes_one_that_waits() -> None:
    assert read([FIFTH, PAGE, FIFTH]) == [[0], [], [1], [], [2]]


def test_a_cancelled_call_takes_no_turn() -> None:
    assert read([PAGE] * 5, cancel=[1, 2]) == [[0], [], [3], [], [4]]
