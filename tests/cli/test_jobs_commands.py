"""`triage`, `export` and `backfill` as a person runs them: what they print, ask, write and leave behind."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs.progress import ProgressMeter

RULES = """
filter = "status:open"

[[rules]]
name = "stale"
match = { inactive_for = "30d" }
actions = { comment = "Closed as stale.", status = "Closed" }

[[rules]]
name = "no priority"
match = { priority = "NOT_DEFINED" }
actions = { priority = "P4" }
"""

STANDARD = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(RULES, "utf-8")
    return file


def doubled(emulator):
    """The cases that got the rule's comment more than once."""
    comments = Counter(entry.path for entry in emulator.log if entry.route == "comment_case" and entry.status < 400)
    return [path for path, times in comments.items() if times > 1]


def writes(emulator):
    return [entry for entry in emulator.log if entry.method != "GET" and entry.status < 400]


async def test_plan_prints_what_would_be_done_and_changes_nothing(casemgmt, emulator, rules):
    said = await casemgmt("triage", "plan", rules, "--state", "p.db")
    assert said.status == 0
    assert re.search(r"^stale +status Closed +\d+$", said.out, re.MULTILINE)
    assert re.search(r"\d+ of \d+ cases, \d+ operations in about \d+ requests", said.out)
    assert "casemgmt triage apply --state p.db" in said.err
    assert writes(emulator) == []


async def test_a_rehearsal_says_whose_names_it_knows(casemgmt, tmp_path):
    path = tmp_path / "named.toml"
    path.write_text(
        '[[rules]]\nname = "mine"\nmatch = "all"\nactions = { assign = "me@corp.example" }', encoding="utf-8"
    )
    for command in ("plan", "run"):
        said = await casemgmt("triage", command, path, "--emulator", "5")
        assert said.status == 2
        assert "no user has" in said.err
        assert "--emulator has users, teams and projects of its own" in said.err
    assert "--emulator" not in (await casemgmt("triage", "plan", path)).err


async def test_a_plan_names_its_state_as_a_shell_takes_it_and_shows_a_policy_whole(casemgmt, tmp_path):
    path = tmp_path / "old cases.toml"
    path.write_text('[stale]\nwarn_after = "1d"\nclose_after = "1d"\n', encoding="utf-8")
    said = await casemgmt("triage", "plan", path, "--state", "my state.db")
    assert said.err.rstrip().endswith("to apply it: casemgmt triage apply --state 'my state.db'")
    shown = await casemgmt("triage", "show", "--state", "my state.db", "--rule", "stale", "--csv")
    assert "stale: warn" in shown.out
    stopped = await casemgmt("triage", "run", path, "--state", "my state.db", "--yes", "--max-operations", "1")
    assert f"to continue: casemgmt triage run '{path}' --state 'my state.db'" in stopped.err


async def test_apply_does_the_plan_and_status_agrees(casemgmt, emulator, rules):
    planned = json.loads((await casemgmt("triage", "plan", rules, "--state", "p.db", "--json")).out)
    done = await casemgmt("triage", "apply", "--state", "p.db", "--yes", "--json", "--report", "r.html")
    told = json.loads(done.out)
    assert done.status == 0
    assert told["states"] == {"done": planned["operations"]}
    again = await casemgmt("triage", "status", "--state", "p.db", "--json", "--outcomes", "o.jsonl")
    assert json.loads(again.out)["states"] == told["states"]


async def test_it_does_not_change_cases_where_nobody_can_be_asked(casemgmt, emulator, rules):
    said = await casemgmt("triage", "run", rules)
    assert said.status == 2
    assert "--yes" in said.err
    assert writes(emulator) == []


async def test_a_plan_that_nobody_said_yes_to_is_replaced(casemgmt, emulator, rules):
    assert (await casemgmt("triage", "run", rules)).status == 2
    assert (await casemgmt("triage", "run", rules)).status == 2
    assert writes(emulator) == []
    done = await casemgmt("triage", "run", rules, "--yes")
    assert done.status == 0
    assert "this plan replaces plan 2, which was not applied" in done.err
    sent = len(writes(emulator))
    again = await casemgmt("triage", "run", rules, "--yes")
    assert again.status == 0
    assert len(writes(emulator)) == sent, "every case is as the rules want it"
    listed = await casemgmt("triage", "runs", "--json")
    assert [json.loads(line)["state"] for line in listed.out.splitlines()] == ["replaced", "replaced", "ended", "ended"]


