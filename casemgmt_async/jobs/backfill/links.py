"""The links of a backfill, made when all its cases are there."""

from __future__ import annotations

from typing import Any, Final

from casemgmt_async import (
    AuthenticationError,
    DecodeError,
    InvalidArgumentError,
    LinkRelationship,
    OutcomeUnknownError,
    ServerError,
    StatusError,
    TransportError,
    links,
)
from casemgmt_async.jobs.calls import Interrupted, one_line
from casemgmt_async.jobs.journal import Operation, State
from casemgmt_async.jobs.recovery import Found, find_link
from casemgmt_async.jobs.sending import Sender

__all__ = ["LINK", "link_cases"]

LINK: Final = "link"
TRIES: Final = 3


async def link_cases(sender: Sender) -> None:
    """Make the links that are open between cases that are there.

    A link whose answer was lost is looked for; it is the same link whoever made it, so its ends tell.
    """
    journal, control = sender.journal, sender.control
    waiting = await journal.operations(f"o.action = '{LINK}' AND o.state IN ('planned', 'sending')")
    if not waiting or control.should_stop:
        return
    control.progress.phase("linking", len(waiting))
    rows = await journal.read(
        "SELECT s.name, s.case_id, EXISTS (SELECT 1 FROM operations o WHERE o.subject = s.number AND o.stage = 0 "
        "AND o.state IN ('planned', 'sending')) FROM subjects s"
    )
    ids: dict[str, Any] = {name: case_id for name, case_id, _ in rows}
    still_to_come = {name for name, case_id, open_ in rows if case_id is None and open_}

    async def link(operation: Operation) -> None:
        parent, to = operation.case_id, str(operation.value["to"])
        if operation.name in still_to_come or to in still_to_come:
            return  # another run makes the case, and then this link
        child = ids.get(to)
        if parent is None or child is None:
            why = f"the row {to!r} has become no case" if to in ids else f"there is no row {to!r}"
            await sender.end(operation, State.REJECTED, error=why if parent else "there is no case for the row")
            return
        await make(sender, operation, parent, child)

    await control.each(waiting, link)


async def make(sender: Sender, operation: Operation, parent: str, child: str) -> None:
    """Make one link, or find that it is there."""
    session, control = sender.session, sender.control
    relationship = LinkRelationship(operation.value["relationship"])
    lost = operation.state == State.SENDING
    try:
        for _ in range(TRIES):
            if lost:
                finding = await control.call(lambda: find_link(session, parent, child, relationship))
                control.step("looked")
                if finding.found is Found.THERE:
                    await sender.end(operation, State.DONE, finding.id)
                    return
            if not await sender.begin([operation.number]):
                return
            try:
                made = await control.call(
                    lambda: links.create_case_link(
                        session, parent_entity_id=parent, child_entity_id=child, relationship=relationship
                    )
                )
            except (OutcomeUnknownError, ServerError, TransportError, DecodeError):
                lost = True
                continue
            control.step("sent")
            await sender.end(operation, State.DONE, made.id)
            return
    except (AuthenticationError, Interrupted):
        raise
    except (StatusError, InvalidArgumentError) as error:
        await sender.end(operation, State.REJECTED, error=one_line(error))
    except (TransportError, DecodeError) as error:
        await sender.end(operation, State.UNKNOWN, error=f"its answer was lost, and {one_line(error)}")
    else:
        await sender.end(operation, State.UNKNOWN, error="its answer was lost every time")
