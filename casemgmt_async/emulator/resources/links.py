"""Links: directed relationships between cases, incidents, pages and conversations."""

from __future__ import annotations

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, one_of, uuid
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.store import Store

ENTITY = one_of(("CASE", "INCIDENT", "PAGE", "AGENT_CONVERSATION"), "entity type")
RELATIONSHIP = one_of(
    ("RELATES_TO", "CAUSES", "BLOCKS", "DUPLICATES", "PARENT_OF", "SUCCESSOR_OF", "ESCALATES_TO"), "relationship"
)
LINK = {
    "parent_entity_id": uuid,
    "parent_entity_type": ENTITY,
    "child_entity_id": uuid,
    "child_entity_type": ENTITY,
    "relationship": RELATIONSHIP,
}


def list_case_links(store: Store, request: ApiRequest) -> Reply:
    """List case links: `GET /api/v2/cases/link`."""
    for name in ("entity_type", "entity_id"):
        if not request.query.get(name):
            bad_request(f"query parameter {name} is required")
    kind = ENTITY(request.query["entity_type"], "entity_type")
    entity = uuid(request.query["entity_id"], "entity_id")
    wanted = request.query.get("relationship")
    if wanted:
        RELATIONSHIP(wanted, "relationship")
    if kind == "CASE":
        store.cases.find(entity)
    ends = ("parent", "child")
    data = [
        link
        for link in store.tables.links.values()
        if any(
            link["attributes"][f"{end}_entity_id"] == entity and link["attributes"][f"{end}_entity_type"] == kind
            for end in ends
        )
        and wanted in {None, "", link["attributes"]["relationship"]}
    ]
    return Reply(200, {"data": data})


def create_case_link(store: Store, request: ApiRequest) -> Reply:
    """Create a case link: `POST /api/v2/cases/link`."""
    given = attributes_of(data_of(request, "link"), LINK)
    ends = [(given[f"{end}_entity_type"], given[f"{end}_entity_id"]) for end in ("parent", "child")]
    if all(kind != "CASE" for kind, _ in ends):
        bad_request("at least one entity must be a case")
    for kind, entity in ends:
        if kind == "CASE":
            store.cases.find(entity)
    link: Resource = {"id": store.uuid(), "type": "link", "attributes": given}
    store.tables.links[link["id"]] = link
    store.effect("create", link["id"], **given)
    return Reply(201, {"data": link})


def delete_case_link(store: Store, request: ApiRequest) -> Reply:
    """Delete a case link: `DELETE /api/v2/cases/link/{link_id}`."""
    link_id = checks.uuid_path(request, "link_id")
    if store.tables.links.pop(link_id, None) is None:
        not_found("case link")
    store.effect("delete", link_id)
    return Reply(204)
