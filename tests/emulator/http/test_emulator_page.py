"""The page on the emulator knows every word that its scripts and its control routes know."""

import re
from pathlib import Path

from attrs import fields

from casemgmt_async.emulator import ACTIONS, FAULT_KINDS, Simulation, Switches
from casemgmt_async.emulator.behavior.faults import STATUSES
from casemgmt_async.emulator.http.control import COMMANDS

PAGE = Path(__file__).parents[3].joinpath("docs", "emulator.md").read_text("utf-8")


def section(title):
    """The text under one heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title):
    """The cells of the table of one section, by its first cell."""
    lines = [line.split("|")[1:-1] for line in section(title).splitlines() if line.startswith("| `")]
    return {first.strip(" `"): [cell.strip() for cell in rest] for first, *rest in lines}


def test_each_fault_with_the_moment_at_which_it_strikes():
    told = {kind: cells[-2] for kind, cells in rows("Faults").items()}
    assert told == {
        name: ("after" if kind.after else "before") + ("" if kind.fixed else "*") for name, kind in FAULT_KINDS.items()
    }


def test_each_action_of_an_actor():
    assert rows("Actors").keys() == ACTIONS.keys()


def test_each_control_route():
    told = section("From another process")
    named = {("GET", name) for name in re.findall(r"`GET /_emulator/(\w+)", told)}
    named |= {("POST", name) for name in re.findall(r"`POST /_emulator/(\w+)", told)}
    named |= {("POST", name) for name in re.findall(r", `/(\w+)`", told)}
    assert named == set(COMMANDS)


def test_each_switch_with_its_default():
    words = {"no": False, "yes": True, "none": None, "0": 0}
    told = {name: cells[0].strip("`").strip('"') for name, cells in rows("Switches").items()}
    defaults = {field.name: getattr(Switches(), field.name) for field in fields(Switches)}
    assert told.keys() == defaults.keys()
    for name, default in defaults.items():
        shown = words.get(told[name], told[name])
        assert shown == (default or None if isinstance(default, frozenset) else default) or shown == str(default), name


def test_each_status_of_a_fault():
    assert ", ".join(map(str, STATUSES)) in section("Faults")


def test_what_an_organisation_contains():
    told = section("What it contains")
    tables = Simulation().store.tables
    assert (len(tables.users), len(tables.teams), len(tables.projects), len(tables.case_types)) == (15, 4, 3, 6)
    assert {"fifteen users", "Four teams", "Three projects", "five built-in"} <= {
        words for words in ("fifteen users", "Four teams", "Three projects", "five built-in") if words in told
    }
    assert {each.key for each in tables.custom_attributes.values()} <= set(re.findall(r"`(\w+)`", told))
