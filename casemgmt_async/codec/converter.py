"""The converter: cattrs, with hooks for the models and for the documents they come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

import attrs
import cattrs

from casemgmt_async.codec.documents import Document, DocumentHook
from casemgmt_async.codec.hooks import (
    SCALARS,
    AnyHook,
    EnumHook,
    MappingHook,
    SequenceHook,
    TextHook,
    hook_for,
)
from casemgmt_async.codec.shape import origin_of
from casemgmt_async.codec.unstructure import add_unstructure_hooks
from casemgmt_async.codec.wire import Models
from casemgmt_async.models.base import OpenEnum
from casemgmt_async.models.page import Page

__all__ = ["converter", "make_converter"]


def make_converter() -> cattrs.Converter:
    """Make a cattrs converter for the models of this library and for yours.

    `structure` and `unstructure` convert between a model and its JSON:API resource as plain objects;
    `structure(document, Page[Case])` reads a whole answer. Register hooks for types of your own
    before the first use, and pass the converter to `decode` and `encode`.
    """
    made = cattrs.Converter(detailed_validation=False)
    models = Models(made)
    for kind, hook in SCALARS.items():
        made.register_structure_hook(kind, hook)
    made.register_structure_hook_func(lambda kind: kind is Any, AnyHook(Any))
    for kind in (datetime, date):
        made.register_structure_hook(kind, TextHook(kind))
    made.register_structure_hook(OpenEnum, EnumHook(OpenEnum))
    made.register_structure_hook_factory(
        lambda kind: origin_of(kind) in (list, tuple), lambda kind: SequenceHook(kind, hook_for(made, kind.__args__[0]))
    )
    made.register_structure_hook_factory(
        lambda kind: origin_of(kind) in (dict, Mapping),
        lambda kind: MappingHook(kind, hook_for(made, kind.__args__[1])),
    )
    made.register_structure_hook_factory(attrs.has, models.hook)
    made.register_structure_hook_factory(
        lambda kind: origin_of(kind) in (Document, Page), lambda kind: DocumentHook(kind, made)
    )
    add_unstructure_hooks(made)
    return made


def is_a(base: type) -> Callable[[Any], bool]:
    """Make a test for the subclasses of a class."""
    return lambda kind: isinstance(kind, type) and issubclass(kind, base)


converter: Final = make_converter()
"""The converter that sessions use."""
