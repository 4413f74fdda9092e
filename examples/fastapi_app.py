"""A case desk as a FastAPI service: search, details, a triage action, and exports in the background.

    uvicorn examples.fastapi_app:app        # keys in DD_API_KEY and DD_APP_KEY, or an emulator's
                                            # address in CASEMGMT_BASE_URL

One session serves all requests. Its errors become sensible answers, a client that hangs up cancels
the upstream call, and an export runs on behind the requests until it is whole or the app stops.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.middleware import Middleware
from fastapi.responses import FileResponse
from pydantic import AfterValidator, BaseModel

from casemgmt_async import Case, CaseSession, Page, Priority, cases, timeline
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
    """Refuse a priority that nobody knows: what is read may be new, what is sent should not be."""
    if not priority.known:
        raise ValueError(f"must be one of {', '.join(Priority)}")
    return priority


class Triage(BaseModel):
    """What to do with a case; what is left out stays as it is."""

    priority: Annotated[Priority, AfterValidator(known)] | None = None
    assignee_id: str | None = None
    comment: str | None = None


@router.post("/cases/{case_id}/triage")
async def triage(session: Session, case_id: str, decision: Triage) -> Case:
    """Set the priority, assign, and say why, in this order; the case as it is afterwards."""
    if decision.priority is not None:
        await cases.update_priority(session, case_id, priority=decision.priority)
    if decision.assignee_id is not None:
        await cases.assign_case(session, case_id, assignee_id=decision.assignee_id)
    if decision.comment is not None:
        await timeline.comment_case(session, case_id, comment=decision.comment)
    return await cases.get_case(session, case_id)


@attrs.define
class Export:
    """One export and how far it is."""

    id: str
    """Its name in the path."""
    state: Literal["running", "done", "failed"] = "running"
    """Whether it runs, and how it ended."""
    phase: str = "reading"
    """What it is doing: `reading` pages or `writing` cases."""
    done: int = 0
    """How many of them are done."""
    total: int | None = None
    """How many there are, where that is known."""


teach(Export)


class Exports:
    """The exports of this process; those that still run when the app stops are cancelled."""

    def __init__(self, session: CaseSession, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._tasks: set[asyncio.Task[None]] = set()
        self.known: dict[str, Export] = {}

    def start(self, query: str | None) -> Export:
        """Begin one; it goes on behind the requests."""
        export = Export(uuid.uuid4().hex)
        self.known[export.id] = export
        task = asyncio.create_task(self._run(export, query))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return export

    def file(self, export: Export) -> Path:
        """Where its cases stand, one JSON object a line."""
        return self._folder / f"{export.id}.jsonl"

    async def _run(self, export: Export, query: str | None) -> None:
        def show(progress: Progress) -> None:
            export.phase, export.done, export.total = progress.phase, progress.done, progress.total

        try:
            await export_cases(self._session, self.file(export), filter=query, control=JobControl(on_progress=show))
        except Exception:
            log.exception("export %s failed", export.id)
            export.state = "failed"
        else:
            export.state = "done"

    async def stop(self) -> None:
        """Cancel what still runs and wait until it is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def exports_of(request: Request) -> Exports:
    """Find the exports of the app; they live in its lifespan's state."""
    exports: Exports = request.state.exports
    return exports


def export_of(request: Request, export_id: str) -> Export:
    """Find one export, or answer 404."""
    export = exports_of(request).known.get(export_id)
    if export is None:
        raise HTTPException(404, "There is no such export.")
    return export


@router.post("/exports", status_code=202)
async def start_export(request: Request, query: str | None = None) -> Export:
    """Begin to export the cases that match; ask for its progress by its id."""
    return exports_of(request).start(query)


@router.get("/exports/{export_id}")
async def show_export(request: Request, export_id: str) -> Export:
    """Show how far an export is."""
    return export_of(request, export_id)


@router.get("/exports/{export_id}/file", response_class=FileResponse)
async def download_export(request: Request, export_id: str) -> FileResponse:
    """Download a whole export, one case a line."""
    export = export_of(request, export_id)
    if export.state != "done":
        raise HTTPException(409, f"The export is {export.state}.")
    return FileResponse(exports_of(request).file(export), media_type="application/x-ndjson")


@asynccontextmanager
async def desk(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
    """Open the session first, then what uses it; close in the other order."""
    async with lifespan(lambda: CaseSession(timeout=20))(app) as state:
        with tempfile.TemporaryDirectory() as folder:
            exports = Exports(state[SESSION], Path(folder))
            try:
                yield {**state, "exports": exports}
            finally:
                await exports.stop()


app = FastAPI(
    title="Case desk",
    lifespan=desk,
    exception_handlers=EXCEPTION_HANDLERS,
    middleware=[Middleware(CancelOnDisconnect)],
)
app.include_router(router)
