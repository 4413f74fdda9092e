"""Do what README and the tutorial say, as a newcomer would: `nox -s newcomer`.

Each page gets a fresh clone of the last commit, an empty home, a new virtual environment and no variables beside PATH
and those that tell pip where this machine gets packages from. Its commands are run in order, its Python blocks are
pasted into `python -m asyncio`, and the files that it says to save are saved. A command that fails, a traceback, or a
screen that differs from the one on the page ends the run with exit status 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/start.md")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAVE = re.compile(r"Save .* as `([\w.-]+)`")
LEFT_OUT = re.compile(r"\bnox\b")
"""The checks of the project itself, which need many minutes."""
ENDLESS = re.compile(r"^casemgmt emulator\b")
"""Goes on until Ctrl-C: it runs in the background, and the variables that it prints are set for what follows."""
TRACEBACK = re.compile(r"^(Traceback |\w*(Error|Exception)\b)", re.MULTILINE)


class Block(NamedTuple):
    """A block of a page, with the text before it."""

    language: str
    text: str
    before: str


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page in order."""
    end = 0
    for found in FENCE.finditer(page):
        yield Block(found[1], found[2], page[end : found.start()])
        end = found.end()


def commands(block: Block) -> list[str]:
    """The commands of a block: in a console block the lines behind `$ `, else all of them."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        return [line[2:] for line in lines if line.startswith("$ ")]
    return [line.partition("    #")[0].strip() for line in lines if line.strip()]


class Newcomer:
    """Works through one page in a fresh clone."""

    def __init__(self, folder: Path) -> None:
        self.home, self.clone = folder / "home", folder / "clone"
        self.home.mkdir()
        subprocess.run(["git", "clone", "-q", "--depth=1", ROOT.as_uri(), self.clone], check=True)
        python = Path(sys.base_prefix) / "bin"
        mirrors = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        path = f"{folder / 'venv' / 'bin'}:{python}:/usr/local/bin:/usr/bin:/bin"
        self.env = {**mirrors, "HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"}
        self.background: list[subprocess.Popen[str]] = []
        self.problems: list[str] = []
        self.ran = 0
        self.shown = ""
        self.run(f"python3 -m venv {folder / 'venv'}")

    def work_through(self, page: str) -> None:
        """Follow a page from top to bottom; Python comes last, in one interpreter, as the page leaves it open."""
        python: list[str] = []
        for block in blocks(page):
            if block.language in ("sh", "console"):
                for line in commands(block):
                    self.run(line)
            elif block.language == "text" and block.before.strip() == "":
                self.compare(block.text)
            elif block.language == "python":
                python.append(block.text)
            elif saved := SAVE.search(block.before):
                (self.clone / saved[1]).write_text(block.text, "utf-8")
        if python:
            self.paste(python)

    def run(self, line: str) -> None:
        """Run one command in the clone."""
        if LEFT_OUT.search(line):
            say(f"left out: {line}")
            return
        self.ran += 1
        say(f"$ {line}")
        if ENDLESS.search(line):
            self.start(line)
            return
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.clone, env=self.env, capture_output=True, text=True, check=False
        )
        self.shown = done.stdout
        if done.returncode:
            self.problems.append(f"{line}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def start(self, line: str) -> None:
        """Start a command that does not end, and set the variables that it prints."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=self.clone, env=self.env, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.background.append(process)
        assert process.stdout is not None
        for _ in range(2):
            printed = process.stdout.readline()
            self.env |= dict(re.findall(r"(\w+)=(\S+)", printed))
        if "CASEMGMT_BASE_URL" not in self.env:
            self.problems.append(f"{line}\nprinted no variables")

    def compare(self, expected: str) -> None:
        """Compare a screen on the page with the one of the command before it; widths and ends of lines may differ."""
        if expected.split() != self.shown.split():
            self.problems.append(f"the page shows:\n{expected}\nthe screen shows:\n{self.shown}")

    def paste(self, sources: list[str]) -> None:
        """Paste blocks into `python -m asyncio`; a blank line ends each, as it does on a terminal."""
        say(f"$ python -m asyncio  # {len(sources)} blocks")
        self.ran += len(sources)
        done = subprocess.run(
            ["python", "-m", "asyncio"], input="\n".join(sources) + "\n", cwd=self.clone, env=self.env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr.replace(">>> ", "").replace("... ", "")
        if done.returncode or TRACEBACK.search(said):
            self.problems.append(f"python -m asyncio:\n{said}")

    def close(self) -> None:
        """End what still runs."""
        for process in self.background:
            process.terminate()
            process.wait()


def say(text: str) -> None:
    """Show progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Work through all pages; returns the exit status."""
    failed = False
    for name in PAGES:
        say(f"--- {name}")
        with tempfile.TemporaryDirectory() as folder:
            newcomer = Newcomer(Path(folder))
            try:
                newcomer.work_through((newcomer.clone / name).read_text("utf-8"))
            finally:
                newcomer.close()
            for problem in newcomer.problems:
                say(f"\nPROBLEM: {problem}")
            say(f"{newcomer.ran} commands and blocks, {len(newcomer.problems)} problems\n")
            failed = failed or bool(newcomer.problems)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
