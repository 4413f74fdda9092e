"""The log of requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, define, field

from casemgmt_async.emulator.state.ledger import RequestOutcome
from casemgmt_async.routes import Replay, Route

__all__ = ["LogEntry", "RequestLog", "redacted"]

SECRET_HEADERS: Final = frozenset(
    {"dd-api-key", "dd-application-key", "authorization", "proxy-authorization", "cookie"}
)
MARKS: Final = ("title", "comment", "name", "message")
"""The attributes of a body that identify a create, the most specific first."""


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name, with keys and tokens replaced by `***`.

    `Host` is left out: it contains the port, which differs from run to run.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    lowered.pop("host", None)
    return {name: "***" if name in SECRET_HEADERS else value for name, value in lowered.items()}


@define
class LogEntry:
    """One request and its answer."""

    seq: int
    """The number of the request, from 1. Effects carry the same number."""
    route: str | None
    """The name of the operation; None if the API has no such method and path."""
    method: str
    """The HTTP method."""
    path: str
    """The path as it was sent, percent-encoded, without the query."""
    query: dict[str, str]
    """The query parameters, decoded."""
    headers: dict[str, str]
    """The headers by lower-case name, without `host`; keys and tokens are redacted."""
    started: float
    """When its head had been read, by the emulator's clock."""
    in_flight: int
    """The number of requests in progress at that time, including this one."""
    body: Any = None
    """The parsed JSON; None without a body, `"BAD_JSON"` if it is not valid JSON."""
    finished: float | None = None
    """When the answer had been sent or the connection had ended; None until then."""
    status: int | None = None
    """The status that was sent; None if none was."""
    fault: str | None = None
    """The line of the fault script that hit it."""

    def as_dict(self) -> dict[str, Any]:
        """The entry as plain data."""
        return asdict(self)


@define
class RequestLog:
    """Records all requests, and the outcome of those that could change something."""

    clock: Callable[[], float]
    """The emulator's clock."""
    size: int | None = None
    """How many entries to keep, the newest; 0 for none, None for all."""
    log: list[LogEntry] = field(init=False, factory=list)
    outcomes: dict[int, RequestOutcome] = field(init=False, factory=dict)
    """By the number of the request."""
    seq: int = field(init=False, default=0)
    """The number of the latest request."""
    in_flight: int = field(init=False, default=0)

    def start(
        self, route: Route | None, method: str, path: str, query: dict[str, str], headers: Mapping[str, str]
    ) -> LogEntry:
        """Record a request whose head has been read."""
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

    def read_body(self, route: Route, entry: LogEntry, body: Any) -> RequestOutcome | None:
        """Record the body of a request; returns the outcome to fill in if it could change something."""
        entry.body = body if body is None or isinstance(body, dict | list | str | int | float) else "BAD_JSON"
        if route.replay is Replay.READ:
            return None
        outcome = RequestOutcome(entry.seq, route.name, route.replay is Replay.CREATE, mark_of(entry.path, body))
        self.outcomes[entry.seq] = outcome
        return outcome

    def finish(self, entry: LogEntry, outcome: RequestOutcome | None, status: int | None, *, complete: bool) -> None:
        """Record the answer to a request."""
        self.in_flight -= 1
        entry.status = status
        entry.finished = self.clock()
        if outcome is not None:
            outcome.status, outcome.complete = status, complete

    def entries(self) -> Sequence[LogEntry]:
        """The entries that `size` says to keep."""
        return self.log if self.size is None else self.log[-self.size or len(self.log) :]

    def clear(self) -> None:
        """Forget all requests, and count from 1 again."""
        self.log.clear()
        self.outcomes.clear()
        self.seq = 0


def mark_of(path: str, body: Any) -> str:
    """The text that identifies a request: an attribute of its body, or its path."""
    match body:
        case {"data": {"attributes": {**attributes}}}:
            return next((text for name in MARKS if isinstance(text := attributes.get(name), str)), path)
    return path
