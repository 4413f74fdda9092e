"""Bodies of requests: what is not given is left out, what cannot be said is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from casemgmt_async.codec import decode, dump
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models import (
    UNSET,
    AutoCloseSettings,
    AutomationTrigger,
    Case,
    CustomAttribute,
    CustomAttributeType,
    IncidentIntegration,
    Priority,
    ProjectSettings,
    TriggerType,
)


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"a": UNSET, "b": None, "c": {"d": UNSET}}, {"b": None, "c": {}}),
        ({"p": Priority.P1, "q": Priority("P9"), "r": [Priority.P2]}, {"p": "P1", "q": "P9", "r": ["P2"]}),
        ([1, 2.5, "é", True, (1,)], [1, 2.5, "é", True, [1]]),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": "2026-01-02T00:00:00Z"}),
        ({"at": datetime(2026, 1, 2, microsecond=7, tzinfo=UTC)}, {"at": "2026-01-02T00:00:00.000007Z"}),
        ({"on": date(2026, 1, 2)}, {"on": "2026-01-02"}),
        (
            CustomAttribute(CustomAttributeType.URL, ["a"], is_multi=True),
            {"type": "URL", "value": ["a"], "is_multi": True},
        ),
        (
            AutomationTrigger(TriggerType.STATUS_TRANSITIONED, to_status_name="Done", extra={"new": 1}),
            {"type": "status_transitioned", "data": {"to_status_name": "Done"}, "new": 1},
        ),
        (
            ProjectSettings(
                auto_close_inactive_cases=AutoCloseSettings(enabled=False),
                integration_incident=IncidentIntegration(priority_mapping={"SEV-1": "P1"}),
            ),
            {
                "auto_close_inactive_cases": {"enabled": False},
                "integration_incident": {"severity_config": {"priority_mapping": {"SEV-1": "P1"}}},
            },
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body(body: Any, sent: Any) -> None:
    assert msgspec.json.decode(dump(body)) == sent


def test_a_received_value_is_sent_back_as_it_came() -> None:
    custom = {"type": "WILD", "value": {"x": None}, "is_multi": False, "new": None}
    case = {"data": {"id": "1", "attributes": {"custom_attributes": {"k": custom}}}}
    received = decode(msgspec.json.encode(case), Case).custom_attributes
    assert msgspec.json.decode(dump(received)) == {"k": custom}


@pytest.mark.parametrize(
    "body",
    [
        {"x": float("nan")},
        {"x": [float("inf")]},
        {"x": object()},
        {"x": "\ud800"},
        {"at": datetime(2026, 1, 2)},
        {1j: 1},
    ],
    ids=["nan", "infinity", "object", "surrogate", "naive time", "complex key"],
)
def test_what_json_cannot_say(body: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        dump(body)
    assert caught.value.argument == "body"
