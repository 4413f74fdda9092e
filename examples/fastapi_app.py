"""A case desk as a FastAPI service: search, details, a triage action, alerts, and exports in the background.

    uvicorn examples.fastapi_app:app
    uvicorn examples.fastapi_app:app --workers 2

It needs Datadog keys in DD_API_KEY and DD_APP_KEY, or the variables that `casemgmt emulator` prints.

`POST /alerts` makes a case of an alert in the project CASE_DESK_PROJECT, a key or a name, by default `OPS`. An alert
that is sent again does not make another case.

One session serves all requests of a process. Its errors become responses, and a client that disconnects cancels the
call that its handler awaits. An export runs in the background until it is complete or the app stops. Its state is a
file in a folder that all workers share, so that each of them can report it: `CASE_DESK_FOLDER`, by default one in the
system's folder for temporary files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import attrs
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response
from fastapi.middleware import Middleware
from fastapi.responses import FileResponse
from pydantic import AfterValidator, BaseModel, StringConstraints, model_validator

from casemgmt_async import (
    UNSET,
    Case,
    CaseSession,
    Directory,
    NameLookupError,
    Page,
    Priority,
    cases,
    create_case_once,
    timeline,
)
from casemgmt_async.integrations.fastapi import (
    EXCEPTION_HANDLERS,
    RESPONSES,
    SESSION,
    CancelOnDisconnect,
    Session,
    lifespan,
    teach,
)
from casemgmt_async.jobs import JobControl, Progress, export_cases

log = logging.getLogger("case_desk")
router = APIRouter(responses=RESPONSES)


@router.get("/cases")
async def search(
    session: Session, query: str | None = None, page: Annotated[int, Query(ge=1)] = 1, size: int = 20
) -> Page[Case]:
    """Search the cases, one page at a time."""
    return await cases.search_cases(session, filter=query, page_number=page, page_size=size)


@router.get("/cases/{case_id}")
async def show(session: Session, case_id: str) -> Case:
    """Show one case, by its id or its key."""
    return await cases.get_case(session, case_id)


def known(priority: Priority) -> Priority:
    """Refuse a priority that is not in the enum: a response may contain new values, a request should not."""
    if not priority.known:
        raise ValueError(f"must be one of {', '.join(Priority)}, not {str(priority)!r}")
    return priority


class Triage(BaseModel):
    """The changes to make to a case. A field that is left out does not change."""

    priority: Annotated[Priority, AfterValidator(known)] | None = None
    assignee_id: str | None = None
    comment: str | None = None

    @model_validator(mode="after")
    def changes_something(self) -> Triage:
        """Refuse a request without any change."""
        if self.priority is None and self.assignee_id is None and self.comment is None:
            raise ValueError("give at least one of priority, assignee_id and comment")
        return self


@router.post("/cases/{case_id}/triage")
async def triage(session: Session, case_id: str, decision: Triage) -> Case:
    """Set the priority, assign, and comment, in this order; return the case as it is afterwards."""
    if decision.priority is not None:
        await cases.update_priority(session, case_id, priority=decision.priority)
    if decision.assignee_id is not None:
        await cases.assign_case(session, case_id, assignee_id=decision.assignee_id)
    if decision.comment is not None:
        await timeline.comment_case(session, case_id, comment=decision.comment)
    return await cases.get_case(session, case_id)


class Alert(BaseModel):
    """An alert as a monitoring system sends it, perhaps several times."""

    id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    text: str = ""
    priority: Annotated[Priority, AfterValidator(known)] = Priority.P3
    assignee: str | None = None


@router.post("/alerts")
async def alert(request: Request, response: Response, session: Session, alert: Alert) -> Case:
    """Return the case of an alert: 201 for a new one, 200 for one that an earlier request made."""
    directory = directory_of(request)
    try:
        project = await directory.project(os.environ.get("CASE_DESK_PROJECT", "OPS"))
        standard = await directory.case_type("Standard")
        assignee = UNSET if alert.assignee is None else (await directory.user(alert.assignee)).id
    except NameLookupError as error:
        raise HTTPException(422, str(error)) from error
    result = await create_case_once(
        session,
        token=alert.id,
        title=alert.title,
        type_id=standard.id,
        project_id=project.id,
        description=alert.text,
        priority=alert.priority,
        assignee_id=assignee,
    )
    response.status_code = 201 if result.created else 200
    return result.case


def directory_of(request: Request) -> Directory:
    """Return the directory of the app, from the state of its lifespan."""
    directory: Directory = request.state.directory
    return directory


SILENT: Final = 600.0  # seconds without progress after which the process of an export is taken for dead


@attrs.frozen
class Export:
    """An export and its progress."""

    id: str
    """The id in the path."""
    state: Literal["running", "done", "failed", "stopped"] = "running"
    """Whether it runs, and how it ended. `stopped` means that its process ended before it was complete."""
    phase: str = "reading"
    """What it is doing, such as `reading` pages or `writing` cases."""
    done: int = 0
    """The number of items that this phase has done."""
    total: int | None = None
    """The number of items in this phase, if known."""


teach(Export)


class Exports:
    """The exports of all workers: their states are files in one folder. Those of this process end with it."""

    def __init__(self, session: CaseSession, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._session = session
        self._folder = folder
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, query: str | None) -> Export:
        """Start an export in the background."""
        export = Export(uuid.uuid4().hex)
        self._save(export)
        task = asyncio.create_task(self._run(export, query))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return export

    def find(self, export_id: str) -> Export | None:
        """Return the export of any worker, or None if it does not exist."""
        if not export_id.isalnum():  # it becomes part of a path
            return None
        try:
            found = Export(**json.loads(self._state(export_id).read_text("utf-8")))
            silent = time.time() - self._state(export_id).stat().st_mtime
        except FileNotFoundError:
            return None
        return attrs.evolve(found, state="stopped") if found.state == "running" and silent > SILENT else found

    def file(self, export_id: str) -> Path:
        """Return the path of the exported cases, one JSON object per line."""
        return self._folder / f"{export_id}.jsonl"

    def _state(self, export_id: str) -> Path:
        return self._folder / f"{export_id}.state.json"

    def _save(self, export: Export) -> None:
        """Write the state, in one step for those who read it."""
        new = self._folder / f"{export.id}.new"
        new.write_text(json.dumps(attrs.asdict(export)), "utf-8")
        new.replace(self._state(export.id))

    async def _run(self, export: Export, query: str | None) -> None:
        now = export

        def show(progress: Progress) -> None:
            nonlocal now
            now = attrs.evolve(export, phase=progress.phase, done=progress.done, total=progress.total)
            self._save(now)

        control = JobControl(on_progress=show)
        try:
            await export_cases(self._session, self.file(export.id), filter=query, control=control)
        except asyncio.CancelledError:
            self._save(attrs.evolve(now, state="stopped"))
            raise
        except Exception:
            log.exception("export %s failed", export.id)
            self._save(attrs.evolve(now, state="failed"))
        else:
            self._save(attrs.evolve(now, state="done"))

    async def stop(self) -> None:
        """Cancel the exports of this process and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def exports_of(request: Request) -> Exports:
    """Return the exports of the app, from the state of its lifespan."""
    exports: Exports = request.state.exports
    return exports


