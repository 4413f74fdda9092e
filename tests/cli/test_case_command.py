"""`casemgmt case` changes one case or several, and says for each whether it was done."""

from __future__ import annotations

import json

import click
import pytest

from casemgmt_async import CaseSession, cases, timeline, web_address
from casemgmt_async.cli.keys import keys_in

TYPE_ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
async def session(emulator):
    env = emulator.env
    async with CaseSession(base_url=emulator.base_url, api_key=env["DD_API_KEY"], app_key=env["DD_APP_KEY"]) as open_:
        yield open_


@pytest.fixture
async def keys(session):
    return [case.key async for case in cases.iter_cases(session, filter="status:open", limit=3)]


async def test_several_cases_are_changed_and_reported(casemgmt, session, keys):
    said = await casemgmt("case", "priority", *keys, "--to", "p2")
    assert (said.status, said.out.splitlines()) == (0, [f"{key}: priority P2" for key in keys])
    assert {(await cases.get_case(session, key)).priority for key in keys} == {"P2"}


async def test_a_case_that_fails_does_not_keep_the_others_back(casemgmt, session, keys):
    said = await casemgmt("case", "status", keys[0], "NOPE-1", keys[1], "--to", "Closed")
    assert said.status == 1
    assert said.out.splitlines() == [f"{keys[0]}: status Closed", f"{keys[1]}: status Closed"]
    assert "NOPE-1: " in said.err
    assert "1 of 3 cases could not be changed" in said.err


@pytest.mark.parametrize(
    ("options", "row"),
    [
        (("-o", "jsonl"), None),
        (("--columns", "key", "-o", "csv"), None),
        (("--columns", "key,title"), None),
        (("-o", "json"), None),
        (("--columns", "title,key", "-o", "csv"), None),
    ],
)
async def test_a_list_of_cases_can_be_piped_into_a_change(shell, session, keys, options, row):
    line = f"casemgmt search status:open --limit 3 {' '.join(options)} | casemgmt case comment -m 'Owner has changed.'"
    said = await shell(line)
    assert said.status == 0, said.err
    assert said.out.count(": commented") == 3
    for key in keys:
        cells = await timeline.iter_timeline(session, key).collect()
        assert [cell.message for cell in cells].count("Owner has changed.") == 1


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("A-1\nA-2\n\n A-3 \n", ["A-1", "A-2", "A-3"]),
        ('{"id": "1", "key": "A-1"}\n{"key": "A-2"}\n', ["1", "A-2"]),
        ('[{"id": "1"}, {"key": "A-2"}]', ["1", "A-2"]),
        ('title,key\n"OPS-9 is down, again",A-1\n"two\nlines",A-2\n', ["A-1", "A-2"]),
        ("id,key\n1,A-1\n", ["A-1"]),
        ("key   title\nA-1   OPS-9 is down\n", ["A-1"]),
        ("", []),
    ],
)
def test_keys_are_read_in_every_format_of_a_list(text, keys):
    """A title that begins with a key is not the key of a case to change."""
    assert list(keys_in(text)) == keys


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{not json", "standard input: this is not JSON: {not json"),
        ('[{"title": "x"}]', 'standard input: this has neither an id nor a key: {"title": "x"}'),
        ("[1]", "standard input: this has neither an id nor a key: 1"),
    ],
)
def test_what_names_no_case_is_quoted(text, words):
    with pytest.raises(click.UsageError) as caught:
        list(keys_in(text))
    assert caught.value.message == words


async def test_a_status_is_named_in_any_case_of_its_letters(casemgmt, session, keys, emulator):
    """The service wants its own spelling; a name that no type has is refused before any case is touched."""
    said = await casemgmt("case", "status", *keys, "--to", "in progress")
    assert (said.status, said.out.splitlines()) == (0, [f"{key}: status In Progress" for key in keys])
    wrong = await casemgmt("case", "status", *keys, "--to", "Done")
    assert wrong.status == 2
    assert "no case type has the status 'Done'; allowed: Open, In Progress, Closed" in wrong.err
    made = await casemgmt("case", "create", "Disk full", "--project", "SEC", "--status", "closed", "--json")
    assert json.loads(made.out)["status_name"] == "Closed"
    emulator.set_faults("get_all_case_types: status=403")
    said = await casemgmt("case", "status", keys[0], "--to", "Closed")
    assert said.status == 0, said.err


