"""Names for ids and ids for names: users, projects, case types."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final

from casemgmt_async import CaseManagementError, CaseSession, case_types, projects, users
from casemgmt_async.cli.context import Misused

__all__ = ["Lookup", "names_of"]

MOST: Final = 50
"""Users whose names are looked up for one list."""


async def names_of(session: CaseSession, columns: Iterable[str], ids: Iterable[str] = ()) -> Mapping[str, str]:
    """Return the names behind the ids that some columns show.

    A look-up that is refused leaves its ids as they are: a list without names is better than none.
    """
    wanted = set(columns)
    looks: list[Awaitable[Any]] = []
    if "type" in wanted:
        looks.append(case_types.get_all_case_types(session))
    if "project" in wanted:
        looks.append(projects.get_projects(session))
    if "assignee" in wanted:
        looks += [users.get_user(session, each) for each in list(ids)[:MOST] if is_uuid(each)]
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


class Lookup:
    """Finds the id of what a person names: exactly, whatever the case of letters, and never by guessing."""

    def __init__(self, session: CaseSession) -> None:
        self._session = session

    async def user(self, text: str) -> str:
        """The id of a user by e-mail address, handle or id, or of the owner of the credentials by `me`."""
        if is_uuid(text):
            return text
        if text == "me":
            return (await users.get_current_user(self._session)).id
        found = await users.iter_users(self._session, filter=text, limit=MOST).collect()
        return the_one("user", text, found, ("email", "handle"))

    async def project(self, text: str) -> str:
        """The id of a project by key, name or id."""
        if is_uuid(text):
            return text
        return the_one("project", text, await projects.get_projects(self._session), ("key", "name"))

    async def case_type(self, text: str) -> str:
        """The id of a case type by name or id."""
        if is_uuid(text):
            return text
        return the_one("case type", text, await case_types.get_all_case_types(self._session), ("name",))


def the_one(noun: str, text: str, items: Iterable[Any], fields: Iterable[str]) -> str:
    """The id of the only item with this name; an error lists the candidates otherwise."""
    listed = list(items)
    found = [each for each in listed if any((getattr(each, f) or "").casefold() == text.casefold() for f in fields)]
    if len(found) == 1:
        return str(found[0].id)
    if found:
        ids = ", ".join(f"{name_of(each)} ({each.id})" for each in found[:10])
        raise Misused(f"{text!r} is the name of {len(found)} {noun}s; give an id: {ids}")
    near = ", ".join(filter(None, (name_of(each) for each in listed[:10])))
    raise Misused(f"no {noun} {text!r}" + (f"; there is: {near}" if near else ""))
