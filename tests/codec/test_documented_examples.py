"""Every example of the reference comes back from the codec as it went in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from codec_documents import ANSWERS, OPERATIONS, answer_of, as_text, completed, decode_plain

from casemgmt_async import models
from casemgmt_async.codec import converter, decode, dump, encode
from casemgmt_async.codec.shape import Leaf, Node, shape_of

EXAMPLES = {name: completed(row["response_example"]) for name, row in OPERATIONS.items() if row["response_example"]}
PARTS: dict[str, list[tuple[str, Any]]] = {
    "add_case_insights": [("insights", tuple[models.Insight, ...])],
    "create_case_automation_rule": [("trigger", models.AutomationTrigger), ("action", models.AutomationAction)],
    "create_project_notification_rule": [
        ("recipients", tuple[models.NotificationRecipient, ...]),
        ("triggers", tuple[models.NotificationTrigger, ...]),
    ],
}
"""Which attributes of request bodies are models."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_answer_comes_back(name: str) -> None:
    example = EXAMPLES[name]
    body = msgspec.json.encode(example)
    answer = decode(body, answer_of(example))
    assert as_text(encode(answer)) == as_text(example)
    assert answer == decode_plain(body, answer_of(example))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_answer_has_a_field_for_everything(name: str) -> None:
    """Nothing that the reference documents ends up in `extra`."""

    def extras(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [found for inner in value.values() for found in extras(inner)]
        if isinstance(value, list | tuple | models.Page):
            return [found for inner in value for found in extras(inner)]
        if not hasattr(value, "__attrs_attrs__"):
            return []
        fields = [getattr(value, attribute.name) for attribute in value.__attrs_attrs__ if attribute.name != "extra"]
        return [*value.extra, *extras(fields)]

    answer = decode(msgspec.json.encode(EXAMPLES[name]), answer_of(EXAMPLES[name]))
    assert set(extras(answer)) <= {"/relationships/member_team/links"}


@pytest.mark.parametrize(("name", "attribute", "kind"), [(n, *part) for n, parts in PARTS.items() for part in parts])
def test_a_part_of_a_request_comes_back(name: str, attribute: str, kind: Any) -> None:
    sent = OPERATIONS[name]["body_example"]["data"]["attributes"][attribute]
    assert msgspec.json.decode(dump(converter.structure(sent, kind))) == sent


def test_project_settings_come_back_as_a_part_of_a_request() -> None:
    settings = EXAMPLES["get_project"]["data"]["attributes"]["settings"]
    project = decode(msgspec.json.encode(EXAMPLES["get_project"]), models.Project)
    sent = msgspec.json.decode(dump(project.settings))
    empty = {"notification": {"destinations": []}}
    assert {**sent["notification"], **empty["notification"]} == settings.pop("notification")
    del sent["notification"]
    assert sent == settings


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_every_model_has_a_table(answer: Any) -> None:
    """Each field has a place of its own, and no place is inside another's."""
    kind = getattr(answer, "__args__", (answer,))[0]
    shape = shape_of(kind)
    paths = [leaf.path for leaf in shape.leaves]
    assert len(set(paths)) == len(paths) == len([a for a in kind.__attrs_attrs__ if a.name != "extra"])
    for leaf in shape.leaves:
        node: Any = shape.root
        for name in leaf.path[:-1]:
            node = node.children[name]
            assert isinstance(node, Node)
        assert isinstance(node.children[leaf.path[-1]], Leaf)