@pytest.mark.parametrize("option", ["--report", "--outcomes", "--state"])
async def test_a_folder_that_is_not_there_is_told_before_the_work(casemgmt, emulator, rules, option):
    said = await casemgmt("triage", "run", rules, "--yes", option, "nowhere/file")
    assert said.status == 2
    assert "there is no folder nowhere" in said.err
    assert len(emulator.log) == 0


async def test_a_job_whose_name_is_no_file_name_is_one_line(casemgmt, tmp_path):
    (tmp_path / "rows.csv").write_text("key,title\na,b\n", "utf-8")
    said = await casemgmt("backfill", "rows.csv", "--job", "../x", "--yes")
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert "job: cannot be part of a file name" in said.err


async def test_a_rehearsal_has_an_address_of_its_own(casemgmt, rules):
    said = await casemgmt("triage", "plan", rules, "--emulator", "5", "--site", "datadoghq.eu")
    assert said.status == 2
    assert "--site" in said.err


async def test_run_on_an_emulator_of_its_own_ends_in_the_report(casemgmt, rules, tmp_path):
    said = await casemgmt("triage", "run", rules, "--emulator", "200", "--report", "r.html", env={})
    assert said.status == 0
    assert "done" in said.out
    assert "requests in" in said.err
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "stale" in page
    assert not re.search(r"(src|href)=[\"']?https?:", page), "the page needs nothing from elsewhere"


async def test_a_budget_stops_it_and_the_same_command_goes_on(casemgmt, rules, emulator):
    first = await casemgmt("triage", "run", rules, "--yes", "--max-operations", "3", "--json")
    states = json.loads(first.out.splitlines()[-1])["states"]
    assert states["done"] <= 3
    assert states["planned"] > 0
    assert "to continue" in first.err
    second = await casemgmt("triage", "run", rules, "--yes", "--json")
    assert set(json.loads(second.out.splitlines()[-1])["states"]) == {"done"}
    assert doubled(emulator) == []


