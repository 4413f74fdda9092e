"""Reading the values of a rules file, each with an error that says what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from casemgmt_async import StatusGroup
from casemgmt_async.jobs.durations import SPAN_RULE, parse_span
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.triage.rules.matching import Comparison

__all__ = [
    "GROUPS",
    "any_text",
    "comparison",
    "count",
    "flag",
    "memory",
    "name",
    "pattern",
    "several",
    "span",
    "texts_by_name",
    "values_by_name",
]

GROUPS: Final = {
    written: each.value for each in StatusGroup for written in (each.value.removeprefix("SG_").lower(), each.value)
}


def several(known: Mapping[str, str] | None = None) -> Callable[[Any, Any], tuple[str, ...]]:
    """Make the hook for a text or several, of any kind or of those known."""

    def read(value: Any, _: Any = None) -> tuple[str, ...]:
        given: list[Any] = value if isinstance(value, list) and value else [value]
        for each in given:
            if not isinstance(each, str) or not each.strip():
                raise RulesError(f"must be a text or a list of texts, not {value!r}")
            if known is not None and each not in known:
                close = [name for name in known if name.lower() == each.lower()]
                close = close or difflib.get_close_matches(each, known, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise RulesError(f"must be one of {', '.join(known)}, not {each!r}{hint}")
        return tuple(given if known is None else (known[each] for each in given))

    return read


def span(value: Any, _: Any = None) -> int:
    """Read a span of time."""
    seconds = parse_span(value) if isinstance(value, str) else None
    if not seconds:
        raise RulesError(f"must be {SPAN_RULE}; not {value!r}")
    return seconds


def pattern(value: Any, _: Any = None) -> re.Pattern[str]:
    """Read a regular expression."""
    try:
        return re.compile(value)
    except (re.error, TypeError) as error:
        raise RulesError(f"must be a regular expression: {error}") from error


def flag(value: Any, _: Any = None) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise RulesError(f"must be true or false, not {value!r}")
    return value


def count(value: Any, _: Any = None) -> int:
    """Read a number of cases."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RulesError(f"must be a whole number of 1 or more, not {value!r}")
    return value


def name(value: Any, _: Any = None) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise RulesError(f"must be a non-empty text, not {value!r}")
    return value


def any_text(value: Any, _: Any = None) -> str:
    """Read a text, also an empty one."""
    if not isinstance(value, str):
        raise RulesError(f"must be a text, not {value!r}")
    return value


def memory(value: Any, _: Any = None) -> str:
    """Read where it is remembered what was done."""
    if value not in ("state", "case"):
        raise RulesError(f'must be "state", which is the state file, or "case", a mark on the case; not {value!r}')
    return str(value)


COMPARED: Final = ("at_least", "at_most", "over", "under")


def comparison(value: Any, _: Any = None) -> Comparison:
    """Read what a value is compared with."""
    given = {"at_least": value, "at_most": value} if isinstance(value, int | float) else value
    keys = [*COMPARED, "pattern"]
    if isinstance(value, bool) or not isinstance(given, Mapping) or not given or not set(given) <= set(keys):
        raise RulesError(f"must be a number, or a table of one or more of {', '.join(keys)}; not {value!r}")
    for key in given.keys() & set(COMPARED):
        if not isinstance(given[key], int | float) or isinstance(given[key], bool):
            raise RulesError(f"{key} must be a number, not {given[key]!r}")
    bounds: dict[str, Any] = {key: pattern(each) if key == "pattern" else float(each) for key, each in given.items()}
    return Comparison(**bounds)


def values_by_name(value: Any, _: Any = None) -> dict[str, Any]:
    """Read a table of values."""
    if not isinstance(value, Mapping) or not value:
        raise RulesError(f"must be a table of names and values, where [] means that there is none; not {value!r}")
    return {
        key: comparison(each) if isinstance(each, Mapping) else tuple(each) if isinstance(each, list) else (each,)
        for key, each in value.items()
    }


def texts_by_name(value: Any, kind: Any = None) -> dict[str, Any]:
    """Read a table of texts, as attributes have them; another value would match no case."""
    found = values_by_name(value, kind)
    for key, each in found.items():
        if isinstance(each, tuple) and not all(isinstance(text, str) for text in each):
            right = json.dumps(list(map(as_text, each)), ensure_ascii=False)
            raise RulesError(f"must have texts; write {key} = {right}, not {value[key]!r}")
    return found


def as_text(value: Any) -> str:
    """Write a value of TOML as the text that an attribute probably has."""
    return str(value).lower() if isinstance(value, bool) else str(value)
