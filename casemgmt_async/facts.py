"""Facts about how the service behaves for one organisation: a probe finds them, an emulator imitates them.

A file of facts contains no ids, names or texts of cases, so that it can be attached to a bug report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from attrs import asdict, fields, frozen

__all__ = ["Facts", "RateLimitFact"]

FORMAT: Final = "casemgmt-facts-1"


@frozen(kw_only=True)
class RateLimitFact:
    """One bucket of the rate limit, as the headers of an answer report it."""

    name: str
    """The name of the bucket."""
    limit: int
    """The number of requests in one window."""
    period: float
    """The length of a window, in seconds."""
    operations: tuple[str, ...]
    """The operations that were seen to use it."""
    unix_reset: bool = False
    """Whether the reset header carries a Unix time."""


@frozen(kw_only=True)
class Facts:
    """The behaviour of the service, as far as a probe could determine it; None if unknown."""

    index_lag: float | None = None
    """Seconds after which a new case is found by a search."""
    working_facets: tuple[str, ...] | None = None
    """The facets that found a case which has the value."""
    dead_facets: tuple[str, ...] | None = None
    """The facets that did not find a case which has the value."""
    stable_ties: bool | None = None
    """Whether cases that are equal in the sorted field keep their order from request to request."""
    depth_cap: int | None = None
    """The number of cases beyond which no page could be read; 0 if all pages could be read."""
    depth_status: int | None = None
    """The status of a page beyond the cap; 200 if it is empty."""
    depth_caps_totals: bool | None = None
    """Whether the totals of a search stop at the cap, too."""
    exact_totals: bool | None = None
    """Whether the totals of a search stay the same while nothing changes."""
    archived_visible: bool | None = None
    """Whether searches find archived cases."""
    ordered_keys: bool | None = None
    """Whether the numbers in the keys of a project follow the order of creation."""
    status_names: bool | None = None
    """Whether fresh cases have `status_name` and `status_group`."""
    statuses_config: bool | None = None
    """Whether case types list the statuses that they allow."""
    comment_count: bool | None = None
    """Whether cases have a `comment_count`."""
    included: bool | None = None
    """Whether answers about cases include the users in their relationships."""
    recorded_errors: bool | None = None
    """Whether errors are objects, as recorded, and not plain strings, as documented."""
    rate_limit_headers: bool | None = None
    """Whether successful answers carry rate-limit headers."""
    rate_limits: tuple[RateLimitFact, ...] | None = None
    """The buckets that the headers named."""

    def to_json(self) -> str:
        """Write the known facts as JSON."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({"format": FORMAT, "facts": known}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` has written. Raises `ValueError` if it is malformed."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ValueError(f"a file of facts must be JSON: {error}") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f'not a file of facts: it must be an object with "format": "{FORMAT}"')
        known = document.get("facts")
        if not isinstance(known, dict):
            raise ValueError('a file of facts must have an object under "facts"')  # noqa: TRY004 - the content is wrong
        return cls(**{name: checked(name, value) for name, value in known.items()})

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file of facts. Raises `ValueError` if its content is malformed, `OSError` if it cannot be read."""
        return cls.from_json(Path(path).read_bytes())


LISTS: Final = {"working_facets", "dead_facets"}
NUMBERS: Final[dict[str, type[float | int]]] = {"index_lag": float, "depth_cap": int, "depth_status": int}


def checked(name: str, value: Any) -> Any:
    """Check one fact of a file."""
    if name not in {field.name for field in fields(Facts)}:
        raise ValueError(f"unknown fact {name!r}; allowed: {', '.join(field.name for field in fields(Facts))}")
    if name == "rate_limits":
        return tuple(rate_limit(each) for each in value) if isinstance(value, list) else wrong(name, value, "a list")
    if name in LISTS:
        texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return tuple(value) if texts else wrong(name, value, "a list of texts")
    if name in NUMBERS:
        kind = NUMBERS[name]
        if isinstance(value, bool) or not isinstance(value, int | kind) or not value >= 0:
            wrong(name, value, "a number, 0 or more")
        return kind(value)
    return value if isinstance(value, bool) else wrong(name, value, "true or false")


def rate_limit(value: Any) -> RateLimitFact:
    """Check one bucket of a file."""
    if not isinstance(value, Mapping):
        wrong("rate_limits", value, "a list of objects")
    try:
        given = {**value, "operations": tuple(value["operations"]), "limit": int(value["limit"])}
        return RateLimitFact(**{**given, "period": float(value["period"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"rate_limits: cannot read {value!r}: {error}") from error


def wrong(name: str, value: Any, expected: str) -> NoReturn:
    """Refuse the value of a fact."""
    raise ValueError(f"fact {name!r} must be {expected}, not {value!r}")
