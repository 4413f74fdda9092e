"""The custom attributes that case types have. To set a value on a case, see `cases.update_case_custom_attribute`.

These operations belong to Datadog's reference "Case Management Attribute", not to the 66 of "Case Management".
`directory` finds an attribute by its key or display name.
"""

from __future__ import annotations

from collections.abc import Sequence

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, FILLED_LIST, FLAG, TEXT, allow_none, require
from casemgmt_async.endpoints.literals import CustomAttributeTypeName
from casemgmt_async.models import CustomAttributeConfig, CustomAttributeType, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_custom_attribute_config",
    "delete_custom_attribute_config",
    "get_all_custom_attribute_configs_by_case_type",
    "get_all_custom_attributes",
    "update_custom_attribute_config",
]


def __dir__() -> list[str]:
    return __all__


async def get_all_custom_attributes(session: CaseSession) -> list[CustomAttributeConfig]:
    """List the custom attributes of all case types.

    `GET /api/v2/cases/types/custom_attributes`.
    """
    return await session.call(routes.GET_ALL_CUSTOM_ATTRIBUTES, list[CustomAttributeConfig])


async def get_all_custom_attribute_configs_by_case_type(
    session: CaseSession, case_type_id: str
) -> list[CustomAttributeConfig]:
    """List the custom attributes of one case type.

    `GET /api/v2/cases/types/{case_type_id}/custom_attributes`.
    """
    route = routes.GET_ALL_CUSTOM_ATTRIBUTE_CONFIGS_BY_CASE_TYPE
    return await session.call(route, list[CustomAttributeConfig], case_type_id)


async def create_custom_attribute_config(
    session: CaseSession,
    case_type_id: str,
    *,
    key: str,
    display_name: str,
    type: CustomAttributeType | CustomAttributeTypeName,
    is_multi: bool,
    description: str | Unset | None = None,
) -> CustomAttributeConfig:
    """Add a custom attribute to a case type.

    `POST /api/v2/cases/types/{case_type_id}/custom_attributes`. `key` is the key that case operations take; `is_multi`
    says whether a case can have several values.
    """
    require(FILLED, key=key, display_name=display_name, type=type)
    require(FLAG, is_multi=is_multi)
    allow_none(TEXT, description=description)
    body = document(
        "custom_attribute", key=key, display_name=display_name, type=type, is_multi=is_multi, description=description
    )
    return await session.call(routes.CREATE_CUSTOM_ATTRIBUTE_CONFIG, CustomAttributeConfig, case_type_id, body=body)


async def update_custom_attribute_config(
    session: CaseSession,
    case_type_id: str,
    custom_attribute_id: str,
    *,
    display_name: str | Unset | None = None,
    description: str | Unset | None = None,
    type: CustomAttributeType | CustomAttributeTypeName | Unset | None = None,
    options: Sequence[str] | Unset | None = None,
    map_from: str | Unset | None = None,
) -> CustomAttributeConfig:
    """Change a custom attribute of a case type. Arguments that are left out are not changed.

    `PUT /api/v2/cases/types/{case_type_id}/custom_attributes/{custom_attribute_id}`. `options` lists the values
    that an attribute of the type SELECT allows.
    """
    allow_none(FILLED, display_name=display_name, type=type, map_from=map_from)
    allow_none(TEXT, description=description)
    allow_none(FILLED_LIST, options=options)
    body = document(
        "custom_attribute",
        display_name=display_name,
        description=description,
        type=type,
        type_data=None if options is None or isinstance(options, Unset) else options_body(options),
        map_from=map_from,
    )
    route = routes.UPDATE_CUSTOM_ATTRIBUTE_CONFIG
    return await session.call(route, CustomAttributeConfig, case_type_id, custom_attribute_id, body=body)


async def delete_custom_attribute_config(session: CaseSession, case_type_id: str, custom_attribute_id: str) -> None:
    """Delete a custom attribute of a case type.

    `DELETE /api/v2/cases/types/{case_type_id}/custom_attributes/{custom_attribute_id}`.
    """
    await session.call(routes.DELETE_CUSTOM_ATTRIBUTE_CONFIG, None, case_type_id, custom_attribute_id)


def options_body(options: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Write the values that a SELECT allows."""
    return {"options": [{"value": value} for value in options]}
