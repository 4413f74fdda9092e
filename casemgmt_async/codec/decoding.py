"""From bytes to what an operation answers: the fast path, and the converter behind it."""

from __future__ import annotations

import threading
import typing
from importlib import import_module
from typing import Any, Final, TypeVar

import msgspec

from casemgmt_async.codec.fast import Compiler, Read
from casemgmt_async.codec.shape import (
    ALONE,
    Document,
    PageDocument,
    as_page,
    origin_of,
    path_of,
    pointer,
    strangers_met,
)
from casemgmt_async.codec.values import Misfit, Whole
from casemgmt_async.errors import DecodeError
from casemgmt_async.models.base import wire_of
from casemgmt_async.models.page import Listing, Page

__all__ = ["decode", "decode_slowly"]

T = TypeVar("T")

compiler: Final = Compiler()
making: Final = threading.Lock()
"""Held while the fast path is made or forgotten, for programs with a loop in each of several threads."""
decoders: Final[dict[Any, Read]] = {}
"""The functions of the fast path, by answer. They are made again when there are new names to know."""


def decode(body: bytes, answer: type[T]) -> T:
    """Read a body as `answer`: a model, `list[Model]` or `Page[Model]`.

    Raises `DecodeError`, with the JSON path, where the body is no JSON or has not that shape.
    """
    try:
        result: T = (decoders.get(answer) or decoder(answer))(body)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return decode_slowly(body, answer)
    return result


def decode_slowly(body: bytes, answer: type[T]) -> T:
    """Read a body by the converter, which says what is wrong or keeps what is new."""
    # Loaded when first needed: most programs never meet a body that does not fit.
    converter = import_module("casemgmt_async.codec.contract").converter
    met = strangers_met()
    try:
        document: Any = converter.structure(msgspec.json.decode(body), document_of(answer))
    except RecursionError:
        raise DecodeError("it is nested too deeply") from None
    except Misfit as misfit:
        raise DecodeError(misfit.message, misfit.json_path()) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise DecodeError(f"it is no JSON: {error}") from error
    if strangers_met() > met:
        with making:
            compiler.forget()
            decoders.clear()
    result: T = unwrap(document)
    return result


def decoder(answer: Any) -> Read:
    """Make the function of the fast path for an answer."""
    with making:
        read = compiler.decoder(document_of(answer))
        made = decoders[answer] = lambda body: unwrap(read(body))
    return made


def document_of(answer: Any) -> Any:
    """Say which document an answer comes in."""
    if origin_of(answer) is Page:
        return PageDocument[list[typing.get_args(answer)[0]]]  # type: ignore[misc]
    return Document[answer]


def unwrap(document: Document[Any]) -> Any:
    """Give what is in a document, with what stood beside it."""
    if isinstance(document, PageDocument):
        return as_page(document)
    if isinstance(document.data, list):
        return Listing(document.data, document.extra, wire_of(document))
    data = document.data
    # The object was made this moment and nobody else has it: no need to copy it.
    object.__setattr__(data, "_wire", Whole(wire_of(document)))
    if document.extra:
        beside = {"/" + pointer(path_of(ALONE, key)): value for key, value in document.extra.items()}
        object.__setattr__(data, "extra", {**data.extra, **beside})
    return data
