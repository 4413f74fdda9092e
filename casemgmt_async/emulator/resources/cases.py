"""Cases: the 21 operations on cases themselves."""

from __future__ import annotations

import uuid as uuids
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final

from casemgmt_async.emulator.messages import ApiRequest, Refused, Reply, bad_request, refuse
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, one_of, text, uuid
from casemgmt_async.emulator.resources.relationships import make_jira_issue, make_linear_issue, make_service_now_ticket
from casemgmt_async.emulator.state.case_types import name_of_status, status_of_name
from casemgmt_async.emulator.state.cases import CLOSED
from casemgmt_async.emulator.state.index import SORTS
from casemgmt_async.emulator.state.records import PRIORITIES, STATUSES, CaseRecord
from casemgmt_async.emulator.state.search import facet_values
from casemgmt_async.emulator.state.store import Store

PRIORITY = one_of(PRIORITIES, "priority")
SORT = one_of(SORTS, "sort field")
LABELS = checks.map_of(checks.list_of(text))
CUSTOM = checks.map_of(checks.custom_attribute)
INSIGHT_TYPES: Final = (
    "SECURITY_SIGNAL", "MONITOR", "EVENT_CORRELATION", "ERROR_TRACKING", "CLOUD_COST_RECOMMENDATION",
    "INCIDENT", "SENSITIVE_DATA_SCANNER_ISSUE", "EVENT", "WATCHDOG_STORY", "WIDGET",
    "SECURITY_FINDING", "INSIGHT_SCORECARD_CAMPAIGN", "RESOURCE_POLICY", "APM_RECOMMENDATION", "SCM_URL",
    "PROFILING_DOWNSIZING_EXPERIMENT",
)  # fmt: skip
INSIGHT = checks.object_of({"type": one_of(INSIGHT_TYPES, "insight type"), "ref": text, "resource_id": text})
INSIGHTS = {"insights": checks.list_of(INSIGHT, 1, 100)}
MAX_GROUPS: Final = 1000


def check_status(store: Store, status: str) -> str:
    """Accept a status. The service lists the allowed ones in an order that changes from answer to answer."""
    if status not in STATUSES:
        names = list(STATUSES)
        store.tables.order_random.shuffle(names)
        refuse(400, title="Generic Error", detail=f"invalid status {status}. Must be one of {', '.join(names)}")
    return status


def create_case(store: Store, request: ApiRequest) -> Reply:
    """Create a case: `POST /api/v2/cases`."""
    data = data_of(request, "case")
    optional = {"description": text, "priority": PRIORITY, "status_name": text, "custom_attributes": CUSTOM}
    given = attributes_of(data, {"title": filled, "type_id": uuid}, optional)
    project_id = checks.related(data, "project", "project") or bad_request("relationships.project is required")
    assignee = checks.related(data, "assignee", "user")
    project = store.project(project_id)
    kind = store.case_type(given["type_id"])
    store.check_custom_attributes(kind.id, given.get("custom_attributes", {}))
    shows_name = store.switches.status_names or "status_name" in given
    if "status_name" in given:
        given["status"] = status_of_name(kind, given["status_name"])
    else:
        given["status_name"] = name_of_status(kind, "OPEN")
    now = store.created_now()
    if given.get("status") in CLOSED:
        given["closed_at"] = now
    case = store.cases.add(
        project_id=project["id"],
        created_at=now,
        created_by=store.me,
        assignee=assignee,
        shows_status_name=shows_name,
        **given,
    )
    store.effect("create", case.id, key=case.key, project_id=case.project_id, title=case.title)
    return store.cases.reply(case, 201)


def search_cases(store: Store, request: ApiRequest) -> Reply:
    """Search cases: `GET /api/v2/cases`."""
    size = checks.number_query(request, "page[size]", 10, 1, 100)
    number = checks.number_query(request, "page[number]", 1, 1)
    ascending = checks.truth_query(request, "sort[asc]", default=False)
    sort = SORT(request.query.get("sort[field]") or "created_at", "sort[field]")
    cap, status = store.switches.depth_cap, store.switches.depth_status
    if cap is not None and number * size > cap and status != 200:
        raise Refused(status, [{"title": "Generic Error", "detail": f"cannot page deeper than {cap} cases"}])
    return store.cases.page(request.query.get("filter", ""), sort, number, size, ascending=ascending)


def get_case(store: Store, request: ApiRequest) -> Reply:
    """Get the details of a case: `GET /api/v2/cases/{case_id}`."""
    return store.cases.reply(store.cases.find(request.ids["case_id"]))


