"""The screens of the command are those that were kept and looked at; no line of a table or a help is too wide."""

from __future__ import annotations

import time
from importlib.metadata import version

import pytest
import screens


@pytest.fixture(scope="module", params=screens.WIDTHS)
def tape(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield request.param, screens.take(request.param)
    time.tzset()


@pytest.mark.skipif(
    tuple(map(int, version("click").split(".")[:2])) < (8, 4), reason="Click before 8.4 points to -h, and not to --help"
)
def test_the_screens_are_those_that_were_kept(tape):
    width, taken = tape
    kept = screens.read(width)
    changed = [line for line in taken if taken[line] != kept.get(line)]
    for line in changed[:3]:
        assert taken[line] == kept.get(line), "look at the new screen, then run `python tests/cli/screens.py`"
    assert changed == []
    assert kept.keys() == taken.keys()


def test_nothing_is_wider_than_the_terminal(tape):
    width, taken = tape
    wide = [
        (line, row)
        for line, text in taken.items()
        if line.endswith("--help") or line.split()[0] in {"count", "projects", "types", "users"}
        for row in text.splitlines()
        if len(row) > width and "casemgmt " not in row
    ]
    assert wide == []
