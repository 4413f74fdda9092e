"""Control routes, for other processes. They are not part of the API, need no keys, and do not appear in the log.

    GET  /_emulator/state                                counts, the time, the scripts in force
    GET  /_emulator/log?after=12                         the requests after number 12
    GET  /_emulator/ledger                               what the requests changed
    POST /_emulator/seed        {"cases": 100}           add cases; returns their ids
    POST /_emulator/reset                                start again
    POST /_emulator/snapshot                             copy the data; returns the number of the snapshot
    POST /_emulator/restore     {"snapshot": 0}          restore it
    POST /_emulator/clock       {"advance": 10}          advance the clock, in seconds
    POST /_emulator/faults      {"script": "*@5%: drop"} replace the faults; likewise limits and actors

Only clients on this machine may call them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from casemgmt_async.emulator.http.wire import ResponseWriter, encoded
from casemgmt_async.emulator.simulation import Simulation

__all__ = ["COMMANDS", "PREFIX", "answer"]

PREFIX: Final = "/_emulator/"

Command = Callable[[Simulation, dict[str, Any]], Any]


def needed(given: dict[str, Any], name: str) -> Any:
    """Return a member that a command needs."""
    if name not in given:
        raise ValueError(f"the body needs {name!r}, as in the list of control routes")
    return given[name]


def state(simulation: Simulation, _given: dict[str, Any]) -> Any:
    """Return counts, the time and the scripts in force."""
    return {
        "cases": len(simulation.store.cases),
        "requests": simulation.requests,
        "clock": simulation.clock(),
        "seed": simulation.seed,
        **{name: list(map(str, getattr(simulation, name))) for name in ("faults", "limits", "actors")},
    }


def log(simulation: Simulation, given: dict[str, Any]) -> Any:
    """Return the requests after a number."""
    after = int(given.get("after", 0))
    return {"log": [entry.as_dict() for entry in simulation.log if entry.seq > after]}


def ledger(simulation: Simulation, _given: dict[str, Any]) -> Any:
    """Return what the requests changed."""
    return simulation.ledger.summary()


def seed(simulation: Simulation, given: dict[str, Any]) -> Any:
    """Add cases."""
    number = int(needed(given, "cases"))
    return {"ids": simulation.seed_cases(number, **{name: given[name] for name in given if name != "cases"})}


def reset(simulation: Simulation, _given: dict[str, Any]) -> None:
    """Start again."""
    simulation.reset()


def snapshot(simulation: Simulation, _given: dict[str, Any]) -> Any:
    """Copy the data."""
    simulation.snapshots.append(simulation.snapshot())
    return {"snapshot": len(simulation.snapshots) - 1}


def restore(simulation: Simulation, given: dict[str, Any]) -> None:
    """Restore a snapshot."""
    number, count = int(needed(given, "snapshot")), len(simulation.snapshots)
    if not 0 <= number < count:
        raise ValueError(f"there is no snapshot {number}; {count} were made, and the first one is 0")
    simulation.restore(simulation.snapshots[number])


def clock(simulation: Simulation, given: dict[str, Any]) -> Any:
    """Advance the clock."""
    simulation.clock.advance(float(needed(given, "advance")))
    return {"clock": simulation.clock()}


def script(name: str) -> Command:
    """Make the command that replaces a script."""

    def replace(simulation: Simulation, given: dict[str, Any]) -> Any:
        getattr(simulation, f"set_{name}")(needed(given, "script"))
        return {name: list(map(str, getattr(simulation, name)))}

    return replace


COMMANDS: Final[dict[tuple[str, str], Command]] = {
    ("GET", "state"): state,
    ("GET", "log"): log,
    ("GET", "ledger"): ledger,
    ("POST", "seed"): seed,
    ("POST", "reset"): reset,
    ("POST", "snapshot"): snapshot,
    ("POST", "restore"): restore,
    ("POST", "clock"): clock,
    **{("POST", name): script(name) for name in ("faults", "limits", "actors")},
}
"""All commands, by method and the last part of the path."""


async def answer(simulation: Simulation, writer: ResponseWriter, path: str, query: str) -> None:
    """Run the command that a control route names, and send its result."""
    request = writer.request
    command = COMMANDS.get((request.method, path.removeprefix(PREFIX)))
    data = await request.read()
    result: Any
    if command is None or not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in COMMANDS)
        status, result = 404, {"error": f"no control route {request.method} {path} for this client; there are: {known}"}
    else:
        try:
            given = msgspec.json.decode(data, type=dict[str, Any]) if data else dict(parse_qsl(query))
            status, result = 200, command(simulation, given)
        except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
            status, result = 400, {"error": f"{type(error).__name__}: {error}"}
    writer.send(status, encoded(result if result is not None else {}), {}, "application/json")