def edit(store: Store, request: ApiRequest, **fields: Any) -> Reply:
    """Change the case that the path names, and answer with it."""
    case = store.cases.find(request.ids["case_id"])
    store.cases.edit(case, **fields)
    return store.cases.reply(case)


def update_case_title(store: Store, request: ApiRequest) -> Reply:
    """Update case title: `POST /api/v2/cases/{case_id}/title`."""
    return edit(store, request, **attributes_of(data_of(request, "case"), {"title": filled}))


def update_case_description(store: Store, request: ApiRequest) -> Reply:
    """Update case description: `POST /api/v2/cases/{case_id}/description`."""
    return edit(store, request, **attributes_of(data_of(request, "case"), {"description": text}))


def update_status(store: Store, request: ApiRequest) -> Reply:
    """Update case status: `POST /api/v2/cases/{case_id}/status`."""
    given = attributes_of(data_of(request, "case"), {}, {"status": text, "status_name": text})
    if not given:
        bad_request("attributes.status or attributes.status_name is required")
    if "status_name" not in given:
        return edit(store, request, status=check_status(store, given["status"]))
    case = store.cases.find(request.ids["case_id"])
    status = status_of_name(store.case_type(case.type_id), given["status_name"])
    return edit(store, request, status=status, status_name=given["status_name"])


def update_priority(store: Store, request: ApiRequest) -> Reply:
    """Update case priority: `POST /api/v2/cases/{case_id}/priority`."""
    return edit(store, request, **attributes_of(data_of(request, "case"), {"priority": PRIORITY}))


def assign_case(store: Store, request: ApiRequest) -> Reply:
    """Assign case: `POST /api/v2/cases/{case_id}/assign`."""
    given = attributes_of(data_of(request, "case"), {"assignee_id": uuid})
    return edit(store, request, assignee=given["assignee_id"])


def unassign_case(store: Store, request: ApiRequest) -> Reply:
    """Unassign case: `POST /api/v2/cases/{case_id}/unassign`."""
    data_of(request, "case")
    return edit(store, request, assignee=None)


def archive_case(store: Store, request: ApiRequest) -> Reply:
    """Archive case: `POST /api/v2/cases/{case_id}/archive`."""
    data_of(request, "case")
    case = store.cases.find(request.ids["case_id"])
    store.cases.archive(case.id)
    return store.cases.reply(case)


def unarchive_case(store: Store, request: ApiRequest) -> Reply:
    """Unarchive case: `POST /api/v2/cases/{case_id}/unarchive`."""
    data_of(request, "case")
    return edit(store, request, archived_at=None)


def update_attributes(store: Store, request: ApiRequest) -> Reply:
    """Update case attributes: `POST /api/v2/cases/{case_id}/attributes`."""
    return edit(store, request, **attributes_of(data_of(request, "case"), {"attributes": LABELS}))


def update_case_custom_attribute(store: Store, request: ApiRequest) -> Reply:
    """Update case custom attribute: `POST /api/v2/cases/{case_id}/custom_attributes/{custom_attribute_key}`."""
    value = checks.custom_attribute(data_of(request, "case").get("attributes"), "attributes")
    case, key = store.cases.find(request.ids["case_id"]), request.ids["custom_attribute_key"]
    store.check_custom_attributes(case.type_id, {key: value})
    return edit(store, request, custom_attributes={**case.custom_attributes, key: value})


def delete_case_custom_attribute(store: Store, request: ApiRequest) -> Reply:
    """Delete custom attribute from case: `DELETE /api/v2/cases/{case_id}/custom_attributes/{custom_attribute_key}`."""
    case, key = store.cases.find(request.ids["case_id"]), request.ids["custom_attribute_key"]
    store.custom_attribute(case.type_id, key)
    rest = {name: value for name, value in case.custom_attributes.items() if name != key}
    return edit(store, request, custom_attributes=rest)


def update_case_due_date(store: Store, request: ApiRequest) -> Reply:
    """Update case due date: `POST /api/v2/cases/{case_id}/due_date`."""
    return edit(store, request, **attributes_of(data_of(request, "case"), {"due_date": checks.nullable(checks.day)}))


def update_case_resolved_reason(store: Store, request: ApiRequest) -> Reply:
    """Update case resolved reason: `POST /api/v2/cases/{case_id}/resolved_reason`."""
    return edit(store, request, **attributes_of(data_of(request, "case"), {"security_resolved_reason": filled}))


def identity(insight: Mapping[str, str]) -> tuple[str, str]:
    """The identity of an insight: its type and resource id."""
    return insight["type"], insight["resource_id"]


