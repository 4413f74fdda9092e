"""Whole bodies: from bytes to what an operation answers, and back to the document."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import attrs
import msgspec

from casemgmt_async.codec.converter import as_page, converter, rewrite
from casemgmt_async.codec.fast import Compiler
from casemgmt_async.codec.shape import Document, PageDocument, key_of, path_of, pointer, shape_of, strangers_met
from casemgmt_async.codec.values import Misfit, Whole, plain
from casemgmt_async.errors import DecodeError, InvalidArgumentError
from casemgmt_async.models.base import Resource
from casemgmt_async.models.page import Listing, Page
from casemgmt_async.models.users import User

__all__ = ["decode", "dump", "encode"]

T = TypeVar("T")
ALONE: Final = shape_of(Document[Any])


compiler = Compiler()
"""What the fast path has made so far; replaced when there are new names to know."""
decoders: dict[Any, Callable[[bytes], Any]] = {}


def decode(body: bytes, answer: type[T]) -> T:
    """Read a body as `answer`: a model, `list[Model]` or `Page[Model]`.

    Raises `DecodeError`, with the JSON path, where the body is no JSON or has not that shape.
    """
    try:
        return (decoders.get(answer) or decoder(answer))(body)  # type: ignore[no-any-return]
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return slow(body, answer)  # type: ignore[no-any-return]


def decoder(answer: Any) -> Callable[[bytes], Any]:
    """Make the function of the fast path for an answer."""
    origin = typing.get_origin(answer)
    if origin is Page:
        read = compiler.decoder(PageDocument[list[typing.get_args(answer)[0]]])  # type: ignore[misc]
        made: Callable[[bytes], Any] = lambda body: as_page(read(body))
    else:
        read = compiler.decoder(Document[answer])
        made = lambda body: whole(read(body), many=origin is list)
    decoders[answer] = made
    return made


def slow(body: bytes, answer: Any) -> Any:
    """Read a body by the converter, which says what is wrong or keeps what is new."""
    global compiler
    met = strangers_met()
    try:
        raw = msgspec.json.decode(body)
        many = typing.get_origin(answer) is list
        kind = answer if typing.get_origin(answer) is Page else Document[answer]
        document = converter.structure(raw, kind)
    except RecursionError:
        raise DecodeError("it is nested too deeply") from None
    except Misfit as misfit:
        raise DecodeError(misfit.message, misfit.json_path()) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise DecodeError(f"it is no JSON: {error}") from error
    if strangers_met() > met:
        compiler = Compiler()
        decoders.clear()
    return document if isinstance(document, Page) else whole(document, many=many)


def whole(document: Document[Any], *, many: bool) -> Any:
    """Give what is in a document, with what stood beside it."""
    if many:
        return Listing(document.data, document.extra, document._wire)
    data = document.data
    # The object was made this moment and nobody else has it: no need to copy it.
    object.__setattr__(data, "_wire", Whole(document._wire))
    if document.extra:
        beside = {"/" + pointer(path_of(ALONE, key)): value for key, value in document.extra.items()}
        object.__setattr__(data, "extra", {**data.extra, **beside})
    return data


def encode(answer: Any) -> Any:
    """Write an answer as the document it came in: `decode` of it gives an equal answer.

    What the service sent and nobody changed is given back letter by letter, null or absent,
    with all digits of its timestamps. A value that is no resource is written as it stands in one.
    """
    if isinstance(answer, Page):
        document: Document[Any] = PageDocument(
            list(answer.items), answer.extra, answer.number, answer.size, answer.total_pages, answer.total_items
        )
        return write(document, answer._wire, answer.items)
    if isinstance(answer, list | tuple):
        return write(Document(list(answer), getattr(answer, "extra", {})), getattr(answer, "_wire", None), answer)
    if isinstance(answer, Resource):
        extra, beside = {}, {}
        for key, value in getattr(answer, "extra", {}).items():
            if key.startswith("//"):
                beside[key_of(ALONE, path_of(ALONE, key[1:]))] = value
            else:
                extra[key] = value
        wire = answer._wire
        document = Document(attrs.evolve(answer, extra=extra), beside)  # type: ignore[call-arg]
        return write(document, wire.document if isinstance(wire, Whole) else None, (answer,))
    return converter.unstructure(answer)


def write(document: Document[Any], wire: Any, items: Iterable[Any]) -> dict[str, Any]:
    """Write a document over the one that was received."""
    kinds = {type(item) for item in items}
    if not kinds <= {*Resource.__subclasses__()}:
        return converter.unstructure(document.data)  # type: ignore[no-any-return]
    kind = kinds.pop() if kinds else Any
    data = list[kind] if isinstance(document.data, list) else kind  # type: ignore[valid-type]
    raw = rewrite(document, type(document)[data], None if wire is None else plain(wire))
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
