"""What reaches a terminal, a pipe or a full disk: all of it, nothing that steers, and never a traceback."""

from __future__ import annotations

import io
import json

import pytest

from casemgmt_async import CaseSession, cases, jobs, projects
from casemgmt_async.cli.progress import Show
from casemgmt_async.cli.screen import Pane, Screen, clean

HOSTILE = "Z\u00fcrich \u2603 [bold]x[/] \x1b[31mred\x1b[0m \x9b2J \u202eevil\ttab"
TYPE_ID = "00000000-0000-0000-0000-000000000001"


def screen(width=80):
    out, err = io.StringIO(), io.StringIO()
    return Screen(out=Pane(file=out, width=width, highlight=False), err=Pane(file=err, width=width)), out, err


@pytest.fixture
async def hostile(emulator):
    """The key of a case whose writer meant to take over the terminal."""
    env = emulator.env
    async with CaseSession(base_url=emulator.base_url, api_key=env["DD_API_KEY"], app_key=env["DD_APP_KEY"]) as session:
        project = (await projects.get_projects(session))[0]
        case = await cases.create_case(
            session,
            title=HOSTILE,
            type_id=TYPE_ID,
            project_id=project.id,
            description="first\n\x1b]0;title\x07second",
        )
    return case.key


def test_clean_takes_out_what_steers_and_keeps_every_letter():
    text = clean(HOSTILE)
    assert not set(text) & {"\x1b", "\x9b", "\u202e", "\t"}
    assert text.startswith("Z\u00fcrich \u2603 [bold]x[/] ")
    assert len(text) == len(HOSTILE)


def test_a_table_shortens_nothing_where_there_is_no_terminal():
    shown, out, _ = screen(width=1_000_000)
    shown.table(("key", "title"), [("OPS-1", "x" * 5_000)])
    assert "x" * 5_000 in out.getvalue()


def test_a_narrow_terminal_wraps_texts_and_loses_no_letter_of_them():
    shown, out, _ = screen(width=40)
    shown.table(("key", "#age", "title"), [("OPS-1", "3d", "a title " * 20)])
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("OPS-1")
    assert "".join(line[10:] for line in lines[1:]).split().count("title") == 20


def test_text_of_several_lines_keeps_them():
    shown, out, _ = screen()
    shown.say("one\n[red]two[/red]")
    assert out.getvalue() == "one\n[red]two[/red]\n"


async def test_what_a_case_says_does_not_steer_the_terminal(casemgmt, hostile):
    for arguments in (("search", "--limit", "1"), ("get", hostile)):
        said = await casemgmt(*arguments)
        assert said.status == 0
        assert "evil" in said.out
        assert not set(said.out) & {"\x1b", "\x07", "\x9b", "\u202e"}


async def test_an_encoding_without_the_letters_gets_escapes(shell, hostile):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    table = await shell("casemgmt search --limit 1", **ascii_only)
    assert "Z\\xfcrich" in table.out
    line = await shell("casemgmt search --limit 1 --json", **ascii_only)
    assert json.loads(line.out)["attributes"]["title"] == HOSTILE


@pytest.mark.parametrize("command", ["search --all", "search --all --json"])
async def test_a_reader_that_has_had_enough_is_no_failure(command, shell):
    said = await shell(f"casemgmt {command} | true; echo ${{PIPESTATUS[0]}}")
    assert (said.out, said.err.replace("60 found\n", "")) == ("0\n", "")


@pytest.mark.parametrize("command", ["search", "count --json"])
async def test_a_full_disk_is_one_line(command, shell):
    said = await shell(f"casemgmt {command} > /dev/full")
    assert (said.status, said.err) == (1, "casemgmt: No space left on device\n")


async def test_a_closed_output_is_no_failure(shell):
    said = await shell("casemgmt count >&-")
    assert (said.status, said.err) == (0, "")


def test_a_wait_for_requests_that_were_cut_off_is_told_once_and_foretells_nothing():
    shown, _, err = screen(width=200)
    show = Show(shown)
    for elapsed in (1.0, 12.0, 25.0):
        show(
            jobs.Progress(
                phase="looking",
                done=0,
                total=8,
                rate=0.001,
                eta=8_000.0,
                elapsed=elapsed,
                held=0.0,
                requests=1,
                states={},
                stopping=False,
            )
        )
    told = err.getvalue()
    assert told.count("requests were cut off") == 1
    assert told.count("looking: 0 of 8") == 2
    assert "left" not in told
