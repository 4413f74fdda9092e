"""Models in pydantic: what comes out reads like the model, and the schema says so."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import attrs
import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from casemgmt_async import models
from casemgmt_async.integrations.aiohttp_web import json_response
from casemgmt_async.integrations.pydantic_models import teach

CASE = models.Case(
    "c-1",
    key="PROJ-1",
    title="Disk full",
    priority=models.Priority("P77"),
    status_group=models.StatusGroup.SG_OPEN,
    assignee=models.User("u-1", name="Ada"),
    created_at=datetime(2026, 1, 24, 0, 47, 45, 477244, UTC),
    due_date=date(2026, 2, 1),
    attributes={"service": ["db", "api"]},
    custom_attributes={"size": models.CustomAttribute(models.CustomAttributeType.NUMBER, [3.5], is_multi=True)},
    extra={"new": {"deep": [1, None]}},
)
CLASSES = sorted((one for one in vars(models).values() if isinstance(one, type) and attrs.has(one)), key=str)


@pytest.mark.parametrize("mode", ["serialization", "validation"])
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_model_has_a_schema_with_its_fields_in_order_and_described(cls, mode):
    schema = TypeAdapter(cls).json_schema(mode=mode)
    if "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    public = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
    assert list(schema["properties"]) == public
    assert all(field.get("description") for field in schema["properties"].values())
    if mode == "serialization":
        assert schema.get("required", []) == public


def test_a_model_reads_in_json_as_it_does_in_python():
    shown = json.loads(TypeAdapter(models.Case).dump_json(CASE))
    assert list(shown) == [field.name for field in attrs.fields(models.Case) if not field.name.startswith("_")]
    assert shown["id"] == "c-1"
    assert shown["priority"] == "P77"
    assert shown["status_group"] == "SG_OPEN"
    assert shown["assignee"] == {
        "id": "u-1",
        "name": "Ada",
        "email": None,
        "handle": None,
        "active": None,
        "extra": {},
    }
    assert shown["created_at"] == "2026-01-24T00:47:45.477244Z"
    assert shown["due_date"] == "2026-02-01"
    assert shown["attributes"] == {"service": ["db", "api"]}
    assert shown["custom_attributes"]["size"]["value"] == [3.5]
    assert shown["closed_at"] is None
    assert shown["extra"] == {"new": {"deep": [1, None]}}
    assert "never" not in str(shown)


@pytest.mark.parametrize("value", [CASE, [CASE, CASE], models.Page([CASE], number=1, total_items=1)], ids=type)
def test_both_frameworks_give_the_same_json(value):
    kind = {models.Case: models.Case, list: list[models.Case], models.Page: models.Page[models.Case]}[type(value)]
    body = json_response(value).body
    assert isinstance(body, bytes)
    assert json.loads(body) == json.loads(TypeAdapter(kind).dump_json(value))
    assert body.index(b'"id"') < body.index(b'"key"')


def test_json_of_a_model_makes_the_model_again():
    adapter = TypeAdapter(models.Page[models.Case])
    page = models.Page([CASE], number=1)
    assert adapter.validate_json(adapter.dump_json(page)) == page
    assert adapter.validate_python(page) is page
    with pytest.raises(ValidationError, match="created_at"):
        TypeAdapter(models.Case).validate_python({"id": "c-1", "created_at": "yesterday"})


def test_fields_can_be_included_and_excluded():
    adapter, cases = TypeAdapter(models.Case), TypeAdapter(list[models.Case])
    assert json.loads(adapter.dump_json(CASE, include={"id", "title"})) == {"id": "c-1", "title": "Disk full"}
    assert cases.dump_python([CASE], include={"__all__": {"id": True}}) == [{"id": "c-1"}]
    every = adapter.dump_python(CASE)
    assert adapter.dump_python(CASE, exclude={"extra", "assignee"}) == {
        name: value for name, value in every.items() if name not in {"extra", "assignee"}
    }
    with pytest.raises(PydanticSerializationError, match="not parts of 'assignee'"):
        adapter.dump_python(CASE, include={"id": True, "assignee": {"name"}})
    with pytest.raises(PydanticSerializationError, match="not parts of 'assignee'"):
        adapter.dump_python(CASE, exclude={"assignee": {"email"}})


def test_an_open_enum_is_a_text_with_examples():
    schema = TypeAdapter(models.Priority).json_schema()
    assert schema["type"] == "string"
    assert "enum" not in schema
    assert schema["examples"] == ["NOT_DEFINED", "P1", "P2", "P3", "P4", "P5"]
    assert TypeAdapter(models.Priority).validate_python("P77") == models.Priority("P77")


def test_a_filled_in_page_names_what_it_holds():
    schema = TypeAdapter(models.Page[models.Case]).json_schema(mode="serialization")
    assert schema["title"] == "Page[Case]"
    assert schema["properties"]["items"]["items"] == {"$ref": "#/$defs/Case"}


def test_an_attrs_class_of_the_app_can_join():
    @attrs.frozen
    class Report:
        """What was found."""

        cases: list[models.Case]
        """The cases."""

    teach(Report)
    assert json.loads(TypeAdapter(Report).dump_json(Report([CASE])))["cases"][0]["id"] == "c-1"
    assert TypeAdapter(Report).json_schema()["description"] == "What was found."
