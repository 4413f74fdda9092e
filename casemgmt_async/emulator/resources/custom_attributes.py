"""The custom attributes that case types have. See `routes.NEIGHBOURS`."""

from __future__ import annotations

from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found, refuse
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, text, uuid_path
from casemgmt_async.emulator.state.case_types import CustomAttributeRecord
from casemgmt_async.emulator.state.seeding import add_custom_attribute
from casemgmt_async.emulator.state.store import Store


def value_type(value: object, name: str) -> str:
    """Accept the type of an attribute's values. The refusal is the one recorded, without a detail."""
    if text(value, name) not in checks.CUSTOM_TYPES:
        refuse(400, status="400", title="Bad Request")
    return str(value)


OPTIONS = checks.object_of({"options": checks.list_of(checks.object_of({"value": text}))})
OPTIONAL = {"description": text, "type_data": OPTIONS, "map_from": text}
NEW = {"key": filled, "display_name": filled, "is_multi": checks.boolean, "type": value_type}
CHANGES = {"display_name": filled, "type": value_type, **OPTIONAL}


def of_type(store: Store, type_id: str) -> list[CustomAttributeRecord]:
    """The custom attributes of a case type."""
    return [each for each in store.tables.custom_attributes.values() if each.case_type_id == type_id]


def get_all_custom_attributes(store: Store, request: ApiRequest) -> Reply:  # noqa: ARG001 - one signature for all
    """Get the custom attributes of all case types: `GET /api/v2/cases/types/custom_attributes`."""
    return Reply(200, {"data": [each.resource() for each in store.tables.custom_attributes.values()]})


def get_all_custom_attribute_configs_by_case_type(store: Store, request: ApiRequest) -> Reply:
    """Get the custom attributes of a case type: `GET /api/v2/cases/types/{case_type_id}/custom_attributes`."""
    kind = store.case_type(uuid_path(request, "case_type_id"))
    return Reply(200, {"data": [each.resource() for each in of_type(store, kind.id)]})


def create_custom_attribute_config(store: Store, request: ApiRequest) -> Reply:
    """Create a custom attribute: `POST /api/v2/cases/types/{case_type_id}/custom_attributes`."""
    given = attributes_of(data_of(request, "custom_attribute"), NEW, OPTIONAL)
    kind = store.case_type(uuid_path(request, "case_type_id"))
    if any(each.key == given["key"] for each in of_type(store, kind.id)):
        bad_request(f'custom attribute "{given["key"]}" already exists')
    attribute = add_custom_attribute(store, kind.id, **given)
    store.effect("create", attribute.id, case_type=kind.id, key=attribute.key)
    return Reply(201, {"data": attribute.resource()})


def addressed_attribute(store: Store, request: ApiRequest) -> CustomAttributeRecord | None:
    """The custom attribute that the path names; None if the case type has no such attribute."""
    attribute_id = uuid_path(request, "custom_attribute_id")
    kind = store.case_type(uuid_path(request, "case_type_id"))
    found = store.tables.custom_attributes.get(attribute_id)
    return found if found is not None and found.case_type_id == kind.id else None


def update_custom_attribute_config(store: Store, request: ApiRequest) -> Reply:
    """Update a custom attribute: `PUT .../custom_attributes/{custom_attribute_id}`."""
    given: dict[str, Any] = attributes_of(data_of(request, "custom_attribute"), {}, CHANGES)
    attribute = addressed_attribute(store, request) or not_found("custom_attribute")
    if any(getattr(attribute, name) != value for name, value in given.items()):
        for name, value in given.items():
            setattr(attribute, name, value)
        store.effect("update", attribute.id, **given)
    return Reply(200, {"data": attribute.resource()})


def delete_custom_attribute_config(store: Store, request: ApiRequest) -> Reply:
    """Delete a custom attribute: `DELETE .../custom_attributes/{custom_attribute_id}`. Repeating it answers 204."""
    attribute = addressed_attribute(store, request)
    if attribute is not None:
        del store.tables.custom_attributes[attribute.id]
        store.effect("delete", attribute.id)
    return Reply(204)
