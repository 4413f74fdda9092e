"""Register the models with pydantic, so that a FastAPI handler can be annotated with `-> Case` or `-> Page[Case]`.

The models are attrs classes and do not depend on pydantic. Importing this module gives each of them the class method
that pydantic looks for; importing `casemgmt_async.integrations.fastapi` does so too. `teach` does the same for an
attrs class of yours.

In the schema, a model is an object with one property per field, described by the docstring of the field. All
properties are required, because a response has all of them. An open enum is a string with the known values as
examples and not a closed list, so that a generated client accepts values that the service adds later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

import casemgmt_async
from casemgmt_async import OpenEnum
from casemgmt_async.models.descriptions import field_docs, summary

__all__ = ["teach"]

METHOD = "__get_pydantic_core_schema__"


def teach(*classes: type) -> None:
    """Make attrs classes usable as pydantic types. Attrs classes in their fields need a call of their own."""
    for cls in classes:
        setattr(cls, METHOD, classmethod(object_schema))


def object_schema(_: type, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Describe an attrs class, or a generic one such as `Page[Case]`, as an object with its fields."""
    cls = get_origin(source) or source
    docs, hints = field_docs(cls), hints_of(source)
    read: dict[str, core.TypedDictField] = {}
    written: dict[str, core.TypedDictField] = {}
    for field in attrs.fields(cls):
        if field.name.startswith("_"):
            continue
        schema = handler.generate_schema(hints[field.name])
        described = updates(description=docs.get(field.name))
        required = field.default is attrs.NOTHING
        read[field.name] = core.typed_dict_field(schema, required=required, metadata=described)
        written[field.name] = core.typed_dict_field(schema, required=True, metadata=described)
    about = updates(title=name_of(source), description=summary(cls) or None)
    names = tuple(written)

    def build(value: Any, check: Callable[[Any], dict[str, Any]]) -> Any:
        return value if isinstance(value, cls) else cls(**check(value))

    def fields(value: Any, info: core.SerializationInfo) -> dict[str, Any]:
        everything = info.include is None and info.exclude is None
        return {name: getattr(value, name) for name in (names if everything else chosen(names, info))}

    return core.no_info_wrap_validator_function(
        build,
        core.typed_dict_schema(read, metadata=about),
        serialization=core.plain_serializer_function_ser_schema(
            fields, info_arg=True, return_schema=core.typed_dict_schema(written, metadata=about)
        ),
        ref=ref_of(source),
    )


def chosen(names: tuple[str, ...], info: core.SerializationInfo) -> list[str]:
    """Choose fields by `include` and `exclude`, such as FastAPI's `response_model_include`.

    Raises `TypeError` for parts of a field, because a function cannot pass them on to the field.
    """
    for choice in (info.include, info.exclude):
        for name, part in choice.items() if isinstance(choice, dict) else ():
            if isinstance(part, set | dict):
                raise TypeError(f"only whole fields of a model can be included or excluded, not parts of {name!r}")
    return [
        name
        for name in names
        if (info.include is None or name in info.include) and (info.exclude is None or name not in info.exclude)
    ]


def text_schema(cls: type[OpenEnum], _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
    """Describe an open enum as a string, with its known values as examples."""
    about = updates(
        title=cls.__name__,
        description=summary(cls) or None,
        examples=list(map(str, cls)) or None,
    )
    return core.no_info_after_validator_function(
        cls,
        core.str_schema(metadata=about),
        serialization=core.plain_serializer_function_ser_schema(str, return_schema=core.str_schema(metadata=about)),
        ref=ref_of(cls),
    )


def updates(**known: Any) -> dict[str, Any]:
    """Make the metadata that adds these keys to the JSON schema of a type; None leaves a key out."""
    return {"pydantic_js_updates": {key: value for key, value in known.items() if value is not None}}


def name_of(source: Any) -> str:
    """Name a type as in an annotation: `Case`, `Page[Case]`."""
    inner = ", ".join(map(name_of, get_args(source)))
    name = getattr(get_origin(source) or source, "__name__", str(source))
    return f"{name}[{inner}]" if inner else name


def ref_of(source: Any) -> str:
    """Name a type uniquely, in the form from which pydantic derives component names."""
    cls = get_origin(source) or source
    inner = ",".join(map(ref_of, get_args(source)))
    ref = f"{getattr(cls, '__module__', '')}.{getattr(cls, '__qualname__', cls)}:{id(cls)}"
    return f"{ref}[{inner}]" if inner else ref


def hints_of(source: Any) -> dict[str, Any]:
    """Look up the types of the fields, with the type arguments of `source` filled in."""
    cls = get_origin(source) or source
    filled = dict(zip(getattr(cls, "__parameters__", ()), get_args(source), strict=False))

    def fill(hint: Any) -> Any:
        if hint in filled:
            return filled[hint]
        open_ = getattr(hint, "__parameters__", ())
        return hint[tuple(filled.get(one, Any) for one in open_)] if open_ else hint

    return {name: fill(hint) for name, hint in get_type_hints(cls, include_extras=True).items()}


PUBLIC: Final = [getattr(casemgmt_async, name) for name in dir(casemgmt_async)]
teach(*(value for value in PUBLIC if isinstance(value, type) and attrs.has(value)))
setattr(OpenEnum, METHOD, classmethod(text_schema))
