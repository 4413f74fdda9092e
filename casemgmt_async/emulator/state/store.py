"""Everything that the emulated service stores."""

from __future__ import annotations

import pickle
from collections.abc import Callable

from casemgmt_async.emulator.state.cases import CaseStore
from casemgmt_async.emulator.state.organization import Organization
from casemgmt_async.emulator.switches import Switches

__all__ = ["Store"]


class Store(Organization):
    """One emulated organisation, with its cases.

    Handlers and actors read and change it. The same seed, clock and calls give the same ids, timestamps and data.
    """

    def __init__(self, seed: int, clock: Callable[[], float], switches: Switches) -> None:
        super().__init__(seed, clock, switches)
        self.cases = CaseStore(self)

    def snapshot(self) -> bytes:
        """Serialise all data; the result can be restored any number of times."""
        return pickle.dumps((self.tables, self.cases.index.pending))

    def restore(self, snapshot: bytes) -> None:
        """Replace all data, effects included, by a snapshot."""
        self.tables, pending = pickle.loads(snapshot)  # noqa: S301 - our own bytes
        self.user_searches.clear()
        self.cases.forget(pending)
