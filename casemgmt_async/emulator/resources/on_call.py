"""Who is on call for a team. See `routes.NEIGHBOURS`."""

from __future__ import annotations

from typing import Any, Final

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources.checks import uuid_path
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.store import Store

JSON: Final = {"Content-Type": "application/json"}
INCLUDES: Final = ("responders", "escalations.responders")


def get_team_on_call_users(store: Store, request: ApiRequest) -> Reply:
    """Get the users who are on call for a team: `GET /api/v2/on-call/teams/{team_id}/on-call`."""
    team = store.tables.teams.get(uuid_path(request, "team_id")) or not_found("team")
    asked = [word for word in request.query.get("include", "").split(",") if word]
    if not set(asked) <= set(INCLUDES):
        bad_request(f"invalid include. Must be one of {', '.join(INCLUDES)}")
    body: dict[str, Any] = {
        "data": {
            "id": f"{team.id}-{int(store.clock())}",
            "type": "team_oncall_responders",
            "relationships": {
                "responders": {"data": [{"id": user, "type": "users"} for user in team.on_call]},
                "escalations": {"data": []},
            },
        }
    }
    if "responders" in asked:
        body["included"] = [responder(store, user) for user in team.on_call]
    return Reply(200, body, JSON)


def responder(store: Store, user_id: str) -> Resource:
    """A user on call, as this operation includes it."""
    user = store.users[user_id]
    attributes = {"email": user.email, "name": user.name or "", "status": user.status.lower()}
    return {"id": user_id, "type": "users", "attributes": attributes}
