"""The emulated service without HTTP: its data, its rules and its scripts."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from casemgmt_async.emulator.behavior.actors import Actor, ActorScript, read_actors
from casemgmt_async.emulator.behavior.clock import EmulatorClock
from casemgmt_async.emulator.behavior.faults import Fault, FaultScript, read_faults
from casemgmt_async.emulator.behavior.rate_limits import Limit, RateLimiter, limits_of, read_limits
from casemgmt_async.emulator.messages import ApiRequest, Refused, Reply
from casemgmt_async.emulator.resources import HANDLERS
from casemgmt_async.emulator.state import seeding
from casemgmt_async.emulator.state.ledger import Ledger
from casemgmt_async.emulator.state.request_log import LogEntry, RequestLog
from casemgmt_async.emulator.state.store import Store
from casemgmt_async.emulator.switches import Switches
from casemgmt_async.facts import Facts

__all__ = ["Simulation"]

SAVED: Final = b"casemgmt-emulator 1\n"
"""The start of a file that `save` writes. The number changes with the layout of the data."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(time: datetime) -> int:
    """A time as nanoseconds since 1970. A time without a zone is UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1) * 1000


class Simulation:
    """The emulated service without HTTP. `Emulator` adds the HTTP server and describes the arguments."""

    def __init__(
        self,
        *,
        cases: int = 0,
        seed: int = 0,
        clock: EmulatorClock | float | Callable[[], float] | None = None,
        switches: Switches | None = None,
        faults: str | Fault | Iterable[str | Fault] | None = None,
        limits: str | Limit | Iterable[str | Limit] | None = None,
        actors: str | Actor | Iterable[str | Actor] | None = None,
        log_size: int | None = None,
        facts: Facts | None = None,
    ) -> None:
        if facts is not None:
            if switches is not None or limits is not None:
                raise ValueError("facts decide switches and limits: pass either facts, or switches and limits")
            switches, limits = Switches.from_facts(facts), limits_of(facts)
        self.clock = clock if isinstance(clock, EmulatorClock) else EmulatorClock(clock)
        self.seed = seed
        self.lock = threading.RLock()
        """Held while a request is answered, because tests may change an emulator in a thread at the same time."""
        self.store = Store(seed, self.clock, switches or Switches())
        """The data. Tests may read and change it directly."""
        self.snapshots: list[Any] = []
        """The snapshots that the control routes have taken."""
        self._cases = cases
        self._log = RequestLog(self.clock, log_size)
        self.set_faults(faults)
        self.set_limits(limits)
        self.set_actors(actors)
        seeding.establish(self.store)
        self.seed_cases(cases)

    @property
    def switches(self) -> Switches:
        """Behaviour that is not known for certain. Can be set at any time."""
        return self.store.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self.store.switches = switches
        self.store.cases.forget()

    @property
    def log(self) -> Sequence[LogEntry]:
        """The requests in order of arrival: all of them, or the newest `log_size`."""
        return self._log.entries()

    @property
    def requests(self) -> int:
        """The number of requests that have arrived."""
        return self._log.seq

    @property
    def ledger(self) -> Ledger:
        """A summary of what the requests so far have changed."""
        return Ledger(list(self._log.outcomes.values()), list(self.store.effects))

    def answer(self, request: ApiRequest) -> Reply:
        """Answer a request. When this returns, the request has taken effect."""
        with self.lock:
            self.store.request = request
            try:
                self.store.cases.settle_tickets()
                return HANDLERS[request.route.name](self.store, request)
            except Refused as refused:
                return self.refusal(refused)
            finally:
                self.store.request = None

    def refusal(self, refused: Refused) -> Reply:
        """Make the reply of a refusal, in the shape that `Switches.error_shape` selects."""
        errors: list[Any] = refused.errors
        if self.switches.error_shape == "documented":
            errors = [error.get("detail") or error.get("title", "") for error in errors]
        return Reply(refused.status, {"errors": errors})

    def seed_cases(
        self,
        count: int,
        *,
        project: str | None = None,
        ties: int = 1,
        open: bool | None = None,
        stale_days: float | None = None,
        comments: int | Sequence[str] | None = None,
        assignee: str | None = "",
        created_by: str | None = None,
        **fields: Any,
    ) -> list[str]:
        """Add realistic cases; returns their ids in order of creation. The ledger does not contain them.

        Args:
            count: the number of cases.
            project: the id or key of the project of all of them; None to spread them over all projects.
            ties: the number of consecutive cases that share one `created_at`.
            open: True for cases that are not closed, False for closed cases, None for both.
            stale_days: all cases were created, and last changed, at least this many days ago.
            comments: the number of comments of each case, or their texts; None for one comment on every twelfth case.
            assignee: the id, handle, e-mail address or name of the assignee of all cases, `me` for the calling user,
                or None for no assignee. Without it, half of the cases have one.
            created_by: the author of all cases, in the same notation.
            fields: fixes other fields of every case, such as `status="OPEN"` or `title="Disk full"`. Times are
                datetimes, or nanoseconds since 1970.

        Raises:
            TypeError: for a field that a case does not have.
            LookupError: for an unknown user.
        """
        fixed = {name: nanoseconds(value) if isinstance(value, datetime) else value for name, value in fields.items()}
        wanted = seeding.SeedRequest(
            project=project,
            ties=ties,
            open=open,
            stale_days=stale_days,
            comments=comments,
            assignee=assignee,
            created_by=created_by,
            fields=fixed,
        )
        with self.lock:
            return seeding.add_cases(self.store, count, wanted)

    def seed_users(self, count: int) -> list[str]:
        """Add active users to the organisation; returns their ids."""
        return seeding.add_users(self.store, count)

    def add_custom_attribute(
        self,
        key: str,
        type: str = "TEXT",
        *,
        is_multi: bool = False,
        display_name: str | None = None,
        case_type_id: str | None = None,
    ) -> list[str]:
        """Configure a custom attribute of a case type, or of all case types; returns the ids, one a type.

        The service refuses values under keys that the type of a case does not have. `type` is TEXT, NUMBER, URL or
        SELECT.
        """
        kinds = [self.store.case_type(case_type_id)] if case_type_id else list(self.store.tables.case_types.values())
        details = {"key": key, "display_name": display_name or key, "type": type, "is_multi": is_multi}
        return [seeding.add_custom_attribute(self.store, kind.id, **details).id for kind in kinds]

    def add_status(self, name: str, group: str, *, case_type_id: str | None = None) -> None:
        """Let a case type, or all case types, allow another status name.

        The service refuses status names that the type of a case does not allow. `group` is `open`, `in_progress` or
        `closed`.
        """
        kinds = [self.store.case_type(case_type_id)] if case_type_id else list(self.store.tables.case_types.values())
        for kind in kinds:
            kind.statuses[group] = tuple(dict.fromkeys((*kind.statuses[group], name)))

    def snapshot(self) -> Any:
        """Copy the data and the ledger, for `restore`."""
        with self.lock:
            return self.store.snapshot(), dict(self._log.outcomes)

    def restore(self, snapshot: Any) -> None:
        """Restore data and ledger from a snapshot. Log, clock, faults, limits and actors stay as they are."""
        data, outcomes = snapshot
        self.store.restore(data)
        self._log.outcomes = dict(outcomes)

    def save(self, path: str | Path) -> None:
        """Write all data to a file, for `load`. Log, scripts and settings are not part of it."""
        Path(path).write_bytes(SAVED + self.store.snapshot())

    def load(self, path: str | Path) -> None:
        """Replace all data by a file that `save` has written. Raises `ValueError` for any other file.

        The file is a pickle: load only files that you trust.
        """
        content = Path(path).read_bytes()
        if not content.startswith(SAVED):
            raise ValueError(f"{path} was not written by `save` of this version of the emulator")
        try:
            self.store.restore(content.removeprefix(SAVED))
        except (pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error

    def reset(self) -> None:
        """Start again: the initial cases, an empty log, and all scripts from their first call."""
        self.store = Store(self.seed, self.clock, self.switches)
        seeding.establish(self.store)
        self.seed_cases(self._cases)
        self._log.clear()
        self.set_faults(self.faults)
        self.set_limits(self.limits)
        self.set_actors(self.actors)

    def set_faults(self, faults: str | Fault | Iterable[str | Fault] | None) -> None:
        """Replace the faults; their call counters start at zero."""
        self.faults = read_faults(faults)
        self._faults = FaultScript(self.faults, self.seed)

    def set_limits(self, limits: str | Limit | Iterable[str | Limit] | None) -> None:
        """Replace the rate limits; their windows start unused."""
        self.limits = read_limits(limits)
        self._limiter = RateLimiter(self.limits, self.clock)

    def set_actors(self, actors: str | Actor | Iterable[str | Actor] | None) -> None:
        """Replace the actors; their call counters start at zero."""
        self.actors = read_actors(actors)
        self._actors = ActorScript(self.actors, self.seed)
