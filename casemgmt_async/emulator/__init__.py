"""A stateful emulator of the Case Management API over real HTTP, for tests, rehearsals and benchmarks.

It imports the table of routes and nothing else of this library. Sharing models or codec with the client would let one
mistake hide the other.
"""

from casemgmt_async.emulator.behavior.actors import ACTIONS, Actor, read_actors
from casemgmt_async.emulator.behavior.clock import EmulatorClock
from casemgmt_async.emulator.behavior.faults import FAULT_KINDS, Fault, read_faults
from casemgmt_async.emulator.behavior.rate_limits import Limit, read_limits
from casemgmt_async.emulator.behavior.script_parser import NotationError
from casemgmt_async.emulator.options import Key
from casemgmt_async.emulator.server import Emulator, serve
from casemgmt_async.emulator.simulation import Simulation
from casemgmt_async.emulator.state.ledger import Effect, Ledger, RequestOutcome
from casemgmt_async.emulator.state.request_log import LogEntry
from casemgmt_async.emulator.switches import Switches

__all__ = [
    "ACTIONS",
    "FAULT_KINDS",
    "Actor",
    "Effect",
    "Emulator",
    "EmulatorClock",
    "Fault",
    "Key",
    "Ledger",
    "Limit",
    "LogEntry",
    "NotationError",
    "RequestOutcome",
    "Simulation",
    "Switches",
    "read_actors",
    "read_faults",
    "read_limits",
    "serve",
]