def add_case_insights(store: Store, request: ApiRequest) -> Reply:
    """Add insights to a case: `PUT /api/v2/cases/{case_id}/insights`."""
    added = attributes_of(data_of(request, "case"), INSIGHTS)["insights"]
    present = store.cases.find(request.ids["case_id"]).insights
    merged = {identity(insight): insight for insight in (*present, *added)}
    return edit(store, request, insights=tuple(merged.values()))


def remove_case_insights(store: Store, request: ApiRequest) -> Reply:
    """Remove insights from a case: `DELETE /api/v2/cases/{case_id}/insights`."""
    removed = {identity(each) for each in attributes_of(data_of(request, "case"), INSIGHTS)["insights"]}
    present = store.cases.find(request.ids["case_id"]).insights
    return edit(store, request, insights=tuple(each for each in present if identity(each) not in removed))


def result_id(*parts: object) -> str:
    """The id of a computed result: equal requests have equal ids."""
    return str(uuids.uuid5(uuids.NAMESPACE_URL, repr(parts)))


def aggregate_cases(store: Store, request: ApiRequest) -> Reply:
    """Aggregate cases: `POST /api/v2/cases/aggregate`."""
    grouping = checks.object_of({"groups": checks.list_of(text, 1), "limit": checks.integer(1, MAX_GROUPS)})
    given = attributes_of(data_of(request, "aggregate"), {"group_by": grouping, "query_filter": text})
    fields, limit = given["group_by"]["groups"], given["group_by"]["limit"]
    cases = store.cases.found(given["query_filter"])
    counts = Counter(
        ",".join(values) for case in cases for values in product(*(facet_values(case, field) for field in fields))
    )
    groups = [{"group": group, "value": [count]} for group, count in ranked(counts)[:limit]]
    result = result_id("aggregate", given["query_filter"], *fields, limit)
    return Reply(
        200, {"data": {"id": result, "type": "aggregate", "attributes": {"groups": groups, "total": len(cases)}}}
    )


def count_cases(store: Store, request: ApiRequest) -> Reply:
    """Count cases: `GET /api/v2/cases/count`."""
    query = request.query.get("query_filter", "")
    limit = checks.number_query(request, "limit", MAX_GROUPS, 1, MAX_GROUPS)
    fields = [field.strip() for field in request.query.get("group_bys", "").split(",") if field.strip()]
    cases = store.cases.found(query)
    groups = []
    for field in fields:
        counts = Counter(value for case in cases for value in facet_values(case, field))
        values = [{"value": value, "count": count} for value, count in ranked(counts)[:limit]]
        groups.append({"group": field, "group_values": values})
    result = result_id("count", query, *fields, limit)
    return Reply(200, {"data": {"id": result, "type": "count", "attributes": {"groups": groups, "total": len(cases)}}})


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Groups with the most cases first, then by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def bulk_update_cases(store: Store, request: ApiRequest) -> Reply:
    """Bulk update cases: `POST /api/v2/cases/bulk`."""
    shape = {"case_ids": checks.list_of(text, 1), "type": one_of(BULK, "bulk action")}
    given = attributes_of(data_of(request, "bulk"), shape, {"payload": checks.map_of(text)})
    required, act = BULK[given["type"]]
    payload: dict[str, str] = given.get("payload", {})
    payload |= checks.object_of(required)(payload, "payload")
    if given["type"] == "status":
        check_status(store, payload["status"])
    if given["type"] == "update_project":
        store.project(payload["project_id"])
    for address in dict.fromkeys(given["case_ids"]):
        try:
            case = store.cases.find(address)
        except Refused:
            continue  # the answer has no outcome per case, so unknown cases are skipped
        act(store, case, payload)
    return Reply(200)


BulkAction = Callable[[Store, CaseRecord, dict[str, str]], None]
BULK: dict[str, tuple[dict[str, checks.Check], BulkAction]] = {
    "priority": ({"priority": PRIORITY}, lambda store, case, given: store.cases.edit(case, priority=given["priority"])),
    "status": ({"status": text}, lambda store, case, given: store.cases.edit(case, status=given["status"])),
    "assign": ({"assignee_id": uuid}, lambda store, case, given: store.cases.edit(case, assignee=given["assignee_id"])),
    "unassign": ({}, lambda store, case, _: store.cases.edit(case, assignee=None)),
    "archive": ({}, lambda store, case, _: store.cases.archive(case.id)),
    "unarchive": ({}, lambda store, case, _: store.cases.unarchive(case.id)),
    "jira": ({}, make_jira_issue),
    "servicenow": ({}, make_service_now_ticket),
    "linear": ({}, make_linear_issue),
    "update_project": ({"project_id": uuid}, lambda store, case, given: store.cases.move(case, given["project_id"])),
}
"""Required payload and effect of each bulk action."""
