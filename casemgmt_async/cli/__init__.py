"""The `casemgmt` command.

It is a thin face over the library: every subcommand calls what a program could call as well.
"""

from __future__ import annotations

import importlib.util
import sys

__all__ = ["main"]


def main() -> None:
    """Run the `casemgmt` command with the arguments of this process."""
    missing = [name for name in ("click", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"casemgmt needs {' and '.join(missing)}: pip install 'casemgmt-async[cli]'")
    from casemgmt_async.cli.app import app  # noqa: PLC0415 - needs the extra that was just looked for

    app(prog_name="casemgmt")
