"""`Directory`: names to ids, for one session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

from attrs import frozen

from casemgmt_async.directory.cache import Cache
from casemgmt_async.directory.matching import Kind, checked, folded, is_uuid
from casemgmt_async.endpoints import case_types, custom_attributes, on_call, projects, teams, users
from casemgmt_async.errors import InvalidArgumentError, NameLookupError, NotFoundError, UnknownNameError
from casemgmt_async.models import CaseType, CustomAttributeConfig, Project, StatusGroup, Team, User, UserAccount
from casemgmt_async.session import CaseSession

__all__ = ["Directory", "StatusChoice"]

T = TypeVar("T")

ON_CALL_AGE: Final = 60.0
"""Maximum age in seconds of an answer about who is on call."""
RELOAD_AGE: Final = 10.0
"""Age in seconds from which a list is read again for a name that is not in it."""
MOST_FOUND: Final = 1000
"""Users or teams that a free-text search may find before the name is refused as too general."""
WINDOW: Final = 8
"""Largest number of requests in flight for a look-up of several names."""
ME: Final = "me"
GROUPS: Final = {
    "open": StatusGroup.SG_OPEN,
    "in_progress": StatusGroup.SG_IN_PROGRESS,
    "closed": StatusGroup.SG_CLOSED,
}


@frozen
class StatusChoice:
    """A status that a case type allows."""

    name: str
    """The name in the spelling of the service, as `status_name` takes it."""
    group: StatusGroup
    """Its group: open, in progress or closed."""


def user_label(user: UserAccount) -> str:
    """Describe a user by name and e-mail address."""
    return f"{user.name} <{user.email}>" if user.name else (user.email or user.handle or user.id)


USER: Final = Kind[UserAccount](
    "user",
    "e-mail address, handle or id",
    names=(lambda user: user.id, lambda user: user.email, lambda user: user.handle),
    label=user_label,
    id_of=lambda user: user.id,
    note=lambda user: "disabled" if user.disabled else None,
    prefer=lambda user: not user.service_account,
    alias=lambda user: user.name,
)
TEAM: Final = Kind[Team](
    "team",
    "handle, name or id",
    names=(lambda team: team.id, lambda team: team.handle, lambda team: team.name),
    label=lambda team: team.name or team.handle or team.id,
    id_of=lambda team: team.id,
)
PROJECT: Final = Kind[Project](
    "project",
    "key, name or id",
    names=(lambda project: project.id, lambda project: project.key, lambda project: project.name),
    label=lambda project: f"{project.key}: {project.name}",
    id_of=lambda project: project.id,
)
CASE_TYPE: Final = Kind[CaseType](
    "case type",
    "name or id",
    names=(lambda kind: kind.id, lambda kind: kind.name),
    label=lambda kind: kind.name or kind.id,
    id_of=lambda kind: kind.id,
    note=lambda kind: "deleted" if kind.deleted_at else None,
)
ATTRIBUTE: Final = Kind[CustomAttributeConfig](
    "custom attribute",
    "key, display name or id",
    names=(lambda entry: entry.id, lambda entry: entry.key, lambda entry: entry.display_name),
    label=lambda entry: f"{entry.key} ({entry.display_name}) of case type {entry.case_type_id}",
    id_of=lambda entry: entry.id,
)
STATUS: Final = Kind[StatusChoice](
    "status",
    "name",
    names=(lambda status: status.name,),
    label=lambda status: status.name,
    id_of=lambda status: status.name,
)


class Directory:
    """Find users, teams, projects, case types, statuses and custom attributes by their names.

    Names are compared exactly, except for case and surrounding white space. A name that nothing has raises
    `UnknownNameError`, a name that several entries have `AmbiguousNameError`; both list candidates with their ids.
    Answers are kept for `max_age` seconds. A list is read again for a name that is not in it, if it is older than
    10 seconds. All tasks can share one directory: concurrent look-ups of one name cost one request.

    - `session`: the session that sends the requests.
    - `max_age`: seconds for which an answer is kept; answers about who is on call are kept for 60 seconds at most.
    - `clock`: returns the time in seconds, for tests.
    """

    def __init__(
        self, session: CaseSession, *, max_age: float = 300.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not max_age >= 0:
            raise InvalidArgumentError("max_age", "must be at least 0 seconds")
        self._session = session
        self._max_age = max_age
        self._cache = Cache(clock)
        self._user_pages: int | None = None  # of the whole organisation; None until an answer has the total

    def forget(self) -> None:
        """Forget all answers, so that the next look-up sends a request."""
        self._cache.clear()

    # --- users

    async def user(self, name: str, *, include_disabled: bool = False) -> UserAccount:
        """Find a user by e-mail address, handle or id; `me` is the user of the session's credentials.

        A disabled user is refused unless `include_disabled` is True. If a person and a service account have
        the same e-mail address, the person is returned.
        """
        wanted = folded(checked(name))
        if wanted == ME:
            return await self._cache.get(("user", ME), self._max_age, lambda: users.get_current_user(self._session))
        known, near = await self._users_named(name), list[UserAccount]()
        if not USER.matches(name, known):
            near = await self._cache.get(("near", wanted), self._max_age, lambda: self._similar_users(wanted))
        return USER.find(name, known, any_note=include_disabled, near=near)

    async def users(self, names: Iterable[str], *, include_disabled: bool = False) -> dict[str, UserAccount]:
        """Find several users, as `user` does; the result maps each name to its user.

        Reads the list of all users if that takes fewer requests than a search for each name.
        """
        wanted = list(dict.fromkeys(map(checked, names)))
        unknown = [name for name in wanted if self._cache.age(("user", folded(name))) is None and folded(name) != ME]
        if len(unknown) > 1:
            await self._users_named(unknown[0])  # its answer has the number of users
            if self._user_pages is not None and self._user_pages < len(unknown):
                await self._all_users()
        return await self._several(wanted, lambda name: self.user(name, include_disabled=include_disabled), USER.noun)

    async def _users_named(self, name: str) -> Sequence[UserAccount]:
        """Return users, including all that have the name."""
        age = self._cache.age("users")
        if age is not None and age < min(self._max_age, RELOAD_AGE):
            return USER.matches(name, await self._all_users())
        if age is not None and (found := USER.matches(name, await self._all_users())):
            return found
        wanted = folded(name)
        return await self._cache.get(("user", wanted), self._max_age, lambda: self._search_users(wanted))

    async def _search_users(self, wanted: str) -> list[UserAccount]:
        found: list[UserAccount] = []
        if is_uuid(wanted):
            try:
                return [await users.get_user(self._session, wanted)]
            except NotFoundError:
                pass  # handles of service accounts can be UUIDs too
        async for page in users.iter_users(self._session, filter=wanted, limit=MOST_FOUND + 1).by_page():
            total = page.extra.get("/meta/page/total_count")
            self._user_pages = -(-total // 100) if type(total) is int else None
            found += page.items
        return self._bounded(USER, wanted, found)

    async def _similar_users(self, wanted: str) -> list[UserAccount]:
        """Search with the first letters, for the near matches of an error."""
        page = await users.list_users(self._session, filter=wanted.partition("@")[0][:3])
        return list(page.items)

    async def _all_users(self) -> list[UserAccount]:
        window = min(WINDOW, self._user_pages or 1)
        return await self._cache.get(
            "users", self._max_age, lambda: users.iter_users(self._session, window=window, sort="email").collect()
        )

    # --- teams

    async def team(self, name: str) -> Team:
        """Find a team by handle, name or id."""
        wanted = folded(checked(name))
        keyword = None if is_uuid(wanted) else wanted  # a search does not find ids
        found = await self._cache.get(("team", keyword), self._max_age, lambda: self._search_teams(keyword))
        return TEAM.find(name, found)

    async def teams(self, names: Iterable[str]) -> dict[str, Team]:
        """Find several teams, as `team` does; the result maps each name to its team."""
        return await self._several(list(dict.fromkeys(map(checked, names))), self.team, TEAM.noun)

    async def _search_teams(self, keyword: str | None) -> list[Team]:
        if keyword is None:
            return await teams.iter_teams(self._session, window=WINDOW).collect()
        found = await teams.iter_teams(self._session, keyword=keyword, limit=MOST_FOUND + 1).collect()
        return self._bounded(TEAM, keyword, found)

    async def on_call(self, team: str) -> tuple[User, ...]:
        """Find who is on call for a team, given by handle, name or id; empty if nobody is."""
        found = await self.team(team)
        answer = await self._cache.get(
            ("on call", found.id),
            min(self._max_age, ON_CALL_AGE),
            lambda: on_call.get_team_on_call_users(self._session, found.id),
        )
        return answer.responders

    # --- projects, case types, custom attributes

    async def project(self, name: str) -> Project:
        """Find a project by key, name or id."""
        return await self._listed("projects", PROJECT, name, lambda: projects.get_projects(self._session))

    async def projects(self, names: Iterable[str]) -> dict[str, Project]:
        """Find several projects, as `project` does; the result maps each name to its project."""
        return await self._several(list(dict.fromkeys(map(checked, names))), self.project, PROJECT.noun)

    async def case_type(self, name: str) -> CaseType:
        """Find a case type by name or id."""
        return await self._listed("types", CASE_TYPE, name, lambda: case_types.get_all_case_types(self._session))

    async def case_types(self, names: Iterable[str]) -> dict[str, CaseType]:
        """Find several case types, as `case_type` does; the result maps each name to its type."""
        return await self._several(list(dict.fromkeys(map(checked, names))), self.case_type, CASE_TYPE.noun)

    async def status(self, case_type: str, name: str) -> StatusChoice:
        """Find a status by name among those that a case type, given by name or id, allows.

        Raises `UnknownNameError` also if the service does not list the statuses of the type.
        """
        kind = await self.case_type(case_type)
        choices = [
            StatusChoice(option.name, GROUPS.get(group) or StatusGroup(group))
            for group, options in kind.statuses.items()
            for option in options.options
            if option.name
        ]
        if not choices:
            reason = f"the service does not list the statuses of the case type {kind.name!r}"
            raise UnknownNameError(STATUS.noun, checked(name), reason=reason)
        return STATUS.find(checked(name), choices, near=choices)

    async def custom_attribute(self, name: str, *, case_type: str | None = None) -> CustomAttributeConfig:
        """Find a configured custom attribute, with its type, by key, display name or id.

        With `case_type`, a name or id, only the attributes of that type count. Without it, attributes of several
        types count as one if they agree in key, type and `is_multi`.
        """
        kind_id = None if case_type is None else (await self.case_type(case_type)).id

        def choose(entries: Sequence[CustomAttributeConfig]) -> Sequence[CustomAttributeConfig]:
            if kind_id is not None:
                return [entry for entry in entries if entry.case_type_id == kind_id]
            distinct = {(entry.key, entry.type, entry.is_multi): entry for entry in reversed(entries)}
            return entries if any(folded(entry.id) == folded(name) for entry in entries) else list(distinct.values())

        return await self._listed(
            "attributes",
            ATTRIBUTE,
            name,
            lambda: custom_attributes.get_all_custom_attributes(self._session),
            choose,
        )

    # --- shared helpers

    async def _listed(
        self,
        key: str,
        kind: Kind[T],
        name: str,
        fetch: Callable[[], Awaitable[Sequence[T]]],
        choose: Callable[[Sequence[T]], Sequence[T]] = lambda entries: entries,
    ) -> T:
        """Find an entry of an unpaged list; for an unknown name, read the list again if it is not fresh."""
        checked(name)
        age = self._cache.age(key)
        try:
            return kind.find(name, choose(await self._cache.get(key, self._max_age, fetch)))
        except UnknownNameError:
            if age is None or age < RELOAD_AGE:
                raise
        return kind.find(name, choose(await self._cache.get(key, RELOAD_AGE, fetch)))

    @staticmethod
    def _bounded(kind: Kind[T], wanted: str, found: list[T]) -> list[T]:
        if len(found) <= MOST_FOUND:
            return found
        reason = f"{wanted!r} finds more than {MOST_FOUND} {kind.noun}s; use the whole {kind.named_by}"
        raise UnknownNameError(kind.noun, wanted, reason=reason)

    @staticmethod
    async def _several(names: Sequence[str], find: Callable[[str], Awaitable[T]], noun: str) -> dict[str, T]:
        """Look up several names concurrently; raise one error for all names that fail."""
        turns = asyncio.Semaphore(WINDOW)

        async def one(name: str) -> T | NameLookupError:
            async with turns:
                try:
                    return await find(name)
                except NameLookupError as error:
                    return error

        tasks: dict[str, asyncio.Task[T | NameLookupError]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for name in names:
                    tasks[name] = group.create_task(one(name))
        except* Exception as errors:  # noqa: BLE001 - the first says what happened
            raise errors.exceptions[0] from None
        found, failed = dict[str, T](), list[NameLookupError]()
        for name, task in tasks.items():
            result = task.result()
            if isinstance(result, NameLookupError):
                failed.append(result)
            else:
                found[name] = result
        if len(failed) == 1:
            raise failed[0]
        if failed:
            raise NameLookupError(noun, ", ".join(error.name for error in failed), errors=failed)
        return found
