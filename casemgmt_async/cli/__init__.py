"""The `casemgmt` command.

It is a thin face over the library: every subcommand calls what a program could call as well.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run the `casemgmt` command with the arguments of this process."""
    missing = [name for name in ("click", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"casemgmt needs {' and '.join(missing)}: pip install 'casemgmt-async[cli]'")
    # A closed standard output is one nobody reads; what its encoding lacks is written as an escape, not a traceback.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - for the life of the process
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        from casemgmt_async.cli.app import app  # noqa: PLC0415 - needs the extra that was just looked for

        app(prog_name="casemgmt")
    except KeyboardInterrupt:  # so early that no subcommand has begun
        sys.exit(130)
