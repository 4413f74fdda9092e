"""What reaches a terminal, a pipe or a full disk: all of it, nothing that steers, and never a traceback."""

from __future__ import annotations

import json

import pytest

from casemgmt_async import CaseSession, cases, jobs, projects
from casemgmt_async.cli.progress import Show
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.tables import render
from casemgmt_async.cli.text import Text, clean, many

HOSTILE = "Z\u00fcrich \u2603 [bold]x[/] \x1b[31mred\x1b[0m \x9b2J \u202eevil\ttab"
TYPE_ID = "00000000-0000-0000-0000-000000000001"


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
    assert "x" * 5_000 in render(("key", "title"), [("OPS-1", "x" * 5_000)])


def test_a_narrow_terminal_wraps_texts_and_loses_no_letter_of_them():
    lines = render(("key", "#age", "title"), [("OPS-1", "3d", "a title " * 20)], width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("OPS-1")
    assert "".join(line[10:] for line in lines[1:]).split().count("title") == 20


def test_text_of_several_lines_keeps_them(capsys):
    Screen().say("one\n[red]two[/red]")
    assert capsys.readouterr().out == "one\n[red]two[/red]\n"


def test_styles_and_links_are_for_terminals_alone():
    rows = [(Text("OPS-1", "bold", "https://app.example/cases/OPS-1"), Text("P1", "red"))]
    assert "\x1b" not in render(("key", "priority"), rows)
    styled = render(("key", "priority"), rows, width=80, has_styles=True)
    assert "\x1b[31mP1" in styled
    assert "https://app.example/cases/OPS-1" in styled


@pytest.mark.parametrize(("count", "text"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases"), (1_000, "1,000 cases")])
def test_numbers_agree_with_their_nouns(count, text):
    assert many(count, "case") == text


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
    assert json.loads(line.out)[0]["title"] == HOSTILE


@pytest.mark.parametrize("command", ["search --all", "search --all --json"])
async def test_a_reader_that_has_had_enough_is_no_failure(command, shell):
    said = await shell(f"casemgmt {command} | true; echo ${{PIPESTATUS[0]}}")
    assert (said.out, said.err.replace("60 cases\n", "")) == ("0\n", "")


@pytest.mark.parametrize("command", ["search", "count --json"])
async def test_a_full_disk_is_one_line(command, shell):
    said = await shell(f"casemgmt {command} > /dev/full")
    assert (said.status, said.err) == (1, "casemgmt: No space left on device\n")


async def test_a_closed_output_is_no_failure(shell):
    said = await shell("casemgmt count >&-")
    assert (said.status, said.err) == (0, "")


def test_a_wait_for_requests_that_were_cut_off_is_told_once_and_foretells_nothing(capsys):
    show = Show(Screen())
    for elapsed in (1.0, 12.0, 25.0):
        show(
            jobs.Progress(
                phase="looking up",
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
    told = capsys.readouterr().err
    assert told.count("requests were cut off") == 1
    assert told.count("looking up: 0 of 8") == 2
    assert "left" not in told