async def test_export_gives_every_case_once(casemgmt, emulator, tmp_path):
    said = await casemgmt("export", "cases.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text("utf-8").splitlines()]
    assert said.status == 0
    assert len({line["id"] for line in lines}) == len(lines)
    assert f"{len(lines)} cases in cases.jsonl" in said.out


async def test_export_reads_again_where_completeness_is_asked_for(casemgmt, emulator, tmp_path):
    pages = []
    for name, options in {"quick.jsonl": (), "complete.jsonl": ("--complete",)}.items():
        before = emulator.requests
        said = await casemgmt("export", name, *options)
        assert "60 cases in" in said.out
        pages.append(emulator.requests - before)
    assert pages[1] > pages[0]
    assert len((tmp_path / "complete.jsonl").read_text("utf-8").splitlines()) == 60


async def test_export_again_writes_what_has_changed_into_a_folder(casemgmt, emulator, tmp_path):
    (tmp_path / "lake").mkdir()
    first = await casemgmt("export", "lake", "--since", "last", "--with", "comments, links")
    assert first.status == 0
    assert "60 cases in lake/cases-000001-" in first.out
    emulator.store.cases.archive(emulator.store.tables.cases[0].id)
    second = await casemgmt("export", "lake", "--since", "last", "--with", "comments, links", "--json")
    told = json.loads(second.out)
    assert (told["cases"], told["gone"], told["read"]) == (0, {"archived": 1}, 59)
    wrong = await casemgmt("export", "lake", "--since", "monday")
    assert wrong.status == 2
    assert "--since 'monday': write last, or a time such as" in wrong.err


async def test_export_to_a_pipe_writes_cases_to_standard_output_only(shell):
    said = await shell("casemgmt export - --filter priority:P3 | wc -l")
    assert said.status == 0
    assert int(said.out) > 1
    assert f"{int(said.out)} cases" in said.err


async def test_a_file_is_overwritten_only_by_force(casemgmt, tmp_path):
    (tmp_path / "cases.csv").write_text("precious")
    refused = await casemgmt("export", "cases.csv")
    assert refused.status == 1
    assert "--force" in refused.err
    assert (await casemgmt("export", "cases.csv", "--force")).status == 0


async def test_shards_say_what_they_need_before_any_request(casemgmt, emulator, rules, tmp_path):
    """A state that workers can reach, and none of the options that bound this process alone."""
    (tmp_path / "rows.csv").write_text("key,title\n1,one\n", "utf-8")
    where = ("--project", "SEC", "--type", "Standard", "--yes")
    nowhere = "postgresql://nowhere.invalid/database"
    for command, option in [
        (("backfill", "rows.csv", "--job", "old", *where), "--journal"),
        (("triage", "apply", "--yes"), "--state"),
        (("triage", "run", rules, "--yes"), "--state"),
    ]:
        said = await casemgmt(*command, "--shards", 4)
        assert said.status == 2
        assert f"{option} postgresql://host/database" in said.err
        said = await casemgmt(*command, "--shards", 4, option, nowhere, "--max-operations", 9)
        assert said.status == 2
        assert "leave it out with --shards" in said.err
    said = await casemgmt("triage", "run", rules, "--shards", 4, "--state", nowhere, "--emulator", 9)
    assert said.status == 2
    assert "the workers would change the cases of the service" in said.err
    assert emulator.requests == 0


async def test_a_triage_in_shards_is_one_run_with_one_report(casemgmt, rules, postgres_url, tmp_path, monkeypatch):
    """Plan, apply and worker by the command, which share the rate limit by the database unless told otherwise.

    Who does not wait for the workers is told so, and the same command shows the result.
    """

    def elapsed(meter):
        """An hour passes as soon as the workers have their shards."""
        return 3600.0 * (meter._phase == "in shards")

    def budgets():
        with psycopg.connect(postgres_url) as connection:
            return connection.execute("SELECT to_regclass('casemgmt_budget') IS NOT NULL").fetchone() == (True,)

    url = f"{postgres_url}#hourly"
    async with Emulator(cases=60, seed=5, limits="changes=1000/60s: comment_case, update_priority") as limited:
        assert (await casemgmt("triage", "plan", rules, "--state", url, env=limited.env)).status == 0
        shared = ("triage", "apply", "--yes", "--state", url, "--shards", 3)
        with monkeypatch.context() as patched:
            patched.setattr(ProgressMeter, "elapsed", property(elapsed))
            impatient = await casemgmt(*shared, "--max-time", "3600", "--budget", "none", env=limited.env)
        assert "its time of 3600 s is used up; the workers continue" in impatient.err
        assert not budgets()
        worked = await casemgmt("worker", "--journal", postgres_url, "--until-empty", env=limited.env)
        assert worked.status == 0, worked.err
        assert budgets()
        said = await casemgmt(*shared, "--report", "shards.html", "--json", env=limited.env)
    assert said.status == 0, said.err
    assert json.loads(said.out)["states"].keys() == {"done"}
    assert "</html>" in (tmp_path / "shards.html").read_text("utf-8")


async def test_a_worker_that_cannot_work_ends_at_once_and_says_why(casemgmt):
    """A typing mistake in the URL, or keys that are missing: nothing would change by waiting."""
    nowhere = "postgresql://casemgmt@127.0.0.1:1/casemgmt"
    said = await casemgmt("worker", "--journal", nowhere)
    assert said.status == 1
    (line,) = said.err.splitlines()
    assert line.startswith(f"casemgmt: journal {nowhere}: cannot connect: ")
    assert line.endswith("check the URL and that PostgreSQL is up")
    said = await casemgmt("worker", "--journal", nowhere, env={"DD_API_KEY": "", "DD_APP_KEY": ""})
    assert said.status == 2
    assert "DD_API_KEY" in said.err


async def test_backfill_creates_a_case_a_row_and_puts_bad_rows_aside(casemgmt, emulator, tmp_path):
    project = await project_of(casemgmt)
    rows = [{"key": f"T-{n}", "title": f"Ticket {n}", "comments": ["Moved."]} for n in range(5)]
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)) + '\n{"key": "T-9"}\nrubbish\n', "utf-8")
    where = ("--project", project, "--type", STANDARD, "--yes")
    said = await casemgmt("backfill", source, "--job", "old", *where)
    assert said.status == 1, "bad rows are a reason not to be content"
    assert "source: JSON Lines, UTF-8" in said.err
    assert "1 x title is missing" in said.err
    assert "2 bad rows left out; correct what is in" in said.err
    assert "5 cases created" in said.err
    assert len((tmp_path / "rows.rejects.jsonl").read_text("utf-8").splitlines()) == 2
    again = await casemgmt("backfill", source, "--job", "old", *where)
    created = [entry for entry in emulator.log if entry.route == "create_case"]
    assert again.status == 1
    assert "0 cases created" in again.err
    assert "5 rows did not change" in again.err
    assert len(created) == 5


