"""Random series of operations on a world and on a small model of it must come to the same."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from emulator_calls import NOBODY, Answer, Desk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

PRIORITIES = ["NOT_DEFINED", "P1", "P2", "P3", "P4", "P5"]
STATUSES = ["OPEN", "IN_PROGRESS", "CLOSED"]
PROJECTS = ["OPS", "SEC"]
QUERIES = ["", "status:open", "-status:closed", "priority:(P1 OR P2)", "project:SEC", "env:a", "leak -status:open"]


@define
class Model:
    """A case, as little of it as the operations below can change."""

    id: str
    key: str
    project: str
    title: str
    priority: str = "NOT_DEFINED"
    status: str = "OPEN"
    assignee: str | None = None
    archived: bool = False
    env: list[str] = field(factory=list)
    comments: list[tuple[str, str]] = field(factory=list)
    watchers: list[str] = field(factory=list)

    def found_by(self, query: str) -> bool:
        """Whether one of `QUERIES` finds the case."""
        tests = {
            "": True,
            "status:open": self.status == "OPEN",
            "-status:closed": self.status != "CLOSED",
            "priority:(P1 OR P2)": self.priority in {"P1", "P2"},
            "project:SEC": self.project == "SEC",
            "env:a": "a" in self.env,
            "leak -status:open": "leak" in self.title and self.status != "OPEN",
        }
        return tests[query] and not self.archived


class WorldMachine(RuleBasedStateMachine):
    """Does everything twice, and looks at both."""

    cases = Bundle("cases")
    comments = Bundle("comments")

    @initialize()
    def begin(self) -> None:
        self.desk = Desk()
        self.models: list[Model] = []
        self.numbers = dict.fromkeys(PROJECTS, 0)
        self.kept: tuple[Any, Any] | None = None
        self.users = [NOBODY, *list(self.desk.store.users)[:3]]

    def key(self, project: str) -> str:
        self.numbers[project] += 1
        return f"{project}-{self.numbers[project]}"

    def model(self, place: int) -> Model | None:
        """The case made at that place, unless a restore has undone it."""
        return self.models[place] if place < len(self.models) else None

    def change(self, place: int, name: str, attributes: dict[str, Any], **fields: Any) -> None:
        """Change a case here and there; by id or by key in turn."""
        model = self.model(place)
        if model is None:
            return
        address = model.key if place % 2 else model.id
        answer = self.desk.send(name, address, **attributes)
        assert answer.status == 200
        for field_name, value in fields.items():
            setattr(model, field_name, value)
        self.same(answer, model)

    @rule(target=cases, project=st.sampled_from(PROJECTS), title=st.sampled_from(["A leak", "Other"]))
    def create(self, project: str, title: str) -> int:
        case = self.desk.create(title, project=project)
        self.models.append(Model(case["id"], self.key(project), project, title))
        return len(self.models) - 1

    @rule(place=cases, title=st.sampled_from(["A leak", "Other", "Third"]))
    def retitle(self, place: int, title: str) -> None:
        self.change(place, "update_case_title", {"title": title}, title=title)

    @rule(place=cases, status=st.sampled_from(STATUSES))
    def set_status(self, place: int, status: str) -> None:
        self.change(place, "update_status", {"status": status}, status=status)

    @rule(place=cases, priority=st.sampled_from(PRIORITIES))
    def set_priority(self, place: int, priority: str) -> None:
        self.change(place, "update_priority", {"priority": priority}, priority=priority)

    @rule(place=cases, env=st.lists(st.sampled_from("ab"), max_size=2))
    def label(self, place: int, env: list[str]) -> None:
        self.change(place, "update_attributes", {"attributes": {"env": env}}, env=env)

    @rule(place=cases, user=st.integers(0, 3))
    def assign(self, place: int, user: int) -> None:
        chosen = self.users[user]
        self.change(place, "assign_case", {"assignee_id": chosen}, assignee=chosen)

    @rule(place=cases)
    def unassign(self, place: int) -> None:
        self.change(place, "unassign_case", {}, assignee=None)

    @rule(place=cases)
    def archive(self, place: int) -> None:
        self.change(place, "archive_case", {}, archived=True)

    @rule(place=cases)
    def unarchive(self, place: int) -> None:
        self.change(place, "unarchive_case", {}, archived=False)

    @rule(place=cases, project=st.sampled_from(PROJECTS))
    def move(self, place: int, project: str) -> None:
        model = self.model(place)
        if model is None:
            return
        body = {"data": {"id": self.desk.project(project), "type": "project"}}
        answer = self.desk.ask("move_case_to_project", model.id, body=body)
        if project != model.project:
            old, model.project, model.key = model.key, project, self.key(project)
            assert self.desk.ask("get_case", old).status == 404
        self.same(answer, model)

    @rule(places=st.lists(cases, max_size=4), priority=st.sampled_from(PRIORITIES))
    def bulk(self, places: list[int], priority: str) -> None:
        models = [model for place in places if (model := self.model(place))]
        attributes = {
            "case_ids": [NOBODY, *(model.id for model in models)],
            "type": "priority",
            "payload": {"priority": priority},
        }
        answer = self.desk.ask("bulk_update_cases", body={"data": {"type": "bulk", "attributes": attributes}})
        assert (answer.status, answer.json) == (200, None)
        for model in models:
            model.priority = priority

    @rule(target=comments, place=cases, text=st.sampled_from(["one", "two"]))
    def comment(self, place: int, text: str) -> Any:
        model = self.model(place)
        if model is None:
            return multiple()
        (cell,) = self.desk.send("comment_case", model.key, comment=text).data
        model.comments.append((cell["id"], text))
        return place, cell["id"]

    @rule(comment=consumes(comments))
    def delete_comment(self, comment: tuple[int, str]) -> None:
        place, cell = comment
        model = self.model(place)
        if model is None:
            return
        there = any(each == cell for each, _ in model.comments)
        assert self.desk.ask("delete_case_comment", model.id, cell).status == (204 if there else 404)
        assert self.desk.ask("delete_case_comment", model.id, cell).status == 404
        model.comments = [each for each in model.comments if each[0] != cell]

    @rule(place=cases, user=st.integers(0, 3))
    def watch(self, place: int, user: int) -> None:
        if model := self.model(place):
            assert self.desk.ask("watch_case", model.key, self.users[user]).status == 201
            model.watchers = list(dict.fromkeys([*model.watchers, self.users[user]]))

    @rule(place=cases, user=st.integers(0, 3))
    def unwatch(self, place: int, user: int) -> None:
        if model := self.model(place):
            assert self.desk.ask("unwatch_case", model.key, self.users[user]).status == 204
            model.watchers = [each for each in model.watchers if each != self.users[user]]

    @rule()
    def keep(self) -> None:
        state = [Model(**{name: copied(getattr(each, name)) for name in NAMES}) for each in self.models]
        self.kept = (self.desk.simulation.snapshot(), (state, dict(self.numbers)))

    @rule()
    def go_back(self) -> None:
        if self.kept is not None:
            self.desk.simulation.restore(self.kept[0])
            models, numbers = self.kept[1]
            self.models = [Model(**{name: copied(getattr(each, name)) for name in NAMES}) for each in models]
            self.numbers = dict(numbers)

    @rule(place=cases)
    def look(self, place: int) -> None:
        model = self.model(place)
        if model is None:
            return
        self.same(self.desk.ask("get_case", model.key), model)
        cells = self.desk.ask("list_case_timeline", model.id, query={"page[size]": "100"}).data
        shown = [(cell["id"], cell["attributes"]["cell_content"]["message"]) for cell in cells]
        assert shown == model.comments[::-1]
        watchers = self.desk.ask("list_case_watchers", model.id).data
        assert [each["relationships"]["user"]["data"]["id"] for each in watchers] == model.watchers

    @rule(query=st.sampled_from(QUERIES), size=st.integers(1, 4), asc=st.booleans())
    def walk(self, query: str, size: int, asc: bool) -> None:
        expected = [model.id for model in self.models if model.found_by(query)]
        found: list[str] = []
        for number in range(1, len(expected) // size + 2):
            page = self.desk.search(query, size=size, number=number, asc=asc)
            assert page.json["meta"]["total_cases"] == len(expected)
            found += [case["id"] for case in page.data]
        assert found == (expected if asc else expected[::-1])

    @rule(query=st.sampled_from(QUERIES), field_name=st.sampled_from(["priority", "status"]), asc=st.booleans())
    def sort(self, query: str, field_name: str, asc: bool) -> None:
        ranks = {"priority": PRIORITIES, "status": STATUSES}[field_name]
        expected = sorted(
            (model for model in self.models if model.found_by(query)),
            key=lambda model: ranks.index(getattr(model, field_name)),
        )
        ids = [model.id for model in expected]
        found = [case["id"] for case in self.desk.search(query, size=100, field=field_name, asc=asc).data]
        assert found == (ids if asc else ids[::-1])

    @invariant()
    def counts_agree(self) -> None:
        counted = self.desk.ask("count_cases", query={"group_bys": "status"}).data["attributes"]
        expected: dict[str, int] = {}
        for model in self.models:
            if not model.archived:
                expected[model.status] = expected.get(model.status, 0) + 1
        assert {each["value"]: each["count"] for each in counted["groups"][0]["group_values"]} == expected
        assert counted["total"] == sum(expected.values())

    def same(self, answer: Answer, model: Model) -> None:
        """Compare a case document with the model."""
        given, related = answer.data["attributes"], answer.data["relationships"]
        assert answer.data["id"] == model.id
        shown = (given["key"], given["title"], given["priority"], given["status"], given["comment_count"])
        assert shown == (model.key, model.title, model.priority, model.status, len(model.comments))
        assert ("archived_at" in given, "closed_at" in given) == (model.archived, model.status == "CLOSED")
        assert related.get("assignee", {}).get("data", {}).get("id") == model.assignee
        assert given["attributes"].get("env", []) == model.env


NAMES = [each.name for each in Model.__attrs_attrs__]


def copied(value: Any) -> Any:
    """A value that shares no list with the one given."""
    return list(value) if isinstance(value, list) else value


TestWorld = WorldMachine.TestCase
TestWorld.settings = settings(max_examples=60, stateful_step_count=40)
