"""Timeline: comments on cases. The reference knows no other cells at present."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casemgmt_async.emulator import checks
from casemgmt_async.emulator.checks import attributes_of, data_of, filled
from casemgmt_async.emulator.exchange import Reply, Request
from casemgmt_async.emulator.records import Case, Cell

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World


def list_case_timeline(world: World, request: Request) -> Reply:
    """Get case timeline: `GET /api/v2/cases/{case_id}/timelines`."""
    size = checks.number_query(request, "page[size]", 10, 1, 100)
    number = checks.number_query(request, "page[number]", 0, 0)
    ascending = checks.truth_query(request, "sort[ascending]", default=False)
    comments = world.cases.find(request.ids["case_id"]).comments
    ordered = comments if ascending else comments[::-1]
    cells = [world.state.cells[cell] for cell in ordered[number * size : (number + 1) * size]]
    return Reply(200, {"data": [cell.resource(world.users) for cell in cells]})


def comment_case(world: World, request: Request) -> Reply:
    """Comment case: `POST /api/v2/cases/{case_id}/comment`."""
    message = attributes_of(data_of(request, "case"), {"comment": filled})["comment"]
    case = world.cases.find(request.ids["case_id"])
    cell = Cell(id=world.uuid(), serial=case.serial, message=message, author=world.me, created_at=world.now())
    world.state.cells[cell.id] = cell
    world.cases.change(case, comments=(*case.comments, cell.id))
    world.effect("create", cell.id, case=case.id, message=message)
    return Reply(200, {"data": [cell.resource(world.users)]})


def named_cell(world: World, request: Request) -> tuple[Case, Cell]:
    """The case and the comment that the path names."""
    cell_id = checks.uuid_path(request, "cell_id")
    case = world.cases.find(request.ids["case_id"])
    cell = world.state.cells.get(cell_id)
    if cell is None or cell.serial != case.serial:
        checks.not_found("timeline cell")
    return case, cell


def update_case_comment(world: World, request: Request) -> Reply:
    """Update case comment: `PUT /api/v2/cases/{case_id}/comment/{cell_id}`."""
    message = attributes_of(data_of(request, "case"), {"comment": filled})["comment"]
    case, cell = named_cell(world, request)
    if cell.message != message:
        cell.message, cell.modified_at = message, world.now()
        world.effect("update", cell.id, case=case.id, message=message)
    return Reply(200)


def delete_case_comment(world: World, request: Request) -> Reply:
    """Delete case comment: `DELETE /api/v2/cases/{case_id}/comment/{cell_id}`."""
    case, cell = named_cell(world, request)
    del world.state.cells[cell.id]
    world.cases.change(case, comments=tuple(each for each in case.comments if each != cell.id))
    world.effect("delete", cell.id, case=case.id)
    return Reply(204)
