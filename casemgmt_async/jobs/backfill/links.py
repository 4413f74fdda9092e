"""The links between the cases of a backfill, made when all its cases are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from casemgmt_async import LinkRelationship, links
from casemgmt_async.jobs.backfill.markers import token
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.journal import Operation, State
from casemgmt_async.jobs.journal.backfill_queries import NO_ROW, cases_of_keys, cases_of_tokens, links_to_make
from casemgmt_async.jobs.recovery import Found, find_link
from casemgmt_async.jobs.sending import Sender

__all__ = ["Links"]

BATCH: Final = 1_000
ROUNDS: Final = 5


async def nowhere(keys: Sequence[str]) -> Mapping[str, tuple[str | None, bool]]:
    """There are no other shards."""
    del keys
    return {}


@define(eq=False)
class Links:
    """Makes the links of one run."""

    sender: Sender
    job: str
    run: int
    elsewhere: Callable[[Sequence[str]], Awaitable[Mapping[str, tuple[str | None, bool]]]] = nowhere
    """Finds the cases of rows that are in the journals of other shards."""
    ids: Mapping[str, tuple[str | None, bool]] = field(init=False, factory=dict)
    """The case of each row that the current links lead to, and whether it is still to be made."""

    async def make_all(self) -> None:
        """Make all links that are open."""
        last, control = 0, self.sender.control
        while not control.should_stop:
            operations = await links_to_make(self.sender.journal, self.run, last, BATCH)
            if not operations:
                return
            if not last:
                control.progress.phase("linking")
            last = operations[-1][0].number
            self.ids = await self.children([str(operation.value["to"]) for operation, _ in operations])
            await control.each(operations, self.link)

    async def children(self, keys: list[str]) -> Mapping[str, tuple[str | None, bool]]:
        """Find the cases of rows: in the journal, or among those that carry the job's tokens."""
        known = dict(await cases_of_keys(self.sender.journal, keys))
        known |= await self.elsewhere([key for key in keys if key not in known])
        tokens = {token(self.job, key): key for key in keys if known.get(key, (None, False))[0] is None}
        for word, case in (await cases_of_tokens(self.sender.journal, list(tokens))).items():
            known[tokens[word]] = (case.case_id, False)
        return known

    async def link(self, given: tuple[Operation, bool]) -> None:
        """Make one link if both its ends are there."""
        operation, fresh = given
        to = str(operation.value["to"])
        child, is_to_come = self.ids.get(to, (None, False))
        if operation.case_id is None or is_to_come:
            return  # the run that makes the case makes the link
        if child is None:
            await self.sender.end(operation, State.REJECTED, error=f"{NO_ROW} {to!r}")
            return
        await self.make(operation, operation.case_id, child, look=not fresh or operation.state == State.SENDING)

    async def make(self, operation: Operation, parent: str, child: str, *, look: bool) -> None:
        """Make a link unless it exists; a link that somebody else made counts as well."""
        session, control = self.sender.session, self.sender.control
        relationship = LinkRelationship(operation.value["relationship"])
        why = "every time"
        for _ in range(ROUNDS):
            if look:
                seen = await control.attempt(lambda: find_link(session, parent, child, relationship))
                control.step("looked")
                finding: Any = seen.answer
                if finding is None:
                    why = f"and {seen.reason}"
                    break
                if finding.found is Found.THERE:
                    await self.sender.end(operation, State.DONE, finding.id)
                    return
            if not await self.sender.begin([operation.number]):
                return
            made = await control.attempt(
                lambda: links.create_case_link(
                    session, parent_entity_id=parent, child_entity_id=child, relationship=relationship
                ),
                not_sent=lambda: self.sender.journal.unsend([operation.number]),
            )
            if made.answer is not None:
                control.step("sent")
                await self.sender.end(operation, State.DONE, made.answer.id)
                return
            if made.status is CallStatus.REFUSED:
                await self.sender.end(operation, State.REJECTED, error=made.reason)
                return
            look = True
        await self.sender.end(operation, State.UNKNOWN, error=f"its answer was lost {why}")
