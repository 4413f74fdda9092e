"""Control from another process: routes of the emulator's own, which are no part of the API and in no log.

    GET  /_emulator/state                                counts, the time, the scripts in force
    GET  /_emulator/log?after=12                         the requests behind number 12
    GET  /_emulator/ledger                               what all requests came to
    POST /_emulator/seed        {"cases": 100}           add cases; gives their ids
    POST /_emulator/reset                                begin again
    POST /_emulator/snapshot                             keep the world; gives the snapshot's number
    POST /_emulator/restore     {"snapshot": 0}          go back to it
    POST /_emulator/clock       {"advance": 10}          move the time on, in seconds
    POST /_emulator/faults      {"script": "*@5%: drop"} put other faults in force; likewise limits and actors

Only this machine may call them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from casemgmt_async.emulator.wire import Wire, encoded

if TYPE_CHECKING:
    from casemgmt_async.emulator.server import Emulator

__all__ = ["COMMANDS", "PREFIX", "answer"]

PREFIX: Final = "/_emulator/"

Command = Callable[["Emulator", dict[str, Any]], Any]


def state(emulator: Emulator, _given: dict[str, Any]) -> Any:
    """Tell counts, the time and the scripts in force."""
    return {
        "cases": len(emulator.world.cases),
        "requests": emulator.requests,
        "clock": emulator.clock(),
        "seed": emulator.seed,
        **{name: list(map(str, getattr(emulator, name))) for name in ("faults", "limits", "actors")},
    }


def log(emulator: Emulator, given: dict[str, Any]) -> Any:
    """Give the requests behind a number."""
    after = int(given.get("after", 0))
    return {"log": [entry.as_dict() for entry in emulator.log if entry.seq > after]}


def ledger(emulator: Emulator, _given: dict[str, Any]) -> Any:
    """Tell what all requests came to."""
    return emulator.ledger.summary()


def seed(emulator: Emulator, given: dict[str, Any]) -> Any:
    """Add cases."""
    return {"ids": emulator.seed_cases(int(given.pop("cases")), **given)}


def reset(emulator: Emulator, _given: dict[str, Any]) -> None:
    """Begin again."""
    emulator.reset()


def snapshot(emulator: Emulator, _given: dict[str, Any]) -> Any:
    """Keep the world."""
    emulator.snapshots.append(emulator.snapshot())
    return {"snapshot": len(emulator.snapshots) - 1}


def restore(emulator: Emulator, given: dict[str, Any]) -> None:
    """Go back to a snapshot."""
    emulator.restore(emulator.snapshots[int(given["snapshot"])])


def clock(emulator: Emulator, given: dict[str, Any]) -> Any:
    """Move the time on."""
    emulator.clock.advance(float(given["advance"]))
    return {"clock": emulator.clock()}


def script(name: str) -> Command:
    """A command that puts a script in force."""

    def put(emulator: Emulator, given: dict[str, Any]) -> Any:
        getattr(emulator, f"set_{name}")(given["script"])
        return {name: list(map(str, getattr(emulator, name)))}

    return put


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
"""What can be asked, by method and the last part of the path."""


async def answer(emulator: Emulator, wire: Wire, path: str, query: str) -> None:
    """Do what a control route asks."""
    command = COMMANDS.get((wire.request.method, path.removeprefix(PREFIX)))
    data = await wire.request.read()
    if command is None or not ipaddress.ip_address(wire.request.remote or "0.0.0.0").is_loopback:  # noqa: S104
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in COMMANDS)
        status, told = 404, {"error": f"no {wire.request.method} {path} for you; there are {known}"}
    else:
        try:
            given = msgspec.json.decode(data, type=dict[str, Any]) if data else dict(parse_qsl(query))
            status, told = 200, command(emulator, given)
        except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
            status, told = 400, {"error": f"{type(error).__name__}: {error}"}
    wire.send(status, encoded(told if told is not None else {}), {}, "application/json")
