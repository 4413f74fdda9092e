"""Create a case once for a key of your own, however often you ask: `create_case_once`.

The service has no idempotency key. The last line of the description says which key a case belongs to, and a case is
created only after a search for that line found nothing:

    [casemgmt once ct0123456789abcdef0123]
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from casemgmt_async.endpoints import cases, projects
from casemgmt_async.endpoints.attribute_values import AttributeValue
from casemgmt_async.endpoints.literals import PriorityName
from casemgmt_async.errors import CaseManagementError, InvalidArgumentError, NotFoundError, OutcomeUnknownError
from casemgmt_async.models import Case, CustomAttribute, Priority, SortField, Unset
from casemgmt_async.session import CaseSession

__all__ = ["OnceResult", "create_case_once"]

NEWEST: Final = 100
"""Cases on the page that is read to find the newest key of a project."""
GAPS: Final = 20
"""Numbers below the newest that are read by key if the page does not show them."""
MISSES: Final = 3
"""Keys in a row without a case, after which there are no newer ones."""
REMEMBERED: Final = 4096
"""Keys whose cases a process remembers."""
ATTEMPTS: Final = 5
"""Creates that are sent, each after a search, before the outcome is reported as unknown."""
FIRST_WAIT: Final = 0.05
"""Seconds between the first two searches for a case whose create may still take effect."""

Key: TypeAlias = tuple[str, str, str]
"""Address, project and word of a token."""


@frozen
class OnceResult:
    """The case of a token."""

    case: Case
    """The case as it is now."""
    created: bool
    """True if this call created it, False if it was there."""


async def create_case_once(
    session: CaseSession,
    *,
    token: str,
    title: str,
    type_id: str,
    project_id: str,
    description: str | Unset | None = None,
    priority: Priority | PriorityName | Unset | None = None,
    status_name: str | Unset | None = None,
    assignee_id: str | Unset | None = None,
    custom_attributes: Mapping[str, CustomAttribute | AttributeValue] | Unset | None = None,
    settle: float = 30.0,
) -> OnceResult:
    """Create a case unless the one that belongs to `token` exists, and return it.

    `token` is any text that is the same whenever the same case is meant, such as the id of an alert. The other
    arguments are those of `cases.create_case`; they have no effect on a case that exists. Calls of all tasks of a
    process, later calls, and calls after a restart return the same case.

    Before it creates, it searches for the line that it adds to the description. A search lags behind writes, so it
    also reads, by key, the newest cases of the project that the search may not show yet: about six requests for a new
    token, one for a known one. If the answer to the create is lost, or the call is cancelled, the case is looked for
    until `settle` seconds later, the time in which a request that was cut off may still take effect, and only then
    created again.

    It cannot prevent a second case in these situations:

    - Two processes call it for the same new token at the same moment. Give each token to one process.
    - Somebody removed the line from the description, or archived the case: searches do not find archived cases.
    - The search lags so far behind that the case is neither found nor among the newest cases of the project.
    - The service applies a create later than `settle` seconds after it was sent, or the process is killed during a
      create and another one asks before the create takes effect.

    Raises `OutcomeUnknownError` where answers are lost again and again, or the search after a lost answer fails. It is
    safe to call it again with the same token. Other errors mean that nothing was created.
    """
    if not isinstance(token, str) or not token.strip():
        raise InvalidArgumentError("token", "must be a string that is not empty")
    if not settle >= 0:
        raise InvalidArgumentError("settle", "must be at least 0 seconds")
    word = "ct" + hashlib.blake2s(token.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
    line = f"[casemgmt once {word}]"
    fields: dict[str, Any] = {
        "title": title,
        "type_id": type_id,
        "project_id": project_id,
        "description": line if description is None or isinstance(description, Unset) else f"{description}\n\n{line}",
        "priority": priority,
        "status_name": status_name,
        "assignee_id": assignee_id,
        "custom_attributes": custom_attributes,
    }
    search = TokenSearch(session, (session.base_url, project_id, word), line)
    async with alone(search.key):
        case = await search.find_settled(settle)
        if case is not None:
            return OnceResult(case, created=False)
        return OnceResult(await create(search, fields, settle), created=True)


async def create(search: TokenSearch, fields: Mapping[str, Any], settle: float) -> Case:
    """Send the create; after a lost answer look for the case before sending it again."""
    lost: OutcomeUnknownError | None = None
    for _ in range(ATTEMPTS):
        UNSETTLED[search.key] = time.monotonic()  # stays if the task is cancelled from here on
        try:
            case = await cases.create_case(search.session, **fields)
        except OutcomeUnknownError as error:
            UNSETTLED[search.key], lost = time.monotonic(), error
        except CaseManagementError:
            UNSETTLED.pop(search.key, None)
            raise
        else:
            search.remember(case)
            return case
        try:
            found = await search.find_settled(settle)
        except CaseManagementError as error:
            lost.add_note(f"the search for the case failed too: {error}")
            raise lost from error
        if found is not None:
            return found
    assert lost is not None
    raise lost


@define(eq=False)
class TokenSearch:
    """Finds the case of one token."""

    session: CaseSession
    key: Key
    line: str

    async def find_settled(self, settle: float) -> Case | None:
        """Find the case; while a create may still take effect, look for it at growing intervals."""
        wait = FIRST_WAIT
        while True:
            unsettled = UNSETTLED.get(self.key)
            case = await self.find()
            left = 0 if unsettled is None else unsettled + settle - time.monotonic()
            if case is not None or left <= 0:
                UNSETTLED.pop(self.key, None)
                return case
            await asyncio.sleep(min(wait, left))
            wait *= 2

    async def find(self) -> Case | None:
        """Find the case: remembered, by search, or among the newest of the project by key."""
        if self.key in REMEMBER and (case := await self.read(REMEMBER[self.key])) is not None:
            return case
        async for case in cases.iter_cases(self.session, filter=self.key[-1]):
            if self.is_ours(case):
                return case
        return await self.among_newest()

    async def among_newest(self) -> Case | None:
        """Read the newest cases of the project: a page, the keys that it leaves out, and the keys after it."""
        project_id = self.key[1]
        page = await cases.search_cases(
            self.session,
            filter=f"project_id:{project_id}",
            sort=SortField.CREATED_AT,
            ascending=False,
            page_size=NEWEST,
        )
        for case in page:
            if self.is_ours(case):
                return case
        prefix = (await projects.get_project(self.session, project_id)).key
        shown = {number_of(case.key) for case in page if (case.key or "").startswith(f"{prefix}-")}
        newest = max(shown, default=0)
        for number in range(newest - 1, max(newest - GAPS, 0), -1):
            if number not in shown and (found := await self.read(f"{prefix}-{number}")) is not None:
                return found
        return await self.after(prefix, newest)

    async def after(self, prefix: str | None, newest: int) -> Case | None:
        """Read the keys after the newest, until several in a row lead to no case."""
        misses, number = 0, newest
        while misses < MISSES:
            number += 1
            try:
                case = await cases.get_case(self.session, f"{prefix}-{number}")
            except NotFoundError:
                misses += 1
                continue
            misses = 0
            if self.is_ours(case):
                return case
        return None

    async def read(self, case_id: str) -> Case | None:
        """Read a case by id or key; None if there is none or it is not ours."""
        try:
            case = await cases.get_case(self.session, case_id)
        except NotFoundError:
            return None
        return case if self.is_ours(case) else None

    def is_ours(self, case: Case) -> bool:
        """Say whether a case carries the line of the token, and remember one that does."""
        ours = self.line in (case.description or "")
        if ours:
            self.remember(case)
        return ours

    def remember(self, case: Case) -> None:
        """Remember the case of the token for this process."""
        UNSETTLED.pop(self.key, None)
        REMEMBER[self.key] = case.id
        if len(REMEMBER) > REMEMBERED:
            REMEMBER.popitem(last=False)


def number_of(key: str | None) -> int:
    """Give the number in a key such as `SEC-12`; 0 for anything else."""
    number = (key or "").rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


@define(eq=False)
class Turn:
    """A lock and how many tasks use it."""

    lock: asyncio.Lock = field(factory=asyncio.Lock)
    users: int = 0


REMEMBER: Final[OrderedDict[Key, str]] = OrderedDict()
"""The ids of the cases of tokens that this process has met."""
UNSETTLED: Final[dict[Key, float]] = {}
"""When the latest create of a token was sent that may still take effect, in monotonic seconds."""
TURNS: Final[dict[tuple[asyncio.AbstractEventLoop, Key], Turn]] = {}


@asynccontextmanager
async def alone(key: Key) -> AsyncIterator[None]:
    """Let one task of this event loop at a time work on a token."""
    place = (asyncio.get_running_loop(), key)
    turn = TURNS.setdefault(place, Turn())
    turn.users += 1
    try:
        async with turn.lock:
            yield
    finally:
        turn.users -= 1
        if not turn.users:
            del TURNS[place]
