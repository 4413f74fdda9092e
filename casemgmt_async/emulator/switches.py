"""Switches for what nobody outside the service knows.

The default of each is what has been recorded or documented; `docs/emulator.md` says which is which.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen, validators

__all__ = ["EVERY_FACET", "Switches"]

EVERY_FACET = "*"
"""In `Switches.dead_facets`: every facet but `project_id`."""


@frozen(kw_only=True)
class Switches:
    """How a world behaves where the service's behaviour is not known for certain."""

    index_lag: float = field(default=0.0, validator=validators.ge(0))
    """Seconds after which a write shows in search, count and aggregate. Reading one case is never late.

    Only the finding lags: a case that is found is shown as it is now."""
    dead_facets: frozenset[str] = field(default=frozenset(), converter=frozenset)
    """Facets that match no case; `EVERY_FACET` for all but `project_id`."""
    shuffle_ties: bool = False
    """Whether cases equal in the sorted field come in another order at every request."""
    depth_cap: int | None = field(default=None, validator=validators.optional(validators.ge(0)))
    """How many cases deep one may page; a page that reaches beyond is refused. None: no cap."""
    depth_status: int = field(default=500, validator=validators.in_((500, 512)))
    """The status of that refusal."""
    archived_visible: bool = False
    """Whether searches find archived cases."""
    error_shape: Literal["recorded", "documented"] = field(
        default="recorded", validator=validators.in_(("recorded", "documented"))
    )
    """`recorded`: errors are objects with code, title, status, detail. `documented`: errors are strings."""
    integration_delay: float = field(default=0.0, validator=validators.ge(0))
    """Seconds for which a Jira issue or ServiceNow ticket stays IN_PROGRESS after the 202."""
