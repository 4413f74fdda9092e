"""From the body of an answer to models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import cattrs
import msgspec

from casemgmt_async.codec.converter import converter as default_converter
from casemgmt_async.codec.documents import DocumentHook, document_of
from casemgmt_async.codec.values import ShapeError
from casemgmt_async.errors import DecodeError

__all__ = ["decode"]

T = TypeVar("T")


def decode(body: bytes | Mapping[str, Any], answer: type[T], *, converter: cattrs.Converter | None = None) -> T:
    """Read a document as `answer`: a model, `list[Model]` or `Page[Model]`.

    `body` is JSON text, or the plain objects of a parsed document, such as `encode` returns.
    `converter` is one made by `make_converter`, for types of your own.
    Raises `DecodeError`, with the JSON path, where the body is not JSON or has another shape.
    """
    converter = converter or default_converter
    kind = document_of(answer)  # type: ignore[arg-type]  # a type has a hash
    try:
        hook = converter.get_structure_hook(kind)
        if isinstance(hook, DocumentHook):
            # The test for bytes is the faster one, and there are nearly always bytes.
            found: T = hook.read(
                body if not isinstance(body, bytes) and isinstance(body, Mapping) else hook.parse(body)
            )
        else:  # one of the user
            found = hook(body if isinstance(body, Mapping) else msgspec.json.decode(body), kind)
    except RecursionError:
        raise DecodeError("nested too deeply") from None
    except ShapeError as error:
        raise DecodeError(error.message, error.json_path()) from error.__cause__
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DecodeError(f"not JSON: {error}") from error
    return found
