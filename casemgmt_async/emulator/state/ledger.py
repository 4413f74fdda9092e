"""The ledger: what the requests changed, and whether their clients know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

from attrs import asdict, define, field, frozen

__all__ = ["Effect", "EffectKind", "Ledger", "RequestOutcome"]

EffectKind = Literal["create", "update", "delete"]


@frozen
class Effect:
    """One change of the emulator's data."""

    seq: int
    """The number of the request that made it; -1 for a change made by an actor or in-process. Seeding leaves none."""
    route: str
    """The operation that made it; `actor` for a change made by an actor or in-process."""
    entity: str
    """The id of what changed: a case's UUID, a comment's cell id, a link's id, ..."""
    kind: EffectKind
    """Whether it was created, updated or deleted. A request that changes nothing leaves no effect."""
    detail: dict[str, Any] = field(factory=dict)
    """The changed fields by name; for things that belong to a case also `case`, its UUID."""


@define
class RequestOutcome:
    """The outcome of one request that could change something."""

    seq: int
    """The number of the request in the log."""
    route: str
    """The name of the operation."""
    creates: bool
    """Whether a second, equal request creates a second thing."""
    mark: str
    """The title, comment or name in its body, or its path, which identifies a create."""
    applied: bool = False
    """Whether it took effect."""
    status: int | None = None
    """The status that was sent; None if none was."""
    complete: bool = False
    """Whether the answer was sent complete and intact."""

    @property
    def acknowledged(self) -> bool:
        """Whether the client could know that the request took effect."""
        return self.complete and self.status is not None and 200 <= self.status < 300


@define
class Ledger:
    """A summary of all requests, and of what they changed."""

    outcomes: Collection[RequestOutcome]
    """The outcome of each request that could change something, in order of arrival."""
    effects: Sequence[Effect]
    """All changes, in order."""

    def created(self, route: str | None = None) -> Counter[str]:
        """How often each create took effect, by title, comment or name; of one operation, or of all."""
        applied = (each for each in self.outcomes if each.creates and each.applied)
        return Counter(each.mark for each in applied if route in (None, each.route))

    def times(self, mark: str, route: str | None = None) -> int:
        """How often the create with this title, comment or name took effect."""
        return self.created(route)[mark]

    def doubled(self, route: str | None = None) -> dict[str, int]:
        """The creates that took effect more than once, and how often."""
        return {mark: times for mark, times in self.created(route).items() if times > 1}

    def missing(self, marks: Iterable[str], route: str | None = None) -> list[str]:
        """Those of the given creates that never took effect."""
        created = self.created(route)
        return [mark for mark in marks if not created[mark]]

    def updates(self, entity: str | None = None) -> list[Effect]:
        """The updates that requests made to one thing, or to all, in order."""
        return [
            effect
            for effect in self.effects
            if effect.kind == "update" and effect.seq > 0 and entity in (None, effect.entity)
        ]

    def lost(self) -> list[RequestOutcome]:
        """Requests that were answered with success and took no effect."""
        return [each for each in self.outcomes if each.status is not None and each.status < 300 and not each.applied]

    def unacknowledged(self) -> list[RequestOutcome]:
        """Requests that took effect and whose clients got no complete answer that says so."""
        return [each for each in self.outcomes if each.applied and not each.acknowledged]

    def summary(self) -> dict[str, Any]:
        """The whole ledger as plain data."""
        return {
            "created": dict(self.created()),
            "doubled": self.doubled(),
            "updates": len(self.updates()),
            "lost": [asdict(each) for each in self.lost()],
            "unacknowledged": [asdict(each) for each in self.unacknowledged()],
        }
