"""Check the prose of README, docs, changelog and command: `python docs/prose`.

Code, links and addresses are blanked out first, so that a place keeps its line and column. Then proselint looks
for clichés, redundancy and the like, and `vocabulary.toml` for constructions that make a reader stop and for
sentences that are too long. Exits with 1 when anything is found.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from casemgmt_async.cli.app import app

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md")
NOT_PROSE = re.compile(
    r"^(?P<fence>`{3,}|:{3,}).*?^(?P=fence)[ \t]*$"  # blocks
    r"|<!-- \w+ -->.*?<!-- /\w+ -->"  # figures that a program writes
    r"|`[^`\n]+`|\]\([^)\s]+\)|<[^>\s]+>|https?://\S+",  # code, targets of links, tags, addresses
    re.MULTILINE | re.DOTALL,
)
SENTENCE = re.compile(r"[^.!?:;|\n][^.!?:;|]*?(?:[.!?:;](?=\s|$)|\||\n\s*\n|\n(?=\s*[-*#>|\d])|\Z)", re.DOTALL)


def main() -> int:
    """Print every place worth a second look, and give the exit status."""
    rules = tomllib.loads((HERE / "vocabulary.toml").read_text("utf-8"))
    texts = {**pages(), **helps()}
    found = [*by_proselint(texts, rules["proselint"]["ignored"])]
    for name, text in texts.items():
        found += by_vocabulary(name, text, rules["phrases"])
        found += by_length(name, text, rules["sentences"]["words"])
    for place in sorted(found):
        print("{}:{}: {}".format(*place))
    return 1 if found else 0


def pages() -> dict[str, str]:
    """The pages by name, with everything that is not prose blanked out."""
    files = sorted(file for pattern in PAGES for file in ROOT.glob(pattern) if "_build" not in file.parts)
    return {file.relative_to(ROOT).as_posix(): prose_of(file.read_text("utf-8")) for file in files}


def prose_of(text: str) -> str:
    """Blank out code and addresses, and keep the place of the rest."""
    return NOT_PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def helps() -> dict[str, str]:
    """The help of each command, up to its examples, and of each of its options."""

    def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
        yield name, command
        for child in getattr(command, "commands", {}).values():
            yield from commands(child, f"{name} {child.name}")

    return {
        f"{name} --help": "\n\n".join(
            [(command.help or "").partition("\b")[0], *(getattr(option, "help", "") or "" for option in command.params)]
        )
        for name, command in commands(app, "casemgmt")
    }


def by_proselint(texts: dict[str, str], ignored: list[str]) -> Iterator[tuple[str, int, str]]:
    """What proselint finds, without the checks that are ignored."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts.values()):
            Path(folder, f"{number}.md").write_text(text, "utf-8")
        command = [sys.executable, "-m", "proselint", "check", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1} or done.stderr:
        raise SystemExit(f"proselint failed: {done.stderr or done.stdout}")
    for match in re.finditer(r"^.*?(\d+)\.md:(\d+):\d+: (.*)$", done.stdout, re.MULTILINE):
        if not match[3].startswith(tuple(ignored)):
            yield [*texts][int(match[1])], int(match[2]), match[3]


def by_vocabulary(name: str, text: str, phrases: dict[str, str]) -> Iterator[tuple[str, int, str]]:
    """What the vocabulary asks to be said otherwise."""
    for pattern, instead in phrases.items():
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield name, line_of(text, match.start()), f"{match[0]!r}: write {instead}"


def by_length(name: str, text: str, most: int) -> Iterator[tuple[str, int, str]]:
    """Sentences with too many words."""
    for match in SENTENCE.finditer(text):
        words = re.findall(r"[^\W\d_][\w'-]*", match[0])
        if len(words) > most:
            yield name, line_of(text, match.start()), f"a sentence of {len(words)} words: {' '.join(words[:8])} ..."


def line_of(text: str, place: int) -> int:
    """The line of a place, from 1."""
    return text.count("\n", 0, place) + 1


if __name__ == "__main__":
    sys.exit(main())
