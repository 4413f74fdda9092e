"""From answers back to documents, and from the bodies of requests to bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import msgspec

from casemgmt_async.codec.contract import converter, rewrite
from casemgmt_async.codec.shape import ALONE, Document, PageDocument, key_of, path_of, shape_of
from casemgmt_async.codec.values import Whole, plain
from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.base import Resource, wire_of
from casemgmt_async.models.page import Page
from casemgmt_async.models.users import User

__all__ = ["dump", "encode"]


def encode(answer: Any) -> Any:
    """Write an answer as the document it came in: `decode` of it gives an equal answer.

    What the service sent and nobody changed is given back letter by letter, null or absent,
    with all digits of its timestamps. A value that is no resource is written as it stands in one.
    """
    if isinstance(answer, Page):
        document: Document[Any] = PageDocument(
            list(answer.items), answer.extra, answer.number, answer.size, answer.total_pages, answer.total_items
        )
        return write(document, wire_of(answer), answer.items)
    if isinstance(answer, list | tuple):
        return write(Document(list(answer), getattr(answer, "extra", {})), wire_of(answer), answer)
    if isinstance(answer, Resource):
        extra, beside = {}, {}
        for key, value in getattr(answer, "extra", {}).items():
            if key.startswith("//"):
                beside[key_of(ALONE, path_of(ALONE, key[1:]))] = value
            else:
                extra[key] = value
        wire = wire_of(answer)
        document = Document(attrs.evolve(answer, extra=extra), beside)  # type: ignore[call-arg]
        return write(document, wire.document if isinstance(wire, Whole) else None, (answer,))
    return converter.unstructure(answer)


def write(document: Document[Any], wire: Any, items: Iterable[Any]) -> Any:
    """Write a document over the one that was received."""
    kinds = {type(item) for item in items}
    if not all(issubclass(kind, Resource) for kind in kinds):
        return converter.unstructure(document.data)
    kind: Any = kinds.pop() if kinds else Any
    around: Any = type(document)
    whole = around[list[kind] if isinstance(document.data, list) else kind]
    raw = rewrite(document, whole, None if wire is None else plain(wire))
    include(raw, items)
    return raw


def include(raw: dict[str, Any], items: Iterable[Any]) -> None:
    """Write down beside `data` what is known of the users that the items point to."""
    present = raw.get("included") or []
    users = {user.id: user for item in items for user in users_of(item)}
    for user in users.values():
        entries = [(i, entry) for i, entry in enumerate(present) if entry.get("id") == user.id]
        if any(converter.structure(entry, User) == user for _, entry in entries if entry.get("type") == "user"):
            continue
        if user == User(user.id):
            continue
        if entries:
            index, entry = entries[-1]
            present[index] = rewrite(user, User, entry)
        else:
            present.append(converter.unstructure(user))
    if present:
        raw["included"] = present


def users_of(resource: Any) -> Iterable[User]:
    """Give the users that a resource points to."""
    for leaf in shape_of(type(resource)).leaves:
        if leaf.target == User.resource_type:
            value = getattr(resource, leaf.name)
            yield from value if isinstance(value, tuple) else (value,) if isinstance(value, User) else ()


def dump(body: Any) -> bytes:
    """Write the body of a request: dicts and lists that may hold models, enums, times and `UNSET`.

    What is `UNSET` is left out, None is sent as null. Raises `InvalidArgumentError` where JSON has
    no way to say it.
    """
    try:
        return msgspec.json.encode(converter.unstructure(body))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError("body", f"cannot be written as JSON: {error}") from error
