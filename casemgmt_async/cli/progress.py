"""What a job shows while it works: a bar on a terminal, a quiet line now and then elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final, Self

from attrs import define, field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from casemgmt_async import jobs
from casemgmt_async.cli.screen import Screen

__all__ = ["Interrupts", "Show"]

QUIET_EVERY: Final = 10.0  # seconds between two lines where nobody watches
FEW: Final = 10  # too few for an estimate
PHASE_NOTES: Final = {
    "looking up": "requests were cut off: giving them up to 30 s to take effect, then looking for what they made"
}


@define
class Show:
    """Takes the progress of a job and shows it."""

    screen: Screen
    _bars: Progress | None = None
    _phase: str = ""
    _told_at: float = field(default=0.0)

    def __call__(self, now: jobs.Progress) -> None:
        """Show where the job stands."""
        if now.phase != self._phase and now.phase in PHASE_NOTES:
            self.screen.note(PHASE_NOTES[now.phase])
        if self._bars is not None:
            self._move(self._bars, now)
        elif now.elapsed - self._told_at >= QUIET_EVERY:
            self._told_at = now.elapsed
            self.screen.note(_line(now))
        self._phase = now.phase

    @contextlib.contextmanager
    def shown(self) -> Iterator[Show]:
        """Keep the bars on the terminal while the block runs."""
        if not self.screen.is_interactive:
            yield self
            return
        columns: list[ProgressColumn] = [
            SpinnerColumn(),
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Pace(),
        ]
        console = Console(stderr=True, highlight=False)
        try:
            with Progress(*columns, console=console) as self._bars:
                self.screen.live = console
                yield self
                self._end_phase(self._bars)
        finally:
            self._bars = self.screen.live = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bars off the terminal while the block runs."""
        bars = self._bars
        if bars is None:
            yield
            return
        bars.stop()
        try:
            yield
        finally:
            bars.start()

    def _end_phase(self, bars: Progress) -> None:
        """Bring the bar of a phase that is over to its end; one that was stopped stays where it was."""
        for task in bars.tasks[-1:]:
            now: jobs.Progress = task.fields["now"]
            if not now.stopping:
                bars.update(task.id, completed=task.total if task.total is not None else task.completed)

    def _move(self, bars: Progress, now: jobs.Progress) -> None:
        if not now.phase:
            return
        if now.phase != self._phase:
            self._end_phase(bars)
            bars.add_task(now.phase, total=now.total, now=now)
        bars.update(bars.task_ids[-1], completed=now.done, total=now.total, now=now)


class Pace(ProgressColumn):
    """How fast, how long still, and what holds it up."""

    def render(self, task: Task) -> Text:
        """Give the text of one line."""
        now: jobs.Progress | None = task.fields.get("now")
        return Text(_pace(now) if now is not None else "")


def _pace(now: jobs.Progress) -> str:
    parts = [f"{now.rate:,.0f}/s"]
    if now.eta is not None and now.done >= FEW and not now.stopping:
        parts.append(f"{now.eta:,.0f} s left")
    if now.held >= 0.5:
        parts.append(f"rate limit: {now.held:.0f} s")
    if now.stopping:
        parts.append("stopping")
    return ", ".join(parts)


def _line(now: jobs.Progress) -> str:
    of = f" of {now.total:,}" if now.total is not None else ""
    return f"{now.phase or 'starting'}: {now.done:,}{of} ({_pace(now)})"


SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""The signals that ask a job to stop; SIGBREAK is Ctrl-Break on Windows."""


class Interrupts:
    """Lets Ctrl-C and SIGTERM ask a job to stop: once to finish the requests in flight, twice to stop at once."""

    def __init__(self, control: jobs.JobControl, screen: Screen) -> None:
        self._control, self._screen = control, screen
        self._caught = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._catch()
        return self

    def __exit__(self, *_: object) -> None:
        self._caught.close()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let the signals end the process as usual inside the block, such as while it asks a question."""
        self._caught.close()
        try:
            yield
        finally:
            self._catch()

    def _stop(self) -> None:
        self._screen.note(
            "stopping now; nothing is lost"
            if self._control.stop.requested
            else "finishing the requests in flight; Ctrl-C again stops at once, and nothing is lost either way"
        )
        self._control.request_stop()

    def _catch(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with contextlib.suppress(RuntimeError, ValueError):  # only the main thread may handle signals
                try:
                    loop.add_signal_handler(number, self._stop)
                    self._caught.callback(loop.remove_signal_handler, number)
                except NotImplementedError:  # the event loops of Windows leave signals to the interpreter
                    before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._stop))
                    self._caught.callback(signal.signal, number, before)
