"""Watchers: the users who follow a case. Watching a case twice has no further effect."""

from __future__ import annotations

from casemgmt_async.emulator.messages import ApiRequest, Reply
from casemgmt_async.emulator.resources.checks import uuid_path
from casemgmt_async.emulator.state.store import Store


def list_case_watchers(store: Store, request: ApiRequest) -> Reply:
    """List case watchers: `GET /api/v2/cases/{case_id}/watchers`."""
    watchers = store.cases.find(request.ids["case_id"]).watchers
    data = [
        {"id": watcher, "type": "watcher", "relationships": {"user": {"data": {"id": user, "type": "user"}}}}
        for user, watcher in watchers.items()
    ]
    return Reply(200, {"data": data})


def watch_case(store: Store, request: ApiRequest) -> Reply:
    """Watch a case: `POST /api/v2/cases/{case_id}/watchers/{user_uuid}`."""
    user = uuid_path(request, "user_uuid")
    case = store.cases.find(request.ids["case_id"])
    if user not in case.watchers:
        case.watchers = {**case.watchers, user: store.uuid()}
        store.effect("create", case.watchers[user], case=case.id, user=user)
    return Reply(201)


def unwatch_case(store: Store, request: ApiRequest) -> Reply:
    """Unwatch a case: `DELETE /api/v2/cases/{case_id}/watchers/{user_uuid}`."""
    user = uuid_path(request, "user_uuid")
    case = store.cases.find(request.ids["case_id"])
    if user in case.watchers:
        store.effect("delete", case.watchers[user], case=case.id, user=user)
        case.watchers = {each: watcher for each, watcher in case.watchers.items() if each != user}
    return Reply(204)
