"""`python -m benchmarks.differential`: do both forms of input to the codec agree on every document?

JSON text goes through msgspec structs where it fits them; plain objects, or text that does not fit, go through
generated functions over dicts. This program makes documents for every type of answer, corrupts most of them, and
decodes each as text and as plain objects: models, `extra`, included users and the encoded document have to be
equal, or the error with its path. One converter reads all of them, so members that come again are learned on the way;
another one learns nothing. It is seeded: the same seed makes the same documents.
"""

from __future__ import annotations

import argparse
import copy
import random
import sys
import typing
from datetime import date, datetime
from typing import Any

import attrs
import msgspec

from casemgmt_async import models
from casemgmt_async.codec import decode, encode, make_converter
from casemgmt_async.codec.shape import Leaf, Node, shape_of
from casemgmt_async.errors import CaseManagementError
from casemgmt_async.models import OpenEnum, Page, Resource, User

__all__ = ["ANSWERS", "Differential", "Documents"]

RESOURCES = [
    kind
    for kind in (getattr(models, name) for name in dir(models))
    if isinstance(kind, type) and issubclass(kind, Resource) and kind not in (Resource, User)
]
ANSWERS: list[Any] = [form for kind in RESOURCES for form in (kind, list[kind], Page[kind])]  # type: ignore[valid-type]
"""Every resource alone, in a list and on a page; every operation answers with one of these."""

TEXTS = ["", "a", "é", "u1", "u2", "user", "ID", "null", "2026-01-01", "\u2028", "x" * 70, "~/", "9"]
TIMES = [
    "2026-01-24T00:47:45.477244496Z",
    "2026-01-24T00:47:45Z",
    "2026-01-24T00:47:45",
    "2026-01-24t00:47:45.1z",
    "2026-01-24 00:47:45+02:00",
    "2026-01-24T00:47:45.9999999-11:30",
    "2026-01-24",
    "20260124T004745Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "yesterday",
]
ODDITIES: list[Any] = [None, True, False, 0, -1, 1.5, 2.0, 2**70, 1e300, "", "text", [], {}, [None], [{}], {"a": 1}]
ANY_VALUES = [*ODDITIES, *TIMES]
UNKNOWN = ["novel", "links", "/odd", "a~b/c", "", "meta", "type2", "extra", "id", "ID", "type", "class", "_x", "data"]


