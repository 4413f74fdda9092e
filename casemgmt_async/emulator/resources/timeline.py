"""The timeline of a case. The only cells at present are comments."""

from __future__ import annotations

from casemgmt_async.emulator.messages import ApiRequest, Reply, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled
from casemgmt_async.emulator.state.records import CaseRecord, CellRecord, Resource
from casemgmt_async.emulator.state.store import Store


def shown(store: Store, cell: CellRecord) -> Resource:
    """A comment as it is sent."""
    return cell.resource(store.user(cell.author))


def list_case_timeline(store: Store, request: ApiRequest) -> Reply:
    """Get case timeline: `GET /api/v2/cases/{case_id}/timelines`."""
    size = checks.number_query(request, "page[size]", 10, 1, 100)
    number = checks.number_query(request, "page[number]", 0, 0)
    ascending = checks.truth_query(request, "sort[ascending]", default=False)
    comments = store.cases.find(request.ids["case_id"]).comments
    ordered = comments if ascending else comments[::-1]
    cells = [store.tables.cells[cell] for cell in ordered[number * size : (number + 1) * size]]
    return Reply(200, {"data": [shown(store, cell) for cell in cells]})


def comment_case(store: Store, request: ApiRequest) -> Reply:
    """Comment case: `POST /api/v2/cases/{case_id}/comment`."""
    message = attributes_of(data_of(request, "case"), {"comment": filled})["comment"]
    case = store.cases.find(request.ids["case_id"])
    cell = CellRecord(id=store.uuid(), serial=case.serial, message=message, author=store.me, created_at=store.now())
    store.tables.cells[cell.id] = cell
    store.cases.change(case, comments=(*case.comments, cell.id))
    store.effect("create", cell.id, case=case.id, message=message)
    return Reply(200, {"data": [shown(store, cell)]})


def addressed_cell(store: Store, request: ApiRequest) -> tuple[CaseRecord, CellRecord]:
    """The case and the comment that the path names."""
    cell_id = checks.uuid_path(request, "cell_id")
    case = store.cases.find(request.ids["case_id"])
    cell = store.tables.cells.get(cell_id)
    if cell is None or cell.serial != case.serial:
        not_found("failed to get timeline cell: timeline cell")
    return case, cell


def update_case_comment(store: Store, request: ApiRequest) -> Reply:
    """Update case comment: `PUT /api/v2/cases/{case_id}/comment/{cell_id}`."""
    message = attributes_of(data_of(request, "case"), {"comment": filled})["comment"]
    case, cell = addressed_cell(store, request)
    if cell.message != message:
        cell.message, cell.modified_at = message, store.now()
        store.effect("update", cell.id, case=case.id, message=message)
    return Reply(200)


def delete_case_comment(store: Store, request: ApiRequest) -> Reply:
    """Delete case comment: `DELETE /api/v2/cases/{case_id}/comment/{cell_id}`."""
    case, cell = addressed_cell(store, request)
    del store.tables.cells[cell.id]
    store.cases.change(case, comments=tuple(each for each in case.comments if each != cell.id))
    store.effect("delete", cell.id, case=case.id)
    return Reply(204)
