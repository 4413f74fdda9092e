"""`search`, `get`, `count`, `doctor` and `completion` say what a person needs and what a program can read."""

from __future__ import annotations

import json

import click
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from casemgmt_async.cli.app import app


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


async def test_search_prints_a_table_with_one_line_a_case(casemgmt):
    said = await casemgmt("search", "--limit", "7")
    head, *lines = said.out.rstrip().splitlines()
    assert said.status == 0
    assert head.split() == ["key", "priority", "status", "age", "assignee", "title"]
    assert len(lines) == 7
    assert "the first 7 cases; --all lists all of them" in said.err


async def test_search_all_as_json_lines_gives_every_matching_case(casemgmt, emulator):
    said = await casemgmt("search", "status:open", "--all", "-o", "jsonl")
    found = rows(said.out)
    assert said.status == 0
    assert found
    assert {case["status"] for case in found} == {"OPEN"}
    assert len({case["id"] for case in found}) == len(found)


async def test_get_shows_a_case_by_key_and_its_timeline(casemgmt):
    key = json.loads((await casemgmt("search", "--limit", "1", "--json")).out)[0]["key"]
    said = await casemgmt("get", key, "--timeline")
    assert said.status == 0
    assert said.out.startswith(key)
    assert "assignee" in said.out
    as_json = rows((await casemgmt("get", key, "--json")).out)
    assert as_json[0]["key"] == key


async def test_count_agrees_with_a_search(casemgmt):
    counted = json.loads((await casemgmt("count", "--by", "status", "--json")).out)
    found = json.loads((await casemgmt("search", "--all", "--json")).out)
    assert counted["total"] == len(found) == sum(group["count"] for group in counted["groups"])


async def test_count_by_two_columns_is_a_cross_table_with_totals(casemgmt):
    said = await casemgmt("count", "--by", "status,assignee")
    head, *lines, total = said.out.splitlines()
    assert head.split()[-2:] == ["unassigned", "total"]
    assert [line.split("  ")[0] for line in lines] == ["Open", "In Progress", "Closed"]
    assert total.split()[-1] == "60"
    assert sum(int(line.split()[-1]) for line in lines) == 60
    unassigned = json.loads((await casemgmt("search", "--all", "--json")).out)
    assert int(total.split()[-2]) == sum(case["assignee"] is None for case in unassigned)


async def test_count_by_assignee_counts_cases_without_one(casemgmt):
    said = await casemgmt("count", "--by", "assignee")
    assert said.out.splitlines()[-2].startswith("unassigned")
    assert said.out.splitlines()[-1].split() == ["total", "60"]


async def test_doctor_masks_the_keys_and_says_that_the_service_answers(casemgmt, emulator):
    secret = "0123456789abcdef0123456789abcdef"
    said = await casemgmt("doctor", env={**emulator.env, "DD_API_KEY": secret})
    assert said.status == 0
    assert secret not in said.out + said.err
    assert "32 characters" in said.out
    assert "cases_read" in said.out
    assert emulator.base_url in said.out


async def test_doctor_ends_with_1_where_nothing_answers(casemgmt, emulator):
    said = await casemgmt("doctor", "--timeout", "9", env={**emulator.env, "CASEMGMT_BASE_URL": "http://127.0.0.1:9"})
    assert said.status == 1
    assert said.out.count("connection refused") == 1, "the same fact is said once"


async def test_doctor_names_the_permission_that_is_refused(casemgmt, emulator):
    emulator.set_faults("list_maintenance_windows: status=403")
    said = await casemgmt("doctor", "--json")
    checks = {check["scope"]: check for check in json.loads(said.out)["checks"]}
    assert said.status == 0, "cases can be read"
    assert checks["cases_read"]["ok"]
    assert not checks["event_correlation_config_read"]["ok"]
    assert "event_correlation_config_read is missing" in checks["event_correlation_config_read"]["detail"]


async def test_doctor_changes_nothing(casemgmt, emulator):
    before = json.loads((await casemgmt("search", "--all", "--json")).out)
    await casemgmt("doctor")
    assert json.loads((await casemgmt("search", "--all", "--json")).out) == before


