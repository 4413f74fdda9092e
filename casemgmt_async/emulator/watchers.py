"""Watchers: the users who follow a case. Watching twice is watching once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casemgmt_async.emulator.checks import uuid_path
from casemgmt_async.emulator.exchange import Reply, Request

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World


def list_case_watchers(world: World, request: Request) -> Reply:
    """List case watchers: `GET /api/v2/cases/{case_id}/watchers`."""
    watchers = world.cases.find(request.ids["case_id"]).watchers
    data = [
        {"id": watcher, "type": "watcher", "relationships": {"user": {"data": {"id": user, "type": "user"}}}}
        for user, watcher in watchers.items()
    ]
    return Reply(200, {"data": data})


def watch_case(world: World, request: Request) -> Reply:
    """Watch a case: `POST /api/v2/cases/{case_id}/watchers/{user_uuid}`."""
    user = uuid_path(request, "user_uuid")
    case = world.cases.find(request.ids["case_id"])
    if user not in case.watchers:
        case.watchers = {**case.watchers, user: world.uuid()}
        world.effect("create", case.watchers[user], case=case.id, user=user)
    return Reply(201)


def unwatch_case(world: World, request: Request) -> Reply:
    """Unwatch a case: `DELETE /api/v2/cases/{case_id}/watchers/{user_uuid}`."""
    user = uuid_path(request, "user_uuid")
    case = world.cases.find(request.ids["case_id"])
    if user in case.watchers:
        world.effect("delete", case.watchers[user], case=case.id, user=user)
        case.watchers = {each: watcher for each, watcher in case.watchers.items() if each != user}
    return Reply(204)
