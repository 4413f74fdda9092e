"""Models: frozen, documented, comparable, and open to what is not known."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemgmt_async import models
from casemgmt_async.models import UNSET, Case, Listing, OpenEnum, Page, Priority, Resource, Unset, User

EXPORTED = {name: getattr(models, name) for name in models.__all__}
CLASSES = [value for value in EXPORTED.values() if isinstance(value, type)]
RECORDS = [value for value in CLASSES if attrs.has(value)]
ENUMS = [value for value in CLASSES if issubclass(value, OpenEnum) and value is not OpenEnum]


def test_every_public_name_is_exported() -> None:
    modules = [file.stem for file in Path(models.__file__).parent.glob("*.py") if not file.stem.startswith("__")]
    homes = [import_module(f"casemgmt_async.models.{module}") for module in modules]
    helpers = {"casemgmt_async.models." + name for name in ("base", "descriptions", "plain")}
    own = {name for home in homes for name in home.__all__ if home.__name__ not in helpers}
    assert own | {"Extra", "Model", "OpenEnum", "ReceivedExtra", "Resource"} == set(models.__all__)
    assert sorted(models.__all__) == dir(models)
    with pytest.raises(AttributeError, match="Nobody"):
        models.Nobody  # noqa: B018


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model.__name__)
def test_a_model_is_frozen_slotted_and_documented(model: Any) -> None:
    fields = attrs.fields(model)
    assert not hasattr(model.__new__(model), "__dict__")
    names = [field.name for field in fields]
    if issubclass(model, Resource):
        assert names[0] == "id"
    (tree,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(tree, ast.ClassDef)
    assert ast.get_docstring(tree)
    for statement, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation):
            name = ast.unparse(statement.target)
            documented = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            assert documented, f"{name} has no line of documentation"
    instance = model(**{field.alias: "x" for field in fields if field.default is attrs.NOTHING})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(instance, names[0], "y")
    for again in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), attrs.evolve):
        assert again(instance) == instance
        assert again(instance) is not instance


def test_resources_can_be_members_of_sets() -> None:
    case, changed = Case("1", title="a", attributes={"k": ["v"]}), Case("1", title="b")
    assert len({case, Case("1", title="a", attributes={"k": ["v"]}), changed, User("1")}) == 3
    assert case != changed


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_a_known_value_is_its_member(kind: type[OpenEnum]) -> None:
    for member in kind:
        assert kind(member.value) is member
        assert (member.known, str(member), member == member.value) == (True, member.value, True)
        assert pickle.loads(pickle.dumps(member)) is member


@settings(max_examples=60)
@given(st.sampled_from(ENUMS), st.text())
def test_an_unknown_value_is_kept(kind: type[OpenEnum], text: str) -> None:
    value = kind(text)
    assert isinstance(value, kind)
    assert (value, str(value), value.value, hash(value)) == (text, text, text, hash(text))
    assert value == kind(text)
    assert value != kind(text + "x")
    assert value.known == (text in {member.value for member in kind})
    for again in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
        assert again(value) == value
        assert type(again(value)) is kind


def test_unknown_values_are_not_remembered() -> None:
    before = dict(Priority.__members__)
    assert [Priority(f"wild {number}").known for number in range(100)] == [False] * 100
    assert dict(Priority.__members__) == before
    assert Priority("wild") is not Priority("wild")
    with pytest.raises(ValueError, match="5"):
        Priority(5)


def test_unset_is_one_thing_and_false() -> None:
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert copy.deepcopy(UNSET) is UNSET
    assert (bool(UNSET), repr(UNSET), isinstance(UNSET, Unset)) == (False, "UNSET", True)


def test_a_page_is_read_like_its_items() -> None:
    page = Page(["a", "b"], number=1)
    assert (list(page), len(page), "b" in page) == (["a", "b"], 2, True)


def test_a_listing_is_a_list() -> None:
    listing = Listing([1, 2], {"meta": 1})
    assert listing == [1, 2]
    again = pickle.loads(pickle.dumps(listing))
    assert (again, again.extra, type(again)) == ([1, 2], {"meta": 1}, Listing)
