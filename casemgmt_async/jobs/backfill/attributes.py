"""Read custom attributes as the case type configures them: a cell of a table is only text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from casemgmt_async import CustomAttributeConfig
from casemgmt_async.jobs.backfill.sources import RowError

__all__ = ["configured"]

NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def number(where: str, value: Any, config: CustomAttributeConfig) -> int | float:
    """Read a number; a whole number is the same with and without a decimal point."""
    del config
    if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
        raise RowError(f"{where} must be a number, as 1200.5; not {value!r}")
    read = float(value)
    return int(read) if read.is_integer() else read


def text(where: str, value: Any, config: CustomAttributeConfig) -> str:
    """Read a text; a number becomes one."""
    del where, config
    return value if isinstance(value, str) else json.dumps(value)


def address(where: str, value: Any, config: CustomAttributeConfig) -> str:
    """Read a URL, which the service checks."""
    return text(where, value, config).strip()


def choice(where: str, value: Any, config: CustomAttributeConfig) -> str:
    """Read one of the values that a SELECT allows, in the spelling of the service."""
    given = address(where, value, config)
    allowed = [option.value for option in config.options if option.value]
    found = [each for each in allowed if each.casefold() == given.casefold()]
    if allowed and not found:
        raise RowError(f"{where} must be one of {', '.join(allowed)}; not {value!r}")
    return found[0] if found else given


READERS: Final[Mapping[str, Callable[[str, Any, CustomAttributeConfig], Any]]] = {
    "NUMBER": number,
    "TEXT": text,
    "URL": address,
    "SELECT": choice,
}
"""What reads a value, by the type of the attribute."""


def configured(where: str, value: Any, config: CustomAttributeConfig) -> Any:
    """Return a value with the type that its attribute has; a value whose type the row names stays as it is.

    Raises `RowError` for a value that the attribute cannot have.
    """
    reader = READERS.get(str(config.type))
    if reader is None or isinstance(value, Mapping):
        return value
    given = value if isinstance(value, list) else [value]
    if config.is_multi is False and len(given) > 1:
        raise RowError(f"{where} takes one value, not {value!r}")
    read = [reader(where, each, config) for each in given]
    is_list = isinstance(value, list) if config.is_multi is None else config.is_multi
    return {"type": str(config.type), "value": read if is_list else read[0]}
