"""Check types with mypy and pyright: the package, a file of user code, and the Python blocks of README and docs.

Usage: `python docs/check_types.py`. User code and blocks are checked in strict mode by both. A page becomes one
coroutine function, as its blocks share their names; a block that defines tests becomes a module of its own. Line
numbers in the reports are those of the page.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "docs"))

from test_code_blocks import BLOCK, PAGES  # noqa: E402 - the blocks that the tests run are those to check

Check = tuple[list[str], Path | str]  # a command and the folder to run it in
FUTURE = "from __future__ import annotations"
PYRIGHT: dict[str, Any] = {
    "typeCheckingMode": "strict",
    "pythonVersion": "3.11",
    "reportUnknownMemberType": "none",  # members of libraries whose types need packages that are not installed
    # A page shows a result or a handler without using it.
    "reportUnusedVariable": "none",
    "reportUnusedFunction": "none",
    "reportUnusedExpression": "none",
}


def modules(page: Path) -> dict[str, str]:
    """Return the modules to check for one page, by file name; each line stands where the page has it."""
    text = page.read_text("utf-8")
    name = re.sub(r"\W", "_", page.stem.lower())
    shared: dict[int, list[str]] = {}
    found: dict[str, str] = {}
    for match in BLOCK.finditer(text):
        if match[2] != "python":
            continue
        first = text.count("\n", 0, match.start(4))
        source = textwrap.dedent(match[4])
        if re.search(r"^(async )?def test_", source, re.MULTILINE):
            found[f"{name}_test_{first}.py"] = placed({first: source.splitlines()})
        else:
            shared[first] = ["    " + line if line else "" for line in source.splitlines()]
    if shared:
        found[f"{name}.py"] = placed({min(shared) - 1: ["async def page() -> None:"], **shared})
    return found


def placed(parts: dict[int, list[str]]) -> str:
    """Return a module that has each part at its line, counted from 0."""
    lines = [FUTURE] + [""] * max(first + len(part) for first, part in parts.items())
    for first, part in parts.items():
        lines[first : first + len(part)] = part
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run both checkers beside each other; returns 1 if either objects."""
    mypy = [sys.executable, "-m", "mypy"]
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        for page in PAGES:
            for name, source in modules(page).items():
                Path(folder, name).write_text(source, "utf-8")
        Path(folder, "pyrightconfig.json").write_text(json.dumps(PYRIGHT), "utf-8")
        strict = [*mypy, "--strict", "--config-file=", "--cache-dir", str(ROOT / ".mypy_cache"), "."]
        checkers: list[list[Check]] = [
            [([*mypy, "-p", "casemgmt_async"], ROOT), ([*mypy, "--strict", "tests/typing"], ROOT), (strict, folder)],
            [(pyright, ROOT), ([*pyright, "-p", folder], folder)],
        ]
        return int(any(pool.map(run, checkers)))


def run(checks: list[Check]) -> bool:
    """Run the checks of one checker one after another, print what each says, and return whether it objects."""
    objects = False
    for command, folder in checks:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        sys.stdout.write(f"{' '.join(command[2:])}\n{done.stdout}{done.stderr}")
        objects |= bool(done.returncode)
    return objects


if __name__ == "__main__":
    sys.exit(main())
