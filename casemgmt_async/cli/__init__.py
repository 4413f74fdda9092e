"""The `casemgmt` command, over the public names of the library."""

from __future__ import annotations

import gc
import importlib.util
import io
import os
import sys

from casemgmt_async import __version__

__all__ = ["main"]


def main() -> None:
    """Run the `casemgmt` command with the arguments of this process."""
    if sys.argv[1:] == ["--version"]:  # answered before anything is loaded
        sys.stdout.write(f"casemgmt, version {__version__}\n")
        return
    gc.disable()  # loading makes much that stays; a command that does more work than that enables it again
    missing = [name for name in ("click", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"casemgmt needs {' and '.join(missing)}: pip install 'casemgmt-async[cli]'")
    if sys.platform == "win32":  # click brings colorama along there
        from colorama import just_fix_windows_console  # noqa: PLC0415

        just_fix_windows_console()
    # Without standard streams, output goes nowhere. Letters that the encoding lacks are written as escapes.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the life of the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        from casemgmt_async.cli.app import app  # noqa: PLC0415 - needs the extra that was just looked for

        app(prog_name="casemgmt")
    except KeyboardInterrupt:  # before a subcommand has started
        sys.exit(130)
