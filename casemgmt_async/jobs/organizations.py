"""Which organisation a session works in, so that a journal is used with its own organisation only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casemgmt_async import CaseSession, StatusError, projects, users
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import ForeignJournalError
from casemgmt_async.jobs.journal import Journal

__all__ = ["bind_organization"]

NAME = "organisation"
"""The fact in which a journal keeps its organisation."""


async def bind_organization(session: CaseSession, control: JobControl, journal: Journal, what: str) -> str | None:
    """Bind a journal to the organisation of a session; returns the id of the session's user, None if unknown.

    `what` is what an error calls the journal. An organisation is known by its id, or else by its projects.

    Raises `ForeignJournalError` where the journal belongs to another organisation.
    """
    account = await control.attempt(lambda: users.get_current_user(session))
    identity = await identity_of(session, control, account.answer.org_id if account.answer else None)
    before = journal.meta.get(NAME)
    if before is not None and not are_same(before, identity):
        raise ForeignJournalError(
            f"{what} {journal.path}: it belongs to another organisation than these credentials; use the credentials "
            f"that it was made with, or give another {what}"
        )
    if identity and identity != before:
        await journal.put(**{NAME: {**(before or {}), **identity}})
    return account.answer.id if account.answer else None


async def identity_of(session: CaseSession, control: JobControl, org_id: str | None) -> dict[str, Any]:
    """Return what tells one organisation from another: its id, or else the ids of its projects."""
    if org_id is not None:
        return {"id": org_id}
    listed = await control.attempt(lambda: projects.get_projects(session))
    if listed.status is CallStatus.ANSWERED and listed.answer is not None:
        return {"projects": sorted(project.id for project in listed.answer)}
    if isinstance(listed.error, StatusError):
        return {}
    raise listed.error or RuntimeError


def are_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two identities can be those of one organisation: the same id, or some project in common."""
    if "id" in before and "id" in now:
        return bool(before["id"] == now["id"])
    if before.get("projects") and now.get("projects"):
        return not set(before["projects"]).isdisjoint(now["projects"])
    return True
