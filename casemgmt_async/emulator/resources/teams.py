"""The teams of the organisation, and their members. See `routes.NEIGHBOURS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.state.people import TeamRecord
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.store import Store

JSON: Final = {"Content-Type": "application/json"}
SORTS: Final[dict[str, Callable[[TeamRecord], Any]]] = {
    "name": lambda team: team.name.casefold(),
    "user_count": lambda team: len(team.members),
}


def page(request: ApiRequest, items: Sequence[Resource]) -> Reply:
    """Answer with one page, counted from 0."""
    size = checks.number_query(request, "page[size]", 10, 1, 100)
    number = checks.number_query(request, "page[number]", 0, 0)
    offset = number * size
    meta = {"pagination": {"offset": offset, "limit": size, "total": len(items), "type": "number_size"}}
    return Reply(200, {"data": list(items[offset : offset + size]), "meta": meta}, JSON)


def list_teams(store: Store, request: ApiRequest) -> Reply:
    """Get all teams: `GET /api/v2/team`. `filter[keyword]` is searched in name and handle."""
    keyword = request.query.get("filter[keyword]", "").casefold()
    mine = checks.truth_query(request, "filter[me]", default=False)
    named = request.query.get("sort", "name")
    if named.removeprefix("-") not in SORTS:
        bad_request(f'invalid sort "{named}". Must be one of {", ".join(SORTS)}')
    found = [
        team
        for team in store.tables.teams.values()
        if (keyword in team.name.casefold() or keyword in team.handle.casefold())
        and (not mine or store.me in team.members)
    ]
    found.sort(key=SORTS[named.removeprefix("-")], reverse=named.startswith("-"))
    return page(request, [team.resource() for team in found])


def get_team_memberships(store: Store, request: ApiRequest) -> Reply:
    """Get team memberships: `GET /api/v2/team/{team_id}/memberships`. `filter[keyword]` searches name and e-mail."""
    team_id = checks.uuid_path(request, "team_id")
    team = store.tables.teams.get(team_id) or not_found("team")
    keyword = request.query.get("filter[keyword]", "").casefold()
    members = [
        membership(team, user, identity)
        for user, identity in team.members.items()
        if any(keyword in text.casefold() for text in names(store, user))
    ]
    return page(request, members)


def names(store: Store, user_id: str) -> tuple[str, ...]:
    """The texts in which a keyword is searched."""
    user = store.users.get(user_id)
    return ("",) if user is None else (user.name or "", user.email)


def membership(team: TeamRecord, user: str, identity: str) -> Resource:
    """One membership as it is sent."""
    return {
        "id": identity,
        "type": "team_memberships",
        "attributes": {"provisioned_by": None, "role": None},
        "relationships": {
            "team": {"data": {"id": team.id, "type": "team"}},
            "user": {"data": {"id": user, "type": "users"}},
        },
    }
