"""Switches for behaviour of the service that is not known for certain.

The default of each is what has been recorded or documented; `docs/emulator.md` says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from attrs import field, frozen, validators

from casemgmt_async.facts import Facts

__all__ = ["EVERY_FACET", "Switches"]


def as_set(names: Iterable[str]) -> frozenset[str]:
    """Make a set of facets."""
    return frozenset(names)


EVERY_FACET = "*"
"""In `Switches.dead_facets`: all facets except `project_id`."""


@frozen(kw_only=True)
class Switches:
    """How the emulator behaves where the behaviour of the service is not known for certain."""

    index_lag: float = field(default=0.0, validator=validators.ge(0))
    """Seconds until a write shows in search, count and aggregate. `get_case` is always up to date.

    Only the matching lags: a case that is found is shown in its current state."""
    dead_facets: frozenset[str] = field(default=frozenset(), converter=as_set)
    """Facets that match no case; `EVERY_FACET` for all except `project_id`."""
    shuffle_ties: bool = False
    """Whether cases that are equal in the sorted field come in another order at every request."""
    depth_cap: int | None = field(default=None, validator=validators.optional(validators.ge(0)))
    """How many cases deep a client may page; None for no limit."""
    depth_status: int = field(default=500, validator=validators.in_((200, 500, 512)))
    """The status of a page beyond the depth cap; 200 for an empty page."""
    depth_caps_totals: bool = False
    """Whether the totals of a search count no cases beyond the depth cap either."""
    inexact_totals: bool = False
    """Whether the totals of a search vary from answer to answer, although nothing changes."""
    archived_visible: bool = False
    """Whether searches find archived cases."""
    shuffle_keys: bool = False
    """Whether the numbers in the keys of a project do not follow the order of creation."""
    status_names: bool = True
    """Whether fresh cases have `status_name` and `status_group`. Those recorded before October 2025 have neither."""
    statuses_config: bool = True
    """Whether case types have `internal` and `statuses_config`. Older recordings have neither."""
    comment_count: bool = True
    """Whether cases have `comment_count`."""
    included: bool = True
    """Whether answers about cases include the users in their relationships."""
    rate_limit_headers: Literal["always", "refused", "never"] = field(
        default="always", validator=validators.in_(("always", "refused", "never"))
    )
    """Which answers carry rate-limit headers: all, those with status 429, or none."""
    error_shape: Literal["recorded", "documented"] = field(
        default="recorded", validator=validators.in_(("recorded", "documented"))
    )
    """`recorded`: errors are objects with code, title, status, detail. `documented`: errors are strings."""
    integration_delay: float = field(default=0.0, validator=validators.ge(0))
    """Seconds for which a Jira issue or ServiceNow ticket stays IN_PROGRESS after the 202."""

    @classmethod
    def from_facts(cls, facts: Facts) -> Self:
        """Make the switches that imitate what a probe has found; unknown facts leave the default."""

        def unless(fact: bool | None) -> bool:
            return fact is not False

        return cls(
            index_lag=facts.index_lag or 0.0,
            dead_facets=facts.dead_facets or (),
            shuffle_ties=facts.stable_ties is False,
            depth_cap=facts.depth_cap or None,
            depth_status=facts.depth_status or 500,
            depth_caps_totals=bool(facts.depth_caps_totals),
            inexact_totals=facts.exact_totals is False,
            archived_visible=bool(facts.archived_visible),
            shuffle_keys=facts.ordered_keys is False,
            status_names=unless(facts.status_names),
            statuses_config=unless(facts.statuses_config),
            comment_count=unless(facts.comment_count),
            included=unless(facts.included),
            rate_limit_headers="always" if unless(facts.rate_limit_headers) else "refused",
            error_shape="recorded" if unless(facts.recorded_errors) else "documented",
        )
