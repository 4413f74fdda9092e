"""The pictures of README and docs, from real runs on an emulator: `nox -s pictures`.

The terminal is drawn by rich as SVG. The report is photographed by Chromium, if that is installed.
"""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from casemgmt_async.emulator import Emulator

HERE = Path(__file__).parent
STATIC = HERE / "_static"
RULES = HERE.parent / "examples" / "triage.toml"
WIDTH = 96
LINES = (
    "casemgmt search 'status:open priority:(P1 OR P2)' --limit 5",
    "casemgmt count 'status:open' --by attributes.team,priority",
    "casemgmt case assign OPS-12 --to me",
    "casemgmt triage plan triage.toml | head -n 4",
)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000",
)  # fmt: skip


async def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(RULES, folder)
        async with Emulator(cases=600, seed=11) as emulator:
            env = {**os.environ, **emulator.env, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
            env.pop("NO_COLOR", None)
            screens = [await asyncio.to_thread(on_a_terminal, line, folder, env) for line in LINES]
        draw(screens)
        await asyncio.to_thread(photograph, folder)


def on_a_terminal(line: str, folder: Path, env: dict[str, str]) -> str:
    """Run a command on a pseudo-terminal, and return what it wrote."""
    ours, theirs = pty.openpty()
    command = f"casemgmt() {{ '{sys.executable}' -m casemgmt_async.cli \"$@\"; }}; {line} 2>/dev/null"
    process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=env, stdout=theirs, stdin=theirs)
    os.close(theirs)
    written = bytearray()
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # the command has ended
        pass
    os.close(ours)
    if process.wait():
        raise SystemExit(f"{line} ended with {process.returncode}: {written.decode()}")
    return written.decode().replace("\r\n", "\n")


def draw(screens: list[str]) -> None:
    """Draw the terminal."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        for line, screen in zip(LINES, screens, strict=True):
            console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
            console.print(Text.from_ansi(screen.rstrip("\n")))
            console.print()
    svg = console.export_svg(title="casemgmt", unique_id="terminal")
    (STATIC / "terminal.svg").write_text("".join(f"{line.rstrip()}\n" for line in svg.splitlines()), "utf-8")
    sys.stdout.write(f"written: {STATIC / 'terminal.svg'}\n")


def photograph(folder: Path) -> None:
    """Run a triage whose report has something of everything, and photograph the report."""
    if BROWSER is None:
        sys.stdout.write("no Chromium here: the picture of the report stays as it is\n")
        return
    report = folder / "report.html"
    command = [sys.executable, "-m", "casemgmt_async.cli", "triage", "run", str(RULES), "--emulator", "3000"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "CASEMGMT_"))}
    subprocess.run([*command, "--report", str(report)], cwd=folder, check=True, stdout=subprocess.DEVNULL, env=env)
    subprocess.run(
        [
            BROWSER, *QUIET, f"--user-data-dir={folder / 'browser'}", "--window-size=1160,1220",
            f"--screenshot={STATIC / 'report.png'}", report.as_uri(),
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    sys.stdout.write(f"written: {STATIC / 'report.png'}\n")


if __name__ == "__main__":
    asyncio.run(main())
