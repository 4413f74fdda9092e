"""Who is on call for a team.

This operation belongs to Datadog's reference "On-Call", not to the 66 of "Case Management". `directory` finds the
people on call by the name of a team.
"""

from __future__ import annotations

from attrs import evolve

from casemgmt_async import routes
from casemgmt_async.endpoints.paging import included_users
from casemgmt_async.models import OnCallResponders
from casemgmt_async.session import CaseSession

__all__ = [
    "get_team_on_call_users",
]


def __dir__() -> list[str]:
    return __all__


async def get_team_on_call_users(session: CaseSession, team_id: str) -> OnCallResponders:
    """Read who is on call for a team now.

    `GET /api/v2/on-call/teams/{team_id}/on-call`. The responders have a name and an e-mail address if the
    answer includes the users.
    """
    query = {"include": "responders,escalations.responders"}
    on_call = await session.call(routes.GET_TEAM_ON_CALL_USERS, OnCallResponders, team_id, query=query)
    known = included_users(on_call.extra, "//included")
    return evolve(on_call, responders=tuple(known.get(user.id, user) for user in on_call.responders))