async def test_a_dry_run_of_a_mapped_file_shows_the_first_cases_and_sends_nothing(casemgmt, emulator, tmp_path):
    project = await project_of(casemgmt)
    (tmp_path / "export.csv").write_text("Issue key;Summary;Points\nA-1;First;3\nA-2;;\n", "utf-8")
    maps = ("--map", "Issue key=key", "--map", "Summary=title")
    where = ("--job", "old", "--project", project, "--type", STANDARD)
    said = await casemgmt("backfill", "export.csv", *where, *maps, "--dry-run")
    assert said.status == 0
    assert "source: 3 columns separated by semicolons, UTF-8" in said.err
    assert "source: columns left out: Points" in said.err
    assert "would create A-1: title First" in said.out
    assert "1 x title is missing" in said.err
    assert "nothing was sent" in said.err
    assert not [entry for entry in emulator.log if entry.route == "create_case"]
    assert not list(tmp_path.glob("*.db"))
    shown = json.loads((await casemgmt("backfill", "export.csv", *where, *maps, "--dry-run", "--json")).out)
    assert (shown["create"], shown["rejected"]) == (1, 1)
    wrong = await casemgmt("backfill", "export.csv", *where, "--map", "Summary")
    assert wrong.status == 2
    assert "write it as 'COLUMN=FIELD'" in wrong.err


async def project_of(casemgmt):
    return json.loads((await casemgmt("search", "--limit", "1", "--json")).out)[0]["project_id"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('[[rules]]\nname = "x"\nmatch = { priority = "P9" }\nactions = { archive = true }', "P9"),
        ('[[rules]]\nname = "x"\nmatch = { colour = "red" }\nactions = { archive = true }', "colour"),
        ('[[rules]]\nname = "x"\nmatch = "all"\nactions = { explode = true }', "explode"),
        ("[[rules", "rules.toml"),
        ("", "rules"),
    ],
)
async def test_bad_rules_are_one_line_that_names_the_key(casemgmt, rules, written, words):
    rules.write_text(written, "utf-8")
    said = await casemgmt("triage", "plan", rules)
    assert said.status != 0
    assert said.err.count("\n") == 1
    assert words in said.err


@pytest.mark.parametrize("kind", ["rubbish", "foreign", "missing", "folder"])
async def test_a_journal_that_is_none_is_one_line(casemgmt, tmp_path, kind):
    file = tmp_path / "j.db"
    if kind == "rubbish":
        file.write_bytes(os.urandom(8192))
    elif kind == "foreign":
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
    elif kind == "folder":
        file.mkdir()
    before = file.read_bytes() if file.is_file() else None
    said = await casemgmt("triage", "apply", "--state", file, "--yes")
    assert said.status != 0
    assert "j.db" in said.err
    assert len(said.err.strip().splitlines()[-1]) > 20
    assert (file.read_bytes() if file.is_file() else None) == before, "nothing that is not ours is touched"


