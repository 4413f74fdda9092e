"""Teach pydantic the models, so that `-> Case` or `-> Page[Case]` is all a FastAPI handler has to say.

The models stay attrs classes that know nothing of pydantic: importing this module gives each of
them the one class method pydantic asks a foreign class for. Importing
`casemgmt_async.integrations.fastapi` does it for you. Your own attrs classes can join with `teach`.

In the schema a model is an object of its name: a property a field, described by the field's
docstring, every one required because every one is there. An open enum is a string with the values
known today as examples: a value of tomorrow must not make a generated client fail.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

import casemgmt_async
from casemgmt_async import OpenEnum

__all__ = ["teach"]

METHOD = "__get_pydantic_core_schema__"


def teach(*classes: type) -> None:
    """Make attrs classes usable wherever pydantic takes a type; those in their fields have to be taught as well."""
    for cls in classes:
        setattr(cls, METHOD, classmethod(_object_schema))


def _object_schema(_: type, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Describe an attrs class, or one filled in such as `Page[Case]`, as an object with its fields."""
    cls = get_origin(source) or source
    says, hints = _docs(cls), _hints(source)
    read: dict[str, core.TypedDictField] = {}
    written: dict[str, core.TypedDictField] = {}
    for field in attrs.fields(cls):
        if field.name.startswith("_"):
            continue
        schema = handler.generate_schema(hints[field.name])
        described = _updates(description=says.get(field.name))
        required = field.default is attrs.NOTHING
        read[field.name] = core.typed_dict_field(schema, required=required, metadata=described)
        written[field.name] = core.typed_dict_field(schema, required=True, metadata=described)
    about = _updates(title=_name(source), description=inspect.cleandoc(cls.__doc__ or "") or None)
    names = tuple(written)

    def build(value: Any, check: Callable[[Any], dict[str, Any]]) -> Any:
        return value if isinstance(value, cls) else cls(**check(value))

    def fields(value: Any) -> dict[str, Any]:
        return {name: getattr(value, name) for name in names}

    return core.no_info_wrap_validator_function(
        build,
        core.typed_dict_schema(read, metadata=about),
        serialization=core.plain_serializer_function_ser_schema(
            fields, return_schema=core.typed_dict_schema(written, metadata=about)
        ),
        ref=_ref(source),
    )


def _text_schema(cls: type[OpenEnum], _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
    """Describe an open enum as a string whose known values are examples."""
    about = _updates(
        title=cls.__name__,
        description=inspect.cleandoc(cls.__doc__ or "") or None,
        examples=list(map(str, cls)) or None,
    )
    return core.no_info_after_validator_function(
        cls,
        core.str_schema(metadata=about),
        serialization=core.plain_serializer_function_ser_schema(str, return_schema=core.str_schema(metadata=about)),
        ref=_ref(cls),
    )


def _updates(**known: Any) -> dict[str, Any]:
    return {"pydantic_js_updates": {key: value for key, value in known.items() if value is not None}}


def _name(source: Any) -> str:
    """Name a type as people say it: `Case`, `Page[Case]`."""
    inner = ", ".join(map(_name, get_args(source)))
    name = getattr(get_origin(source) or source, "__name__", str(source))
    return f"{name}[{inner}]" if inner else name


def _ref(source: Any) -> str:
    """Name a type uniquely, in the form pydantic cuts its component names from."""
    cls = get_origin(source) or source
    inner = ",".join(map(_ref, get_args(source)))
    ref = f"{getattr(cls, '__module__', '')}.{getattr(cls, '__qualname__', cls)}:{id(cls)}"
    return f"{ref}[{inner}]" if inner else ref


def _hints(source: Any) -> dict[str, Any]:
    """Look up the types of the fields, with the type arguments of `source` filled in."""
    cls = get_origin(source) or source
    filled = dict(zip(getattr(cls, "__parameters__", ()), get_args(source), strict=False))

    def fill(hint: Any) -> Any:
        if hint in filled:
            return filled[hint]
        open_ = getattr(hint, "__parameters__", ())
        return hint[tuple(filled.get(one, Any) for one in open_)] if open_ else hint

    return {name: fill(hint) for name, hint in get_type_hints(cls, include_extras=True).items()}


@cache
def _docs(cls: type) -> dict[str, str]:
    """Read the docstrings that stand below the fields in the source, where the source is at hand."""
    inherited = {name: doc for base in reversed(cls.__bases__) for name, doc in _docs(base).items()}
    if not attrs.has(cls):
        return inherited
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return inherited
    definition = tree.body[0]
    assert isinstance(definition, ast.ClassDef)
    return inherited | {
        field.target.id: inspect.cleandoc(doc.value.value)
        for field, doc in itertools.pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(doc, ast.Expr)
        and isinstance(doc.value, ast.Constant)
        and isinstance(doc.value.value, str)
    }


PUBLIC: Final = [getattr(casemgmt_async, name) for name in casemgmt_async.__all__]
teach(*(value for value in PUBLIC if isinstance(value, type) and attrs.has(value)))
setattr(OpenEnum, METHOD, classmethod(_text_schema))
