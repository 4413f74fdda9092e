"""What was asked, and what came of it: the log of all requests, and the ledger of what they changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, define, field

from casemgmt_async.emulator.exchange import Effect
from casemgmt_async.routes import Replay, Route

__all__ = ["Fate", "Ledger", "LogEntry", "Witness", "redacted"]

SECRET: Final = frozenset({"dd-api-key", "dd-application-key", "authorization", "proxy-authorization", "cookie"})
MARKS: Final = ("title", "comment", "name", "message")
"""The attributes of a body that tell one create from another."""


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with lower-case names, keys and tokens blotted out.

    `Host` is left out: it holds the port, which is another one in every run.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    lowered.pop("host", None)
    return {name: "***" if name in SECRET else value for name, value in lowered.items()}


@define
class LogEntry:
    """One request, and what it was answered."""

    seq: int
    """Its number, from 1; effects carry it."""
    route: str | None
    """The name of the operation; None for a path or a method that the API has not."""
    method: str
    """The HTTP method."""
    path: str
    """The path as it was sent, percent-encoded, without the query."""
    query: dict[str, str]
    """The query parameters, decoded."""
    headers: dict[str, str]
    """The headers by lower-case name, without keys and without `host`."""
    started: float
    """When its head had been read, by the emulator's clock."""
    in_flight: int
    """How many requests were being answered then, this one included."""
    body: Any = None
    """The parsed JSON, None where there was no body, `"BAD_JSON"` where it could not be parsed."""
    finished: float | None = None
    """When the answer had been sent or the connection was gone; None until then."""
    status: int | None = None
    """The status that was sent; None where none was."""
    fault: str | None = None
    """The line of the script that it met."""

    def as_dict(self) -> dict[str, Any]:
        """The entry as plain data."""
        return asdict(self)


@define
class Fate:
    """What became of one request that could change something."""

    seq: int
    """The number of the request."""
    route: str
    """The name of the operation."""
    creates: bool
    """Whether a second one makes a second thing."""
    mark: str
    """The title, comment or name in its body, or else its path: what tells one create from another."""
    applied: bool = False
    """Whether the world took it and answered with success."""
    status: int | None = None
    """The status that was sent, None where none was."""
    whole: bool = False
    """Whether the answer was sent whole and sound."""

    @property
    def acknowledged(self) -> bool:
        """Whether the client could know that it had been done."""
        return self.whole and self.status is not None and 200 <= self.status < 300


@define
class Witness:
    """Sees every request: keeps the log, and the fates of those that could change something."""

    clock: Callable[[], float]
    """The emulator's clock."""
    size: int | None = None
    """How many entries the log keeps, the newest; 0 for none, None for all."""
    log: list[LogEntry] = field(init=False, factory=list)
    fates: dict[int, Fate] = field(init=False, factory=dict)
    seq: int = field(init=False, default=0)
    in_flight: int = field(init=False, default=0)

    def arrived(
        self, route: Route | None, method: str, path: str, query: dict[str, str], headers: Mapping[str, str]
    ) -> LogEntry:
        """Note a request whose head has been read."""
        self.seq += 1
        self.in_flight += 1
        name = None if route is None else route.name
        shown = {} if self.size == 0 else redacted(headers)
        entry = LogEntry(self.seq, name, method, path, query, shown, self.clock(), self.in_flight)
        if self.size != 0:
            self.log.append(entry)
            if self.size is not None and len(self.log) > 2 * self.size:
                del self.log[: -self.size]
        return entry

    def took(self, route: Route, entry: LogEntry, body: Any) -> Fate | None:
        """Note the body of a request; what it may change gets a fate."""
        entry.body = body if body is None or isinstance(body, dict | list | str | int | float) else "BAD_JSON"
        if route.replay is Replay.READ:
            return None
        fate = Fate(entry.seq, route.name, route.replay is Replay.CREATE, mark(entry.path, body))
        self.fates[entry.seq] = fate
        return fate

    def left(self, entry: LogEntry, fate: Fate | None, status: int | None, *, whole: bool) -> None:
        """Note how a request was answered."""
        self.in_flight -= 1
        entry.status = status
        entry.finished = self.clock()
        if fate is not None:
            fate.status, fate.whole = status, whole

    def entries(self) -> Sequence[LogEntry]:
        """The newest entries, as many as are to be kept."""
        return self.log if self.size is None else self.log[-self.size or len(self.log) :]

    def clear(self) -> None:
        """Forget all, and count from 1 again."""
        self.log.clear()
        self.fates.clear()
        self.seq = 0


def mark(path: str, body: Any) -> str:
    """What tells one request from another: a text in its body, or its path."""
    match body:
        case {"data": {"attributes": {**attributes}}}:
            return next((text for name in MARKS if isinstance(text := attributes.get(name), str)), path)
    return path


@define
class Ledger:
    """Says at the end what all requests came to."""

    fates: Collection[Fate]
    """Of every request that could change something, in order."""
    effects: Sequence[Effect]
    """Of everything that really changed, in order; number -1 for what no request did."""

    def created(self, route: str | None = None) -> Counter[str]:
        """How often each create happened, by title, comment or name; of one operation or of all."""
        happened = (fate for fate in self.fates if fate.creates and fate.applied)
        return Counter(fate.mark for fate in happened if route in (None, fate.route))

    def times(self, marker: str, route: str | None = None) -> int:
        """How often the create with this title, comment or name happened."""
        return self.created(route)[marker]

    def doubled(self, route: str | None = None) -> dict[str, int]:
        """The creates that happened more than once, and how often."""
        return {marker: times for marker, times in self.created(route).items() if times > 1}

    def missing(self, markers: Iterable[str], route: str | None = None) -> list[str]:
        """Those of these creates that never happened."""
        created = self.created(route)
        return [marker for marker in markers if not created[marker]]

    def updates(self, entity: str | None = None) -> list[Effect]:
        """The updates that requests made to one thing, or to all, in order."""
        return [
            effect
            for effect in self.effects
            if effect.kind == "update" and effect.seq > 0 and entity in (None, effect.entity)
        ]

    def lost(self) -> list[Fate]:
        """Requests answered with success that changed nothing, because the world never saw them."""
        return [fate for fate in self.fates if fate.status is not None and fate.status < 300 and not fate.applied]

    def unacknowledged(self) -> list[Fate]:
        """Requests that took effect, and whose client was never told so by a whole answer."""
        return [fate for fate in self.fates if fate.applied and not fate.acknowledged]

    def summary(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "created": dict(self.created()),
            "doubled": self.doubled(),
            "updates": len(self.updates()),
            "lost": [asdict(fate) for fate in self.lost()],
            "unacknowledged": [asdict(fate) for fate in self.unacknowledged()],
        }
