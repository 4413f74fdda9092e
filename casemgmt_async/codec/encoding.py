"""From models back to documents, and from the bodies of requests to JSON text."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import cattrs
import msgspec

from casemgmt_async.codec.converter import converter as default_converter
from casemgmt_async.codec.documents import ROOT, PageInfo, is_user
from casemgmt_async.codec.shape import Path, path_of, shape_of
from casemgmt_async.codec.unstructure import ModelWriter, put
from casemgmt_async.codec.values import DocumentWire, plain
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.base import Resource, wire_of
from casemgmt_async.models.page import Page
from casemgmt_async.models.users import User

__all__ = ["dump", "encode"]


def encode(answer: Any, *, converter: cattrs.Converter | None = None) -> Any:
    """Write an answer as the document it came in, as plain objects: `decode` of it gives an equal answer.

    `answer` is a resource, a list of resources or a `Page`. Members that were received and did not
    change are given back as they came: null or absent, with all digits of timestamps. Any other value
    is written as it is inside a resource.
    Raises `InvalidArgumentError` where something cannot be written as JSON.
    """
    writer = DocumentWriter(converter or default_converter)
    try:
        return writer.write(answer)
    except RecursionError:
        raise InvalidArgumentError("answer", "nested too deeply") from None


def dump(body: Any, *, converter: cattrs.Converter | None = None) -> bytes:
    """Write the body of a request as JSON text: dicts and lists that may hold models, enums, times and `UNSET`.

    Members that are `UNSET` are left out, None is sent as null. Raises `InvalidArgumentError` where
    something cannot be written as JSON.
    """
    try:
        return msgspec.json.encode((converter or default_converter).unstructure(body))
    except InvalidArgumentError:
        raise
    except RecursionError:
        raise InvalidArgumentError("body", "nested too deeply") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgumentError("body", f"cannot be written as JSON: {error}") from error


class DocumentWriter:
    """Writes documents with one converter."""

    def __init__(self, converter: cattrs.Converter) -> None:
        self.converter = converter
        self.models = ModelWriter(converter)

    def write(self, answer: Any) -> Any:
        """Write a page, a list, a resource, or any other value."""
        if isinstance(answer, Page):
            info = PageInfo(answer.number, answer.size, answer.total_pages, answer.total_items)
            return self.document(answer, answer.extra, wire_of(answer), answer.items, info)
        if isinstance(answer, list | tuple) and all(isinstance(item, Resource) for item in answer):
            return self.document(answer, getattr(answer, "extra", {}), wire_of(answer), answer)
        if isinstance(answer, Resource):
            wire, extra = wire_of(answer), getattr(answer, "extra", {})
            beside = {key[1:]: value for key, value in extra.items() if key.startswith("//")}
            return self.document(answer, beside, wire.document if isinstance(wire, DocumentWire) else None)
        return self.converter.unstructure(answer)

    def document(
        self,
        answer: Any,
        extra: Mapping[str, Any],
        wire: Any,
        items: Iterable[Any] | None = None,
        info: PageInfo | None = None,
    ) -> dict[str, Any]:
        """Write a document over the one that was received; without `items`, `answer` is its one resource."""
        received = {} if wire is None else plain(wire)
        rest = {name: value for name, value in received.items() if name not in ("data", "included")}
        wanted = {path_of(ROOT, key): value for key, value in extra.items()}
        others = wanted.pop(("included",), [])
        if info is None:
            write_members(rest, wanted)
        else:
            keys = {key: value for key, value in extra.items() if path_of(ROOT, key) != ("included",)}
            rest = self.models.write_over(
                shape_of(PageInfo), attrs.evolve(info, extra=keys), rest if received else None
            )
        data = (
            self.converter.unstructure(answer) if items is None else [self.converter.unstructure(one) for one in items]
        )
        if not data and "data" in received and received["data"] is None:
            data = None
        users = {user.id: user for item in (items if items is not None else [answer]) for user in users_of(item)}
        received_users = {user.id: user for user in getattr(answer, "included", ())}
        included = self.included(received.get("included"), others, {**received_users, **users})
        return {**rest, "data": data, **({"included": included} if included or "included" in received else {})}

    def included(self, received: Any, others: list[Any], users: dict[str, User]) -> Any:
        """Write what is known of users over the received array, and the entries that are not users."""
        present = received or []
        if others != [entry for entry in present if not is_user(entry)]:
            present = [entry for entry in present if is_user(entry)] + list(others)
        for user in users.values():
            places = [place for place, entry in enumerate(present) if is_user(entry) and entry.get("id") == user.id]
            if any(self.converter.structure(present[place], User) == user for place in places) or user == User(user.id):
                continue
            if places:
                present[places[-1]] = self.models.write_over(shape_of(User), user, present[places[-1]])
            else:
                present.append(self.converter.unstructure(user))
        return present or received


def write_members(rest: dict[str, Any], wanted: Mapping[Path, Any]) -> None:
    """Make the members of a document those that are wanted."""
    for name in [name for name in rest if not any(path[0] == name for path in wanted)]:
        del rest[name]
    for path, value in wanted.items():
        put(rest, path, functools.partial(keep, value))


def keep(value: Any, _: Any) -> Any:
    """Return the new value, whatever the old one was."""
    return value


def users_of(resource: Any) -> Iterable[User]:
    """Return the users that a resource points to."""
    for leaf in shape_of(type(resource)).leaves:
        if leaf.target == User.resource_type:
            value = getattr(resource, leaf.name)
            yield from (user for user in (value if isinstance(value, tuple) else (value,)) if isinstance(user, User))