async def test_ctrl_c_finishes_what_is_in_flight_and_says_how_to_go_on(bare, rules, tmp_path):
    async with Emulator(cases=400, seed=1, latency=0.02) as emulator:
        environment = {**bare, **emulator.env}
        command = [
            sys.executable,
            "-m",
            "casemgmt_async.cli",
            "triage",
            "run",
            str(rules),
            "--yes",
            "--concurrency",
            "2",
        ]
        screen, status = await on_a_terminal(command, environment, tmp_path, interrupt_after="changing")
        assert status == 1
        assert "finishing the requests in flight" in screen
        assert "to continue: casemgmt triage run" in screen
        assert re.search(r"\d+/\d+", screen), "a bar moved"
        _, status = await on_a_terminal(command, environment, tmp_path)
        assert status == 0
        assert doubled(emulator) == []


async def on_a_terminal(command, environment, folder, interrupt_after=None):
    """Run a command on a pseudo-terminal; interrupt it once a word is on the screen. Gives screen and status."""
    ours, theirs = pty.openpty()
    environment = {**environment, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    screen, over = bytearray(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def read():
        nonlocal interrupt_after
        try:
            screen.extend(os.read(ours, 65536) or b"")
        except OSError:  # the other end is closed
            loop.remove_reader(ours)
            over.set()
        if interrupt_after and interrupt_after.encode() in screen:
            interrupt_after = None
            process.send_signal(signal.SIGINT)

    loop.add_reader(ours, read)
    try:
        await asyncio.wait_for(over.wait(), 40)
        return screen.decode("utf-8", "replace"), await process.wait()
    finally:
        loop.remove_reader(ours)
        os.close(ours)


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


async def test_the_report_shows_its_figures_to_a_reader(casemgmt, rules, tmp_path):
    """Where a browser is installed it has to show them; elsewhere the words must stand in the page's text."""
    done = await casemgmt("triage", "run", rules, "--emulator", "300", "--report", "r.html", "--json", env={})
    states = json.loads(done.out.splitlines()[-1])["states"]
    page = tmp_path / "r.html"
    shown = await seen_by_browser(page, tmp_path) if BROWSER else page.read_text("utf-8")
    words = re.sub(r"<style.*?</style>|<[^>]+>", " ", shown, flags=re.DOTALL)
    for word in ("Triage report", "stale", "status Closed", f"{states['done']:,}", "Progress over time", "By priority"):
        assert word in words


async def seen_by_browser(page: Path, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        BROWSER,
        *QUIET.split(),
        f"--user-data-dir={folder / 'browser'}",
        "--virtual-time-budget=2000",
        "--dump-dom",
        page.as_uri(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 0
    return out.decode()


async def test_a_dry_run_shows_the_cases_and_leaves_nothing(casemgmt, emulator, rules, tmp_path):
    said = await casemgmt("triage", "run", rules, "--dry-run")
    assert said.status == 0
    assert re.search(r"^key +title +age +rule +change +from +to$", said.out, re.MULTILINE)
    assert re.search(r"stale +status +Open +Closed$", said.out, re.MULTILINE)
    assert not (tmp_path / "triage.db").exists()
    assert writes(emulator) == []


async def test_show_gives_every_change_as_json_and_as_csv(casemgmt, emulator, rules):
    planned = json.loads((await casemgmt("triage", "plan", rules, "--json")).out)
    lines = [json.loads(line) for line in (await casemgmt("triage", "show", "--json")).out.splitlines()]
    assert len(lines) == planned["operations"]
    only = [
        json.loads(line) for line in (await casemgmt("triage", "show", "--json", "--rule", "stale")).out.splitlines()
    ]
    assert {line["rule"] for line in only} == {"stale"}
    table = (await casemgmt("triage", "show", "--csv")).out.splitlines()
    assert table[0] == "case,key,title,created_at,rule,action,before,after,state"
    assert len(table) == planned["operations"] + 1
    unknown = await casemgmt("triage", "show", "--rule", "stael")
    assert unknown.status == 1
    assert 'has no rule "stael"; it has: stale, no priority' in unknown.err


async def test_runs_are_listed_shown_and_pruned(casemgmt, emulator, rules):
    for _ in range(3):
        assert (await casemgmt("triage", "run", rules, "--yes")).status == 0
    listed = await casemgmt("triage", "runs")
    assert re.search(r"^ *3 .* ended +\d+ +nothing to do$", listed.out, re.MULTILINE)
    first = json.loads((await casemgmt("triage", "status", "1", "--json")).out)
    assert first["states"]["done"] > 0
    assert (await casemgmt("triage", "status", "9")).status == 1
    pruned = await casemgmt("triage", "runs", "--prune", "1")
    assert "2 runs deleted" in pruned.err


async def test_backfill_tells_a_program_and_a_person_what_this_run_did(casemgmt, tmp_path):
    """The table is of the whole job; the counts are of the run."""
    where = ("--job", "counts", "--project", "sec", "--type", "standard", "--yes")
    (tmp_path / "rows.csv").write_text("key,title,assignee\nA,First,\nB,Second,nobody@example.com\n", "utf-8")
    await casemgmt("backfill", "rows.csv", *where)
    (tmp_path / "rows.csv").write_text("key,title\nA,Edited\nC,Third\n", "utf-8")
    said = json.loads((await casemgmt("backfill", "rows.csv", *where, "--json")).out)
    counts = {name: said[name] for name in ("created", "found", "unchanged", "changed", "updated", "removed")}
    assert counts == {"created": 1, "found": 0, "unchanged": 0, "changed": 1, "updated": 0, "removed": 0}
    assert (said["rejected"], said["rejects"], said["ok"]) == (0, None, True)
    (tmp_path / "rows.csv").write_text("key,title,assignee\nA,Edited,\nB,Second,nobody@example.com\n", "utf-8")
    said = await casemgmt("backfill", "rows.csv", *where, "--update")
    assert "0 cases created" in said.err
    assert "1 row changed, and the cases were brought up to date" in said.err
    assert "1 row of an earlier run did not appear in the source" in said.err
    assert "1 bad row left out; correct what is in rows.rejects.csv and run that file" in said.err


async def test_a_dry_run_shows_names_and_warns_of_new_keys(casemgmt, tmp_path):
    """The ids of projects, types and people say nothing to whoever reads the preview."""
    where = ("--job", "keys", "--project", "sec", "--type", "standard")
    (tmp_path / "rows.csv").write_text("key,title,assignee\nA,First,me\nB,Second,\n", "utf-8")
    said = await casemgmt("backfill", "rows.csv", *where, "--dry-run")
    assert "would create A: title First, type standard, project sec, assignee me" in said.out
    assert "2 requests besides reading" in said.err
    assert "warning" not in said.err
    await casemgmt("backfill", "rows.csv", *where, "--yes")
    (tmp_path / "rows.csv").write_text("key,title\n1,First\n2,Second\n", "utf-8")
    said = await casemgmt("backfill", "rows.csv", *where, "--dry-run")
    assert "if its rows have new keys, each of them becomes a second case" in said.err
    (tmp_path / "rows.csv").write_text("key,title\n1,First\nB,Second\n", "utf-8")
    assert "warning" not in (await casemgmt("backfill", "rows.csv", *where, "--dry-run")).err


async def test_a_dry_run_that_is_not_complete_fails(casemgmt, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"key": "A", "title": "x"}\n' * 600, "utf-8")
    where = ("--job", "short", "--project", "SEC", "--type", "Standard", "--max-time", "0.000001")
    said = await casemgmt("backfill", "rows.jsonl", *where, "--dry-run")
    assert said.status == 1
    assert "this is not complete: its time of 1e-06 s is used up" in said.err


async def test_a_wrong_name_for_all_rows_is_one_error(casemgmt, tmp_path):
    (tmp_path / "rows.csv").write_text("key,title\nA,First\n", "utf-8")
    said = await casemgmt("backfill", "rows.csv", "--job", "x", "--project", "SECX", "--type", "Standard", "--yes")
    assert said.status == 2
    assert "no project has the key, name or id 'SECX'; did you mean SEC: Security" in said.err
    said = await casemgmt("backfill", "rows.csv", "--job", "x", "--project", "SEC", "--type", "Zzz", "--yes")
    assert said.err == "casemgmt: no case type has the name or id 'Zzz'; casemgmt types lists them\n"
    assert not list(tmp_path.glob("*.rejects.csv"))