async def test_nothing_on_standard_input_changes_nothing(shell, emulator):
    said = await shell("casemgmt search nothing-has-this-title | casemgmt case archive")
    assert said.status == 0
    assert "nothing was changed" in said.err
    assert {entry.method for entry in emulator.log} == {"GET"}


async def test_create_prints_the_key_and_takes_names(casemgmt, session):
    said = await casemgmt(
        "case", "create", "Checkout is slow", "--project", "web", "--type", TYPE_ID, "--priority", "P2"
    )
    assert said.status == 0, said.err
    made = await cases.get_case(session, said.out.strip())
    assert (made.title, made.priority, made.key.split("-")[0]) == ("Checkout is slow", "P2", "WEB")


async def test_an_unknown_name_says_what_lists_the_names(casemgmt):
    said = await casemgmt("case", "create", "x", "--project", "NOPE", "--type", TYPE_ID)
    assert said.status == 2
    assert "NOPE" in said.err
    assert "casemgmt projects" in said.err


async def test_create_needs_a_project(casemgmt):
    said = await casemgmt("case", "create", "x")
    assert (said.status, "--project is missing" in said.err) == (2, True)


async def test_archive_and_undo(casemgmt, session, keys):
    assert (await casemgmt("case", "archive", keys[0])).status == 0
    assert (await cases.get_case(session, keys[0])).archived_at is not None
    assert (await casemgmt("case", "archive", keys[0], "--undo")).status == 0
    assert (await cases.get_case(session, keys[0])).archived_at is None


async def test_assign_needs_to_know_to_whom(casemgmt, keys):
    said = await casemgmt("case", "assign", keys[0])
    assert (said.status, "--to USER or --nobody" in said.err) == (2, True)


async def test_assign_by_id_and_to_nobody(casemgmt, session, keys):
    user = (await cases.get_case(session, keys[0])).created_by.id
    assert (await casemgmt("case", "assign", keys[0], "--to", user)).status == 0
    assert (await cases.get_case(session, keys[0])).assignee.id == user
    assert (await casemgmt("case", "assign", keys[0], "--nobody")).status == 0
    assert (await cases.get_case(session, keys[0])).assignee is None


async def test_link_says_what_it_linked(casemgmt, keys):
    said = await casemgmt("case", "link", keys[0], keys[1], "--as", "blocks")
    assert said.out == f"{keys[0]} blocks {keys[1]}\n"


async def test_results_as_json(casemgmt, keys):
    said = await casemgmt("case", "priority", keys[0], "NOPE-1", "--to", "P3", "--json")
    first, second = map(json.loads, said.out.splitlines())
    assert (first["key"], first["priority"]) == (keys[0], "P3")
    assert second["case"] == "NOPE-1"
    assert "case not found" in second["error"]


async def test_an_emulator_has_no_web_application(casemgmt, keys):
    said = await casemgmt("case", "open", keys[0])
    assert (said.status, "no web application" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.datadoghq.com", "https://app.datadoghq.com"),
        ("https://api.datadoghq.eu", "https://app.datadoghq.eu"),
        ("https://api.us3.datadoghq.com", "https://us3.datadoghq.com"),
        ("https://api.ddog-gov.com", "https://app.ddog-gov.com"),
        ("http://127.0.0.1:8400", None),
        ("https://proxy.example.com", None),
    ],
)
def test_the_web_application_of_a_site(api, web):
    assert web_address(api) == web


async def test_watch_writes_lines_that_a_program_reads(shell):
    said = await shell("casemgmt watch status:open --existing -o jsonl --interval 60 | head -n 2")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["event"] for event in events] == ["found", "found"]
    assert {event["case"]["status"] for event in events} == {"OPEN"}
