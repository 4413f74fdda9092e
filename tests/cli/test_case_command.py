"""`casemgmt case` changes one case or several, and says for each whether it was done."""

from __future__ import annotations

import json

import pytest

from casemgmt_async import CaseSession, cases, timeline, web_address

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