def export_of(request: Request, export_id: str) -> Export:
    """Return one export, or respond with 404."""
    export = exports_of(request).find(export_id)
    if export is None:
        raise HTTPException(404, f"Unknown export {export_id!r}.")
    return export


@router.post("/exports", status_code=202)
async def start_export(request: Request, query: str | None = None) -> Export:
    """Start an export of the cases that match. Ask for its progress by its id."""
    return exports_of(request).start(query)


@router.get("/exports/{export_id}")
async def show_export(request: Request, export_id: str) -> Export:
    """Show the progress of an export."""
    return export_of(request, export_id)


@router.get("/exports/{export_id}/file", response_class=FileResponse)
async def download_export(request: Request, export_id: str) -> FileResponse:
    """Download a complete export, one case per line."""
    export = export_of(request, export_id)
    if export.state != "done":
        raise HTTPException(409, f"The export is {export.state}.")
    return FileResponse(exports_of(request).file(export.id), media_type="application/x-ndjson")


@asynccontextmanager
async def desk(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
    """Open the session, then the objects that use it; close in reverse order."""
    async with lifespan(lambda: CaseSession(timeout=20))(app) as state:
        folder = Path(os.environ.get("CASE_DESK_FOLDER") or Path(tempfile.gettempdir(), "case-desk"))
        exports = Exports(state[SESSION], folder)
        try:
            yield {**state, "exports": exports, "directory": Directory(state[SESSION])}
        finally:
            await exports.stop()


app = FastAPI(
    title="Case desk",
    lifespan=desk,
    exception_handlers=EXCEPTION_HANDLERS,
    middleware=[Middleware(CancelOnDisconnect)],
)
app.include_router(router)
