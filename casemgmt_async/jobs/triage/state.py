"""The state file of a triage: whose it is, what it remembers, and how runs begin and end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from casemgmt_async import CaseSession
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import ForeignJournalError
from casemgmt_async.jobs.journal import Journal, JournalAddress, Run, RunState, State, Statement
from casemgmt_async.jobs.journal import runs as queries
from casemgmt_async.jobs.organizations import bind_organization
from casemgmt_async.jobs.sending import Sender
from casemgmt_async.jobs.statuses import status_code
from casemgmt_async.jobs.triage.known_cases import KeySearches

__all__ = ["KEEP_RUNS", "TriageState", "open_state", "parts_of"]

KEEP_RUNS = 1_000
"""Runs that a state file keeps."""
PRUNE_EVERY = 50
DEFAULT_NAME = "triage"
OPEN: Final = frozenset({State.PLANNED, State.SENDING})
"""The states of operations that are not finished."""
USERS: Final = "users"
"""The fact in which a state keeps the ids of the users that the triage has run as."""
PART: Final = "part "
"""Prefix of the facts that the shards of a run keep."""


def open_state(session: CaseSession, path: JournalAddress, control: JobControl, *, part: int | None = None) -> Journal:
    """Return the state of a triage for `async with`, or one shard of it, beside which others can be open."""
    return Journal(path, kind="triage", base_url=session.base_url, part=part, on_step=control.step, clock=control.clock)


@define(eq=False)
class TriageState:
    """An open state file and the run that is worked on."""

    session: CaseSession
    journal: Journal
    control: JobControl
    run: Run | None = None
    searches: KeySearches = field(init=False)
    """How cases are found by their keys."""
    sender: Sender | None = field(init=False, default=None)
    """The sender of the changes; None before the first one."""
    counted: Counter[str] = field(init=False, factory=Counter)
    """The requests and operations that were added to a run."""
    me: str | None = field(init=False, default=None)
    """The id of the user that the session acts as; None if it is not known."""
    is_repeated: bool = field(init=False, default=False)
    """Whether the run before the one that was begun was by the same rules, and has ended."""
    started: float = field(init=False)
    """When this work on the state began, in Unix seconds."""

    def __attrs_post_init__(self) -> None:
        self.searches = KeySearches(self.session, self.control)
        self.started = self.control.clock()

    @property
    def earlier_users(self) -> frozenset[str]:
        """The ids of the other users that this triage has run as."""
        return frozenset(self.journal.meta.get(USERS, ())) - {self.me}

    async def claim(self, name: str | None) -> None:
        """Check that the state belongs to this triage and this organisation; a new state is bound to them.

        Raises `ForeignJournalError` before anything is sent that changes something.
        """
        meta, path = self.journal.meta, self.journal.path
        known = meta.get("name")
        if name is not None and known is not None and known != name:
            raise ForeignJournalError(
                f'state {path}: it belongs to the triage "{known}", not to "{name}"; if these are its rules under '
                f'another file name, add name = "{known}" to them, since another state remembers nothing; '
                "otherwise give another state"
            )
        self.me = await bind_organization(self.session, self.control, self.journal, "state")
        new: dict[str, Any] = {"name": name} if known is None and name is not None else {}
        users = meta.get(USERS, [])
        if self.me is not None and self.me not in users:
            new[USERS] = [*users, self.me]
        if new:
            await self.journal.put(**new)

    async def select(self) -> Run | None:
        """Select the last run."""
        self.run = await queries.select_run(self.journal)
        return self.run

    async def begin(self, digest: str | None, begun: float, last: Run | None) -> Run:
        """Begin a run whose first case was read after `begun`.

        If the last run is a plan that was never applied, the new run replaces it once it is planned itself.
        """
        if last is not None:
            self.is_repeated = last.state is RunState.ENDED and last.digest == digest is not None
        self.run = await queries.begin_run(self.journal, digest, begun)
        if last is not None and last.state is RunState.PLANNED:
            self.run.facts["replaces"] = last.number
        return self.run

    async def finish(self) -> None:
        """Store which actions of the run are not done; end it if nothing is open. Deletes old runs now and then."""
        assert self.run is not None
        if remembered := self.run.facts.get("remembered"):
            await queries.keep_unfinished(self.journal, remembered)
        self.run.states = await self.journal.counts()
        if not OPEN.isdisjoint(self.run.states):
            return
        await queries.update_run(self.journal, self.run, RunState.ENDED)
        if self.run.number % PRUNE_EVERY == 0:
            await queries.prune_runs(self.journal, KEEP_RUNS)

    async def keep_part(self, number: int, *, done: bool) -> None:
        """Store what this process has done of a shard of the selected run; adds to what is stored already."""
        assert self.run is not None
        name = f"{PART}{number:03}"
        before = parts_of(self.journal, self.run).get(name, {})
        spent = Counter(before.get("spent", {})) + self.spent()
        groups = before.get("groups", {}) | self.groups()
        await self.journal.put(**{name: {"run": self.run.number, "done": done, "spent": spent, "groups": groups}})

    async def gather(self, **facts: Any) -> None:
        """Add what the shards and this process have stored to the facts of the selected run, and clear the shards."""
        assert self.run is not None
        await self.journal.reload()
        parts, known = parts_of(self.journal, self.run), self.run.facts
        groups, spent = known.get("groups", {}) | self.groups(), Counter(known.get("spent", {})) + self.spent()
        for part in parts.values():
            groups |= part["groups"]
            spent += Counter(part["spent"])
        forget = self.journal.remember(**dict.fromkeys(parts))
        await queries.update_run(self.journal, self.run, None, forget, **facts, groups=groups, spent=spent)

    def spent(self) -> Counter[str]:
        """Count the requests that this process has sent since the last count, and the operations among them."""
        spent = Counter(requests=self.control.progress.requests, sent=self.sender.sent if self.sender else 0)
        new, self.counted = spent - self.counted, spent
        return new

    def groups(self) -> dict[str, str]:
        """Return the groups of the statuses that this process has set, by code."""
        known = self.sender.groups if self.sender else {}
        return {status_code(payload.strip('"')): group for payload, group in known.items() if group}

    def remember(self, numbers: Collection[int]) -> Sequence[Statement]:
        """Make the statements that remember what was done, for the transaction that ends the operations."""
        assert self.run is not None
        facts = self.run.facts
        statements: list[Statement] = []
        if facts.get("remembered"):
            # A plan that is applied later, or resumed, was not done when it was planned.
            done_at = max(self.run.begun, self.started)
            statements.append(queries.remember_done(facts["remembered"], done_at, numbers))
        if facts.get("needs_activity"):
            statements.append(queries.note_activity(self.journal.clock(), numbers))
        return statements


def parts_of(journal: Journal, run: Run) -> dict[str, Mapping[str, Any]]:
    """Return what the shards of a run have stored, by the names of the facts."""
    found = {name: value for name, value in journal.meta.items() if name.startswith(PART) and value}
    return {name: value for name, value in found.items() if value["run"] == run.number}
