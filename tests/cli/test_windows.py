"""What the command does differently on Windows, with the differences of Windows simulated."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from casemgmt_async import cli
from casemgmt_async.cli.profiles import config_file
from casemgmt_async.cli.progress import Interrupts
from casemgmt_async.cli.screen import Screen
from casemgmt_async.jobs import JobControl


async def test_ctrl_c_asks_a_job_to_stop_where_loops_handle_no_signals(monkeypatch, capsys):
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse, raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    control = JobControl()
    with Interrupts(control, Screen()) as interrupts:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        assert (control.stop.requested, control.stop.aborted) == (True, False)
        with interrupts.released():
            assert signal.getsignal(signal.SIGINT) == before[signal.SIGINT]
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        assert control.stop.aborted
    assert {number: signal.getsignal(number) for number in before} == before
    assert "Ctrl-C again stops at once" in capsys.readouterr().err


def test_terminals_that_know_no_escape_sequences_are_taught_them(monkeypatch):
    taught = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "colorama", SimpleNamespace(just_fix_windows_console=lambda: taught.append(True)))
    monkeypatch.setattr(sys, "argv", ["casemgmt", "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, taught) == (0, [True])


def test_the_configuration_is_in_the_folder_that_windows_names(monkeypatch, tmp_path):
    monkeypatch.delenv("CASEMGMT_CONFIG", raising=False)
    monkeypatch.setenv("APPDATA", str(tmp_path))
    fake = SimpleNamespace(name="nt", environ=os.environ)
    monkeypatch.setattr("casemgmt_async.cli.profiles.os", fake)
    assert config_file() == Path(tmp_path) / "casemgmt" / "config.toml"
