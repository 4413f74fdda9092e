"""A program that uses the library runs under `python -X dev` with every warning an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("dev_mode_calls.py")
CALLS = 150
"""A sample, as dev mode is slow; `nox -s lowest` makes a thousand."""


def test_many_calls_in_dev_mode_warn_of_nothing() -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", str(PROGRAM), str(CALLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= CALLS
