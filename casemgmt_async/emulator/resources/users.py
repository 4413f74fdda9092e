"""The users of the organisation. See `routes.NEIGHBOURS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.state.people import USER_STATUSES, UserRecord
from casemgmt_async.emulator.state.store import Store

JSON: Final = {"Content-Type": "application/json"}
"""Users and teams are sent as plain JSON, as recorded."""
SORTS: Final[dict[str, Callable[[UserRecord], str]]] = {
    "name": lambda user: (user.name or "").casefold(),
    "email": lambda user: user.email,
    "handle": lambda user: user.handle,
    "status": lambda user: user.status,
    "created_at": lambda user: user.created_at,
}


def list_users(store: Store, request: ApiRequest) -> Reply:
    """List all users: `GET /api/v2/users`. `filter` is searched in name, e-mail address and handle."""
    size = checks.number_query(request, "page[size]", 10, 1, 100)
    number = checks.number_query(request, "page[number]", 0, 0)
    found = matching(store, request.query)
    meta = {"page": {"total_count": len(store.users), "total_filtered_count": len(found)}}
    page = [user.resource() for user in found[number * size : (number + 1) * size]]
    return Reply(200, {"data": page, "meta": meta}, JSON)


def matching(store: Store, query: dict[str, str]) -> list[UserRecord]:
    """The users that a query finds, in its order; remembered, so that the pages of one walk cost no new search."""
    named, words = query.get("sort", "name"), query.get("filter", "")
    statuses = {word.strip().capitalize() for word in query.get("filter[status]", "").split(",") if word.strip()}
    order, descending = named.removeprefix("-"), named.startswith("-") or query.get("sort_dir") == "desc"
    if order not in SORTS or query.get("sort_dir", "asc") not in {"asc", "desc"}:
        bad_request(f'invalid sort "{named}" "{query.get("sort_dir", "asc")}"')
    if not statuses <= set(USER_STATUSES):
        bad_request(f"invalid filter[status]. Must be one of {', '.join(USER_STATUSES)}")
    asked = (words, frozenset(statuses), order, descending)
    memory: dict[Any, list[UserRecord]] = store.user_searches
    if asked not in memory:
        wanted = words.casefold()
        found = [
            user
            for user in store.users.values()
            if (not statuses or user.status in statuses)
            and any(wanted in text.casefold() for text in (user.name or "", user.email, user.handle))
        ]
        memory[asked] = sorted(found, key=SORTS[order], reverse=descending)
    return memory[asked]


def get_user(store: Store, request: ApiRequest) -> Reply:
    """Get user details: `GET /api/v2/users/{user_id}`."""
    user = store.users.get(checks.uuid_path(request, "user_id")) or not_found("user")
    return Reply(200, {"data": user.resource()}, JSON)


def get_current_user(store: Store, request: ApiRequest) -> Reply:  # noqa: ARG001 - one signature for all handlers
    """Get the calling user: `GET /api/v2/current_user`."""
    return Reply(200, {"data": store.users[store.me].resource()}, JSON)
