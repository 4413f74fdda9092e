"""An emulator in a thread of its own: for code without an event loop, or with another one."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request

import pytest

from casemgmt_async.emulator import Emulator

KEYS = {"DD-API-KEY": "k", "DD-APPLICATION-KEY": "k"}


def get(emulator: Emulator, path: str = "/api/v2/cases") -> int:
    request = urllib.request.Request(f"{emulator.base_url}{path}", headers=KEYS)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def test_it_serves_sync_code_and_ends_with_the_block():
    before = threading.active_count()
    with Emulator(cases=2) as emulator:
        assert get(emulator) == 200
        assert [entry.status for entry in emulator.log] == [200]
        assert (emulator.requests, emulator.ledger.created()) == (1, {})
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.base_url


def test_the_log_is_complete_as_soon_as_an_answer_is_there():
    with Emulator() as emulator:
        for number in range(1, 50):
            get(emulator)
            assert emulator.log[-1].status == 200
            assert emulator.requests == number


def test_connections_are_refused_while_it_is_down():
    with Emulator() as emulator:
        with emulator.down(), pytest.raises(urllib.error.URLError):
            get(emulator)
        assert get(emulator) == 200


async def test_it_can_be_down_for_code_in_another_loop():
    with Emulator() as emulator:
        async with emulator.down():
            with pytest.raises(urllib.error.URLError):
                await asyncio.to_thread(get, emulator)
        assert await asyncio.to_thread(get, emulator) == 200


async def test_an_emulator_in_the_loop_says_that_its_outage_is_async():
    async with Emulator() as emulator:
        with pytest.raises(RuntimeError, match="async with"), emulator.down():
            pass


def test_a_port_that_is_taken_leaves_no_thread_behind():
    with Emulator() as emulator:
        before = threading.active_count()
        with pytest.raises(OSError, match="in use"), Emulator(port=emulator.listener.port):
            pass
        assert threading.active_count() == before


def test_data_can_be_changed_while_it_answers():
    with Emulator() as emulator:
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                get(emulator)

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(20):
            emulator.restore(emulator.snapshot())
            emulator.seed_cases(10)
        stop.set()
        reader.join()
        assert len(emulator.store.cases) == 200
        assert {entry.status for entry in emulator.log} == {200}