class Documents:
    """Makes valid and corrupted documents."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def body(self, answer: Any) -> bytes:
        """Make the JSON text of a document."""
        document = self.document(answer)
        for _ in range(self.random.choice((0, 0, 1, 1, 1, 2, 4))):
            self.spoil(document)
        body = msgspec.json.encode(document)
        return self.damaged(body) if self.random.random() < 0.03 else body

    def document(self, answer: Any) -> dict[str, Any]:
        """Make a valid document, with members that no model has."""
        rng, many = self.random, typing.get_origin(answer) is not None
        kind = typing.get_args(answer)[0] if many else answer
        count = rng.choice((0, 1, 1, 2, 3))
        document: dict[str, Any] = {"data": [self.model(kind) for _ in range(count)] if many else self.model(kind)}
        if rng.random() < 0.6:
            document["included"] = [self.included() for _ in range(rng.randrange(4))] if rng.random() < 0.9 else None
        if rng.random() < 0.5:
            page = {name: rng.choice((0, 1, 7, 2**40, None)) for name in ("current", "size", "total")}
            document["meta"] = {"page": page, "total_cases": rng.choice((0, 3, None))}
        if rng.random() < 0.2:
            document[rng.choice(UNKNOWN)] = self.anything()
        return document

    def included(self) -> dict[str, Any]:
        """Make an included user, or something else."""
        user = self.model(User) | {"id": self.random.choice(("u1", "u2", "u3"))}
        if self.random.random() < 0.2:
            user["type"] = self.random.choice(("team", None, 7, "", [], {}))
        return user

    def model(self, kind: Any) -> dict[str, Any]:
        """Make the object of a model."""
        shape = shape_of(kind)
        made = self.node(shape.root)
        if shape.tag and self.random.random() < 0.9:
            made["type"] = shape.tag
        return made

    def node(self, node: Node) -> dict[str, Any]:
        """Make an object: all that is required, some of the rest, null at times."""
        rng, made = self.random, {}
        for name, child in node.children.items():
            required = any(one.default is None for one in ([child] if isinstance(child, Leaf) else child.leaves()))
            if not required and rng.random() < 0.4:
                continue
            inner = None if not required and rng.random() < 0.1 else self.child(child)
            second = isinstance(child, Leaf) and child.alternative
            if second and rng.random() < 0.6:
                made[second] = inner
                if rng.random() < 0.5:
                    continue
            made[name] = inner
        if rng.random() < 0.1:
            made.setdefault(rng.choice(UNKNOWN), self.anything())
        return dict(sorted(made.items())) if rng.random() < 0.5 else made

    def child(self, child: Leaf | Node) -> Any:
        """Make a member."""
        if isinstance(child, Node):
            return self.node(child)
        if child.target is None:
            return self.value(child.type)
        many = typing.get_origin(child.type) is not None
        return [self.reference(child) for _ in range(self.random.randrange(3))] if many else self.reference(child)

    def reference(self, leaf: Leaf) -> dict[str, Any]:
        """Make what a relationship points to."""
        made = {"id": self.random.choice(TEXTS), "type": leaf.target}
        if self.random.random() < 0.1:
            made[self.random.choice(("type", "meta", "id"))] = self.random.choice(("wild", None, "u9"))
        return made

    def value(self, kind: Any) -> Any:
        """Make a value of a type."""
        rng, origin, arguments = self.random, typing.get_origin(kind), typing.get_args(kind)
        if kind is Any:
            return self.anything()
        if attrs.has(kind):
            return self.model(kind)
        if origin in (tuple, list):
            return [self.value(arguments[0]) for _ in range(rng.randrange(3))]
        if origin is not None:
            return {rng.choice(TEXTS): self.value(arguments[1]) for _ in range(rng.randrange(3))}
        if issubclass(kind, OpenEnum):
            return rng.choice([member.value for member in kind] + TEXTS[:2])
        plain: dict[Any, list[Any]] = {
            str: TEXTS,
            bool: [True, False],
            int: [0, 1, -5, 2**40, 2**70],
            float: [0, 1, 1.5, 2.0, -1e9],
            datetime: TIMES[:6],
            date: [*TIMES[:2], "2026-12-31"],
        }
        return rng.choice(plain[kind])

    def anything(self) -> Any:
        """Make a value of any type, sometimes deeply nested."""
        if self.random.random() < 0.05:
            deep: Any = 1
            for _ in range(self.random.choice((50, 99, 100, 101, 150))):
                deep = [deep] if self.random.random() < 0.5 else {"d": deep}
            return deep
        return copy.deepcopy(self.random.choice(ANY_VALUES))

    def spoil(self, at: Any) -> None:
        """Replace, add or remove something anywhere in a document."""
        rng = self.random
        while True:
            steps = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not steps:
                return
            step = rng.choice(steps)
            if isinstance(at[step], dict | list) and at[step] and rng.random() < 0.8:
                at = at[step]
                continue
            change = rng.randrange(4)
            if change == 0:
                del at[step]
            elif change == 1 and isinstance(at, dict):
                at[rng.choice(UNKNOWN)] = self.anything()
            else:
                at[step] = self.anything()
            return

    def damaged(self, body: bytes) -> bytes:
        """Cut a text off, or change a byte of it."""
        place = self.random.randrange(len(body))
        if self.random.random() < 0.5:
            return body[:place]
        return body[:place] + bytes([self.random.randrange(256)]) + body[place + 1 :]


class Differential:
    """Compares both forms over many documents."""

    def __init__(self, seed: int) -> None:
        self.documents = Documents(seed)
        self.text, self.plain = make_converter(), make_converter()
        self.refused = 0
        """How many documents both forms refused."""

    def compare(self, answer: Any) -> str | None:
        """Decode one document in both forms; return what differs."""
        body = self.documents.body(answer)
        try:
            parsed = msgspec.json.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            parsed = None
        text = outcome(body, answer, self.text)
        if not isinstance(parsed, dict):
            plain = text if isinstance(text, tuple) and text[0] == "error" else ("error", "must be refused")
        else:
            plain = outcome(parsed, answer, self.plain)
            if text[0] != "error" and text[-1] != as_text(parsed):
                return f"{answer}: {body!r}\n  encoded as {text[-1]}"
        self.refused += text[0] == "error"
        if text == plain:
            return None
        at = next((i for i, (one, other) in enumerate(zip(text, plain, strict=False)) if one != other), 0)
        return f"{answer}: {body!r}\n  text  {text[at]!s:.600}\n  plain {plain[at]!s:.600}"


def outcome(body: Any, answer: Any, converter: Any) -> tuple[Any, ...]:
    """Decode a document; return all that can be seen of the answer, or the error."""
    try:
        found: Any = decode(body, answer, converter=converter)
    except CaseManagementError as error:
        return ("error", *error.args)
    extra, included = found.extra, found.included
    return (found, repr(found), extra, list(extra), included, as_text(encode(found, converter=converter)))


def as_text(raw: Any) -> str:
    """Write JSON so that equal texts mean equal down to the types: 1 is not 1.0 and not true."""
    return repr(sorted_members(raw))


def sorted_members(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {name: sorted_members(raw[name]) for name in sorted(raw)}
    return [sorted_members(entry) for entry in raw] if isinstance(raw, list) else raw


def main() -> None:
    """Compare as many documents as asked; print the differences and fail if there are any."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differential", description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    differential = Differential(arguments.seed)
    differences = 0
    for number in range(arguments.documents):
        if found := differential.compare(ANSWERS[number % len(ANSWERS)]):
            differences += 1
            print(f"document {number}: {found}")
            if differences >= 20:
                break
    learned = sum(len(names) for hook in learned_of(differential.text) for names in hook.values())
    print(f"{number + 1:,} documents of {len(ANSWERS)} types of answer: {differences} differences")
    print(f"{differential.refused:,} were refused by both forms; {learned} members without a field were learned")
    sys.exit(bool(differences))


def learned_of(converter: Any) -> list[dict[Any, list[str]]]:
    """Return what the models of a converter have learned."""
    hook: Any = converter.get_structure_hook(RESOURCES[0])
    return [one.learned for one in hook.models.hooks.values()]


if __name__ == "__main__":
    main()
