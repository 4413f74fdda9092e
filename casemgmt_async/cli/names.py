"""The names behind ids: users, projects, case types."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final

import casemgmt_async as api  # operations are loaded when a list shows such names, and not with every command
from casemgmt_async import CaseManagementError, CaseSession

__all__ = ["names_of"]

MOST: Final = 50
"""Users whose names are looked up for one list."""


async def names_of(session: CaseSession, columns: Iterable[str], ids: Iterable[str] = ()) -> Mapping[str, str]:
    """Return the names behind the ids that some columns show.

    A look-up that is refused leaves its ids as they are: a list without names is better than none.
    """
    wanted = set(columns)
    looks: list[Awaitable[Any]] = []
    if "type" in wanted:
        looks.append(api.case_types.get_all_case_types(session))
    if "project" in wanted:
        looks.append(api.projects.get_projects(session))
    if "assignee" in wanted:
        looks += [api.users.get_user(session, each) for each in list(ids)[:MOST] if is_uuid(each)]
    found = await asyncio.gather(*map(quietly, looks))
    flat = [item for each in found for item in (each if isinstance(each, list) else [each])]
    return {item.id: text for item in flat if item is not None and (text := name_of(item))}


is_uuid: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


def name_of(item: Any) -> str | None:
    """The name that people use: the key of a project, the name of anything else."""
    return getattr(item, "key", None) or item.name or getattr(item, "email", None)


async def quietly(look: Awaitable[Any]) -> Any:
    """Await a look-up; None if it is refused."""
    try:
        return await look
    except CaseManagementError:
        return None
