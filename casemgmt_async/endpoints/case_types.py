"""Case types: what `create_case` takes as `type_id`, and which statuses a type allows.

These operations belong to Datadog's reference "Case Management Type", not to the 66 of "Case Management".
`directory` finds a type by its name.
"""

from __future__ import annotations

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, TEXT, allow_none, require
from casemgmt_async.models import CaseType, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_case_type",
    "delete_case_type",
    "get_all_case_types",
    "update_case_type",
]


def __dir__() -> list[str]:
    return __all__


async def get_all_case_types(session: CaseSession) -> list[CaseType]:
    """List all case types, those of the service and those of the organisation.

    `GET /api/v2/cases/types`. Names are not unique.
    """
    return await session.call(routes.GET_ALL_CASE_TYPES, list[CaseType])


async def create_case_type(
    session: CaseSession, *, name: str, description: str | Unset | None = None, emoji: str | Unset | None = None
) -> CaseType:
    """Create a case type.

    `POST /api/v2/cases/types`. `emoji` is one emoji character; the service refuses other text with 400.
    """
    require(FILLED, name=name)
    allow_none(TEXT, description=description)
    allow_none(FILLED, emoji=emoji)
    body = document("case_type", name=name, description=description, emoji=emoji)
    return await session.call(routes.CREATE_CASE_TYPE, CaseType, body=body)


async def update_case_type(
    session: CaseSession,
    case_type_id: str,
    *,
    name: str,
    description: str | Unset | None = None,
    emoji: str | Unset | None = None,
) -> CaseType:
    """Change a case type. The name is required, even if it stays the same.

    `PUT /api/v2/cases/types/{case_type_id}`.
    """
    require(FILLED, name=name)
    allow_none(TEXT, description=description)
    allow_none(FILLED, emoji=emoji)
    body = document("case_type", name=name, description=description, emoji=emoji)
    return await session.call(routes.UPDATE_CASE_TYPE, CaseType, case_type_id, body=body)


async def delete_case_type(session: CaseSession, case_type_id: str) -> None:
    """Delete a case type.

    `DELETE /api/v2/cases/types/{case_type_id}`. Deleting a type a second time succeeds too.
    """
    await session.call(routes.DELETE_CASE_TYPE, None, case_type_id)
