"""A member without a field, or an odd value, costs its own resource alone; a member that comes again is learned."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import msgspec
import pytest

from casemgmt_async.codec import decode, encode, make_converter
from casemgmt_async.codec.documents import CAREFUL_FOR, FEW, Parser, document_of
from casemgmt_async.codec.users import Users
from casemgmt_async.codec.values import MAX_DEPTH
from casemgmt_async.codec.wire import LEARNED_AFTER, MOST_LEARNED, MOST_NOTED, ModelHook
from casemgmt_async.errors import DecodeError
from casemgmt_async.models import Case, Page, Project


class Reader:
    """A converter of its own, and what it did with each case."""

    def __init__(self) -> None:
        self.converter = make_converter()
        self.hook: ModelHook = self.converter.get_structure_hook(Case)
        self.document = self.converter.get_structure_hook(Page[Case])
        self.plain: list[str] = []
        """Ids of the cases that were read as plain objects."""
        self.open: list[str] = []
        """Ids of the cases that were read into the struct that accepts other attributes."""

    def read(self, document: Any) -> Page[Case]:
        self.plain.clear()
        self.open.clear()
        function = self.hook.compile_plain()

        def noted(raw: Any, users: Any) -> Any:
            self.plain.append(raw["id"])
            return function(raw, users)

        self.hook.plain_function = noted
        form = self.hook.open_form()
        assert form is not None

        def noted_open(raw: Any, users: Any) -> Any:
            self.open.append(raw.id)
            return form.structure(raw, users)

        form.struct.__structure__ = staticmethod(noted_open)
        page: Page[Case] = decode(msgspec.json.encode(document), Page[Case], converter=self.converter)
        return page


@pytest.fixture
def reader() -> Reader:
    return Reader()


def document(odd: int = 0, of: int = 5, **attributes: Any) -> dict[str, Any]:
    """A page of cases; the first `odd` have more attributes."""
    cases = [{"id": str(n), "type": "case", "attributes": {"title": f"t{n}"}} for n in range(of)]
    for case in cases[:odd]:
        case["attributes"] |= attributes  # type: ignore[operator]
    return {"data": cases}


INSIDE = {"insights": [{"type": "MONITOR", "novel": 1}]}
"""A member without a field that is not an attribute."""


@pytest.mark.parametrize(("odd", "way"), [({"novel": 1}, "open"), (INSIDE, "plain")], ids=str)
def test_one_odd_case_is_the_only_one_read_in_another_way(reader: Reader, odd: Any, way: str) -> None:
    for _ in range(2):  # tried as a whole, then cut into its resources
        page = reader.read(document(odd=1, **odd))
        assert (reader.plain, reader.open) == ((["0"], []) if way == "plain" else ([], ["0"]))
        assert [case.title for case in page] == ["t0", "t1", "t2", "t3", "t4"]
        assert encode(page) == document(odd=1, **odd)
    reader.read(document())
    assert (reader.plain, reader.open) == ([], [])


def test_null_in_place_of_an_array_inside_a_mapping_is_not_odd(reader: Reader) -> None:
    page = reader.read(document(odd=1, attributes={"team": None, "env": ["prod"]}))
    assert (reader.plain, reader.document.careful) == ([], 0)
    assert page[0].attributes == {"team": [], "env": ["prod"]}
    assert encode(page) == document(odd=1, attributes={"team": None, "env": ["prod"]})


def test_where_most_cases_are_odd_the_closed_struct_is_not_tried_for_the_rest(reader: Reader) -> None:
    raw = document(odd=4 * FEW, of=8 * FEW, novel=1)
    reader.read(raw)
    assert reader.read(raw) == decode(raw, Page[Case])
    assert len(reader.open) > 4 * FEW
    assert encode(reader.read(raw)) == raw


def test_a_few_odd_cases_do_not_change_the_way_of_the_others(reader: Reader) -> None:
    raw = document(odd=FEW, of=8 * FEW, novel=1)
    for _ in range(2):
        reader.read(raw)
        assert len(reader.open) == FEW


OTHER_MEMBERS = {"novel": {"deep": [1]}, "other": None, "": 1, "a~b/c": 2, "é": 4, "members": 5}


def test_other_attributes_are_kept_by_the_open_struct_as_by_plain_objects(reader: Reader) -> None:
    raw = document(odd=1, **OTHER_MEMBERS)
    page, plain = reader.read(raw), decode(raw, Page[Case])
    assert (reader.open, reader.plain) == (["0"], [])
    assert page == plain
    assert page[0].extra == OTHER_MEMBERS
    assert list(page[0].extra) == list(plain[0].extra)
    for answer in (page, copy.deepcopy(page), pickle.loads(pickle.dumps(page))):
        assert encode(answer) == raw
    changed = attrs.evolve(page[0], title="new")
    assert encode(changed)["data"]["attributes"] == raw["data"][0]["attributes"] | {"title": "new"}


def test_one_resource_with_other_attributes_is_read_into_the_open_struct(reader: Reader) -> None:
    raw = {"data": document(odd=1, **OTHER_MEMBERS)["data"][0], "meta": {"n": 1}}
    case = decode(msgspec.json.encode(raw), Case, converter=reader.converter)
    assert case.extra.wire.document.data.__class__ is reader.hook.open_form().struct  # type: ignore[attr-defined, union-attr]
    assert case == decode(raw, Case)
    assert encode(case) == raw


def test_an_attribute_that_is_nested_too_deeply_is_refused_with_its_path(reader: Reader) -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(DecodeError) as refused:
        reader.read(document(odd=1, novel=deep))
    assert refused.value.path == "$.data[0].attributes.novel"


@pytest.mark.parametrize("bad", [{"title": 5}, {"insights": [{"type": "MONITOR"}, {"type": 5}]}], ids=str)
def test_the_path_of_an_error_is_the_same_when_pages_are_cut(reader: Reader, bad: Any) -> None:
    raw = document(of=3)
    raw["data"][1]["attributes"] |= bad
    reader.read(document(odd=1, novel=1))
    with pytest.raises(DecodeError) as cut:
        reader.read(raw)
    with pytest.raises(DecodeError) as plain:
        decode(raw, Page[Case])
    assert cut.value.args == plain.value.args
    assert "data[1].attributes." in str(cut.value)


def test_an_odd_time_is_read_as_plain_objects_and_does_not_cut_the_page(reader: Reader) -> None:
    page = reader.read(document(odd=1, created_at="2026-01-01t00:00:00z"))
    assert (reader.plain, reader.document.careful) == (["0"], 0)
    assert str(page[0].created_at) == "2026-01-01 00:00:00+00:00"


def test_pages_are_cut_only_for_a_while_after_an_odd_one(reader: Reader) -> None:
    reader.read(document(odd=1, novel=1))
    for left in range(CAREFUL_FOR, 0, -1):
        assert reader.document.careful == left
        reader.read(document())
    assert reader.document.careful == 0
    reader.read(document())
    assert reader.document.careful == 0


def test_a_member_that_comes_again_is_learned(reader: Reader) -> None:
    insight = {"type": "MONITOR", "novel": {"deep": [1]}}
    relationships = {"assignee": {"data": {"id": "u", "n": 1}, "meta": {"n": 1}}, "incidents": {"data": []}}
    raw = document(odd=5, novel=None, other=2, insights=[insight])
    for case in raw["data"]:
        case |= {"relationships": copy.deepcopy(relationships), "links": {"self": "/1"}}
    raw |= {"meta": {"novel": 1}, "links": {}}
    first = reader.read(raw)
    for _ in range(LEARNED_AFTER):
        assert reader.read(raw) == first
    assert (reader.plain, reader.open) == ([], [])
    assert reader.document.careful == 0
    learned = reader.read(raw)
    assert learned == first
    assert learned[1].extra == {
        "novel": None,
        "other": 2,
        "/links": {"self": "/1"},
        "/relationships/incidents": {"data": []},
        "/relationships/assignee/meta": {"n": 1},
        "/relationships/assignee/data/n": 1,
    }
    assert learned[0].insights[0].extra == {"novel": {"deep": [1]}}
    assert learned.extra == {"/meta/novel": 1, "links": {}}
    assert encode(learned, converter=reader.converter) == raw
    assert list(learned[0].extra) == list(first[0].extra)
    plain = reader.read(document())
    assert (plain.extra, plain[0].extra, reader.plain) == ({}, {}, [])


@pytest.mark.parametrize("name", ["", "a~b/c", "class", "_x", "é", 'q"', "back\\slash", "\x1b", "\u2028", "m0"])
def test_any_name_can_come_again(reader: Reader, name: str) -> None:
    for _ in range(2 * LEARNED_AFTER):
        page = reader.read(document(odd=1, **{name: [1]}))
        assert encode(page) == document(odd=1, **{name: [1]})


def test_many_cases_of_one_document_teach_nothing(reader: Reader) -> None:
    for number in range(2 * LEARNED_AFTER):
        assert reader.read(document(odd=5, **{f"n{number}": 1}))[4].extra == {f"n{number}": 1}
    assert reader.hook.learned == {}


def test_what_is_learned_and_noted_is_bounded(reader: Reader) -> None:
    for number in range(2 * MOST_LEARNED):
        for _ in range(LEARNED_AFTER):
            reader.hook.meet(("attributes",), f"n{number}", Users())
            reader.converter.structure({"data": []}, Page[Case])
            with_number(reader, number)
    assert sum(map(len, reader.hook.learned.values())) == MOST_LEARNED
    for number in range(2 * MOST_NOTED):
        reader.hook.meet(("attributes",), f"m{number}", Users())
    assert len(reader.hook.met) <= MOST_NOTED


def with_number(reader: Reader, number: int) -> None:
    """Meet a member in a document of its own."""
    reader.converter.structure({"data": [{"id": "1", "attributes": {f"n{number}": 1}}]}, Page[Case])


def test_another_type_is_kept_and_not_learned(reader: Reader) -> None:
    for _ in range(2 * LEARNED_AFTER):
        case = decode(b'{"data": {"id": "1", "type": "issue"}}', Case, converter=reader.converter)
        assert case.extra == {"/type": "issue"}
        assert encode(case) == {"data": {"id": "1", "type": "issue"}}
    assert reader.hook.learned == {}


def test_a_user_that_is_only_pointed_to_is_one_object_and_not_among_the_included_ones(reader: Reader) -> None:
    assignee = {"relationships": {"assignee": {"data": {"id": "b", "type": "user"}}}}
    raw = document() | {"included": [{"id": "a", "type": "user"}]}
    raw["data"] = [case | assignee for case in raw["data"]]
    for page in (reader.read(raw), decode(raw, Page[Case], converter=reader.converter)):
        assert [user.id for user in page.included] == ["a"]
        assert page[0].assignee is not None
        assert {id(case.assignee) for case in page} == {id(page[0].assignee)}


def test_included_resources_that_are_no_users_do_not_cut_the_page(reader: Reader) -> None:
    raw = document() | {
        "included": [{"id": "t", "type": "team", "attributes": {"size": 3}}, {"id": "u", "type": "user"}]
    }
    page = reader.read(raw)
    assert (reader.plain, reader.document.careful) == ([], 0)
    assert page.extra == {"included": raw["included"][:1]}
    assert [user.id for user in page.included] == ["u"]


def test_members_of_a_relationship_to_many_are_kept(reader: Reader) -> None:
    members = [{"id": "a", "type": "user"}, {"id": "b", "type": "bot", "meta": {}}]
    raw = {"data": {"id": "1", "type": "project", "relationships": {"member_user": {"data": members}}}}
    project = decode(msgspec.json.encode(raw), Project)
    assert [user.id for user in project.member_users] == ["a", "b"]
    assert project.extra == {
        "/relationships/member_user/data/1/type": "bot",
        "/relationships/member_user/data/1/meta": {},
    }
    assert encode(project) == raw


@pytest.mark.parametrize(("kind", "cut"), [(Case, 16), (list[Case], 17)], ids=["one", "several"])
def test_after_an_odd_document_some_are_cut_and_then_they_are_tried_as_a_whole_again(kind: Any, cut: int) -> None:
    """The odd one is cut as well. A list counts the sixteen that follow its last odd resource."""
    own = make_converter()
    hook = own.get_structure_hook(document_of(kind))
    taken: list[str] = []

    def counted(name: str, parse: Any) -> Any:
        return lambda body: taken.append(name) or parse(body)

    def read(**more: Any) -> None:
        case = {"id": "1", "type": "case", "attributes": {"title": "t", **more}}
        decode(msgspec.json.encode({"data": case if kind is Case else [case]}), kind, converter=own)

    read()
    made = hook.parser
    hook.parser = Parser(made.form, counted("whole", made.whole), counted("cut", made.cut))
    for more in ({"novel": 1}, *[{}] * 18):
        read(**more)
    assert taken == ["whole", *["cut"] * cut, *["whole"] * (19 - cut)]