async def test_doctor_finds_that_cases_cannot_be_changed(casemgmt, emulator):
    emulator.set_faults("update_priority: status=403")
    said = await casemgmt("doctor")
    assert "the permission cases_write is missing" in said.out


async def test_doctor_does_not_claim_that_cases_can_be_changed(casemgmt, emulator):
    """A 404 says nothing about a permission: the service may have looked for the case first."""
    said = await casemgmt("doctor", "--json")
    (check,) = [each for each in json.loads(said.out)["checks"] if each["scope"] == "cases_write"]
    assert check["ok"] is None
    assert "--probe-writes PROJECT makes sure" in check["detail"]
    assert said.status == 0
    assert "change cases ? not refused" in " ".join((await casemgmt("doctor")).out.split())


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("get", "NOPE-1"), 1, "case not found"),
        (("get", ""), 2, "case_id"),
        (("search", "--site", "example.com"), 2, "site"),
        (("search", "--limit", "0"), 2, "--limit"),
        (("emulator", "--fault", "create_case: explode"), 2, "explode"),
        (("triage", "plan", "nowhere.toml"), 2, "nowhere.toml"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(casemgmt, emulator, arguments, status, words):
    keys = {name: value for name, value in emulator.env.items() if name != "CASEMGMT_BASE_URL"}
    said = await casemgmt(*arguments, env=keys if "--site" in arguments else None)
    assert said.status == status
    assert words in said.err.splitlines()[-1]


async def test_without_credentials_it_says_which_are_missing(casemgmt):
    said = await casemgmt("search", env={})
    assert said.status == 2
    why = "no credentials: DD_API_KEY and DD_APP_KEY not set; export both, or choose a profile with --profile"
    assert said.err == f"casemgmt: {why}\n"
    assert "no credentials: DD_APP_KEY not set" in (await casemgmt("search", env={"DD_API_KEY": "k"})).err


async def test_refused_credentials_send_one_to_the_doctor(casemgmt, emulator):
    async def refuse(_):
        return web.json_response({"errors": ["Unauthorized"]}, status=401)

    service = web.Application()
    service.router.add_get("/api/v2/cases", refuse)
    async with TestServer(service) as server:
        said = await casemgmt("search", env={**emulator.env, "CASEMGMT_BASE_URL": str(server.make_url(""))})
    assert said.status == 1
    assert said.err.count("\n") == 1
    assert "401" in said.err
    assert "casemgmt doctor" in said.err


async def test_an_unreachable_host_is_one_line(casemgmt, emulator):
    said = await casemgmt("search", "--timeout", "9", env={**emulator.env, "CASEMGMT_BASE_URL": "http://127.0.0.1:9"})
    assert said.status == 1
    assert said.err.count("\n") == 1
    assert "127.0.0.1:9" in said.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_prints_a_script(casemgmt, shell):
    said = await casemgmt("completion", shell)
    assert said.status == 0
    assert "_CASEMGMT_COMPLETE" in said.out


def commands(group=app, path=()):
    """Every command with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_subcommand_has_help_with_an_example(path):
    said = CliRunner().invoke(app, [*path, "--help"], prog_name="casemgmt")
    assert said.exit_code == 0
    assert f"casemgmt {' '.join(path)}" in said.output.partition("Example")[2]


def test_the_help_lists_whole_summaries():
    said = CliRunner().invoke(app, ["--help"], prog_name="casemgmt", terminal_width=80)
    assert "..." not in said.output.partition("Commands:")[2]
    assert {path[0] for path in commands()} <= set(said.output.split())


async def test_a_misspelt_command_gets_a_suggestion(casemgmt):
    said = await casemgmt("serch")
    assert (said.status, "Did you mean 'search'?" in said.err) == (2, True)


async def test_a_list_of_users_that_is_cut_says_so(casemgmt):
    cut = await casemgmt("users", "--limit", "3")
    assert "the first 3 users; --limit N lists more" in cut.err
    assert "15 users" in (await casemgmt("users", "--limit", "100")).err
