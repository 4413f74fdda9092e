"""Case types. Their operations are in `routes.NEIGHBOURS`."""

from __future__ import annotations

from casemgmt_async.emulator.messages import ApiRequest, Reply, refuse
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, text, uuid_path
from casemgmt_async.emulator.state.case_types import CaseTypeRecord
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.seeding import add_case_type
from casemgmt_async.emulator.state.store import Store


def emoji(value: object, name: str) -> str:
    """Accept an emoji. The refusal is the one recorded, without a detail."""
    given = text(value, name)
    if any(character.isascii() for character in given):
        refuse(400, status="400", title="Bad Request")
    return given


OPTIONAL = {"description": text, "emoji": emoji}


def shown(store: Store, kind: CaseTypeRecord) -> Resource:
    """A case type as it is sent."""
    return kind.resource(with_statuses=store.switches.statuses_config)


def get_all_case_types(store: Store, request: ApiRequest) -> Reply:  # noqa: ARG001 - one signature for all handlers
    """Get all case types: `GET /api/v2/cases/types`."""
    return Reply(200, {"data": [shown(store, kind) for kind in store.tables.case_types.values()]})


def create_case_type(store: Store, request: ApiRequest) -> Reply:
    """Create a case type: `POST /api/v2/cases/types`. Names need not be unique."""
    given = attributes_of(data_of(request, "case_type"), {"name": filled}, OPTIONAL)
    kind = add_case_type(store, **given)
    store.effect("create", kind.id, **given)
    return Reply(201, {"data": shown(store, kind)})


def update_case_type(store: Store, request: ApiRequest) -> Reply:
    """Update a case type: `PUT /api/v2/cases/types/{case_type_id}`."""
    given = attributes_of(data_of(request, "case_type"), {"name": filled}, OPTIONAL)
    kind = store.case_type(uuid_path(request, "case_type_id"))
    if any(getattr(kind, name) != value for name, value in given.items()):
        kind = CaseTypeRecord(
            id=kind.id,
            internal=kind.internal,
            statuses=kind.statuses,
            **{"name": kind.name, "description": kind.description, "emoji": kind.emoji, **given},
        )
        store.tables.case_types[kind.id] = kind
        store.effect("update", kind.id, **given)
    return Reply(200, {"data": shown(store, kind)})


def delete_case_type(store: Store, request: ApiRequest) -> Reply:
    """Delete a case type: `DELETE /api/v2/cases/types/{case_type_id}`. A second time also answers 204."""
    kind = store.tables.case_types.pop(uuid_path(request, "case_type_id"), None)
    if kind is not None:
        attributes = store.tables.custom_attributes
        for attribute in [each for each in attributes.values() if each.case_type_id == kind.id]:
            del attributes[attribute.id]
        store.effect("delete", kind.id)
    return Reply(204)
