"""An event loop in a thread of its own, so that an emulator can serve code that has no loop, or another one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from casemgmt_async.emulator.http.listener import Listener

__all__ = ["LoopThread", "Outage"]

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a daemon thread until `stop`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="casemgmt-emulator", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for its result."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("this would wait for itself: it was called from the emulator's own thread")
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def run_from_a_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, and await its result in the caller's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def settle(self) -> None:
        """Wait until the loop has finished what it is doing at this moment."""
        if threading.current_thread() is not self._thread:
            self.run(asyncio.sleep(0))

    def stop(self) -> None:
        """End the loop and the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


class Outage:
    """Refuses connections inside the context. Use `async with`, or `with` for an emulator in a thread."""

    def __init__(self, listener: Listener, thread: LoopThread | None) -> None:
        self._listener = listener
        self._thread = thread

    async def _shut(self) -> None:
        self._listener.shut()

    async def __aenter__(self) -> None:
        await (self._shut() if self._thread is None else self._thread.run_from_a_loop(self._shut()))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reopen = self._listener.open()
        await (reopen if self._thread is None else self._thread.run_from_a_loop(reopen))

    def __enter__(self) -> None:
        if self._thread is None:
            raise RuntimeError("this emulator runs in the event loop: use `async with emulator.down()`")
        self._thread.run(self._shut())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.run(self._listener.open())
