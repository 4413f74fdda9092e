"""Custom attributes of rows get the types that the case type configures, whatever the format of the source."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from casemgmt_async import AttributeOption, CaseSession, CustomAttributeConfig, CustomAttributeType
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import BackfillResult, backfill_cases, preview_backfill
from casemgmt_async.jobs.backfill.attributes import configured
from casemgmt_async.jobs.backfill.sources import RowError

STANDARD = "00000000-0000-0000-0000-000000000001"


async def fill(session: CaseSession, folder: Path, *rows: dict[str, Any], **options: Any) -> BackfillResult:
    """Run a backfill of some rows."""
    given = [{"key": f"K-{number}", "title": f"row {number}", **row} for number, row in enumerate(rows)]
    where = {"job": "custom", "journal": folder / "custom.db", "rejects": folder / "bad.jsonl"}
    where |= {"project": "SEC", "type": "Standard"}
    return await backfill_cases(session, given, **(where | options))


def values(emulator: Emulator) -> dict[str, Any]:
    """The custom attributes of the cases that rows became, by title."""
    return {
        case.title: {key: (each["type"], each["value"]) for key, each in case.custom_attributes.items()}
        for case in emulator.store.tables.cases
        if case.title.startswith("row ")
    }


async def test_cells_of_a_table_become_numbers_urls_and_choices(
    emulator: Emulator, session: CaseSession, tmp_path: Path
) -> None:
    """A column names an attribute by its key or its display name; the create carries all of them."""
    emulator.add_custom_attribute("tier", "SELECT", display_name="Support tier")
    emulator.add_custom_attribute("sites", "NUMBER", is_multi=True)
    table = tmp_path / "rows.csv"
    names = ("cost", "runbook", "Region", "Support tier", "sites", "sites")
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "title", *(f"custom_attributes.{name}" for name in names)])
        writer.writerow(["A", "row a", " 12.50", "https://example.com/a ", "eu", "gold", "1", "2"])
        writer.writerow(["B", "row b", "12.0", "", "", "", "3", ""])
    where: dict[str, Any] = {"job": "table", "project": "SEC", "type": "Standard"}
    preview = await preview_backfill(session, table, **where)
    result = await backfill_cases(session, table, **where)
    assert result.succeeded
    assert values(emulator) == {
        "row a": {
            "cost": ("NUMBER", 12.5),
            "runbook": ("URL", "https://example.com/a"),
            "region": ("TEXT", "eu"),
            "tier": ("SELECT", "gold"),
            "sites": ("NUMBER", [1, 2]),
        },
        "row b": {"cost": ("NUMBER", 12), "sites": ("NUMBER", [3])},
    }
    called = Counter(entry.route for entry in emulator.log)
    assert called["update_case_custom_attribute"] == 0, "the create carries them"
    assert called["get_all_custom_attributes"] == 2, "the list is read once by each run"
    assert preview.requests == called["create_case"] == 2
    assert "custom_attributes" not in preview.cases[0]["then"], "what the create carries does not follow it"


async def test_a_number_is_the_same_in_every_format(emulator: Emulator, session: CaseSession, tmp_path: Path) -> None:
    """A row that comes as a table the first time and as JSON the next has not changed."""
    first = await fill(session, tmp_path, {"custom_attributes": {"cost": "9", "severity": 3}})
    again = await fill(session, tmp_path, {"custom_attributes": {"cost": 9.0, "severity": "3"}})
    assert (first.created, again.unchanged, again.created) == (1, 1, 0)
    await fill(session, tmp_path, {"custom_attributes": {"cost": "10"}}, update=True)
    assert values(emulator)["row 0"] == {"cost": ("NUMBER", 10), "severity": ("TEXT", "3")}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"cost": "12,5"}, "custom_attributes.cost must be a number, as 1200.5; not '12,5'"),
        ({"cost": "nan"}, "custom_attributes.cost must be a number"),
        ({"cost": [1, 2]}, "custom_attributes.cost takes one value, not [1, 2]"),
        ({"nope": "x"}, "no custom attribute has the key, display name or id 'nope'"),
        ({"severty": "x"}, "no custom attribute has the key, display name or id 'severty'; did you mean severity"),
        ({"cost": 1, "Cost": 2}, "custom_attributes.Cost: the row has 'cost' under another name as well"),
    ],
)
async def test_an_impossible_value_rejects_its_row_before_anything_is_sent(
    emulator: Emulator, session: CaseSession, tmp_path: Path, given: dict[str, Any], reason: str
) -> None:
    """The reason names the attribute; the other rows become cases."""
    result = await fill(session, tmp_path, {"custom_attributes": given}, {})
    assert (result.created, result.bad_rows) == (1, 1)
    (said,) = result.reasons
    assert said.startswith(reason)
    assert sum(entry.route == "create_case" for entry in emulator.log) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_where_the_configuration_cannot_be_read_the_service_decides(
    emulator: Emulator, session: CaseSession, tmp_path: Path, status: int
) -> None:
    """A type that the row names is kept as well."""
    emulator.set_faults(f"get_all_custom_attributes: status={status}")
    typed = {"value": "https://example.com", "type": "URL"}
    result = await fill(
        session, tmp_path, {"custom_attributes": {"cost": 7, "runbook": typed}}, {"custom_attributes": {"cost": "7"}}
    )
    assert values(emulator) == {"row 0": {"cost": ("NUMBER", 7), "runbook": ("URL", "https://example.com")}}
    assert json.loads((tmp_path / "bad.jsonl").read_text())["key"] == "K-1"
    assert (result.created, result.bad_rows) == (1, 1)


def test_a_choice_is_spelled_as_the_service_spells_it() -> None:
    """A value that is not allowed is refused with those that are."""
    config = CustomAttributeConfig(
        "1",
        key="tier",
        type=CustomAttributeType("SELECT"),
        is_multi=True,
        options=(AttributeOption("Gold"), AttributeOption("Silver")),
    )
    assert configured("tier", "gold ", config) == {"type": "SELECT", "value": ["Gold"]}
    with pytest.raises(RowError, match="tier must be one of Gold, Silver; not 'lead'"):
        configured("tier", "lead", config)
