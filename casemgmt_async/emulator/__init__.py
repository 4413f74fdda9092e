"""A stateful fake of the Case Management API over real HTTP, for tests, rehearsals and benchmarks.

It knows the table of routes and nothing else of this library, so that it stays an independent witness.
"""

from casemgmt_async.emulator.actors import ACTIONS, Actor, read_actors
from casemgmt_async.emulator.clock import Clock
from casemgmt_async.emulator.exchange import Effect
from casemgmt_async.emulator.faults import KINDS, Fault, read_faults
from casemgmt_async.emulator.limits import Limit, read_limits
from casemgmt_async.emulator.notation import NotationError
from casemgmt_async.emulator.server import Emulator, Key, serve
from casemgmt_async.emulator.switches import Switches
from casemgmt_async.emulator.witness import Fate, Ledger, LogEntry

__all__ = [
    "ACTIONS",
    "KINDS",
    "Actor",
    "Clock",
    "Effect",
    "Emulator",
    "Fate",
    "Fault",
    "Key",
    "Ledger",
    "Limit",
    "LogEntry",
    "NotationError",
    "Switches",
    "read_actors",
    "read_faults",
    "read_limits",
    "serve",
]
