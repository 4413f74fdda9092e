"""Find one entry by its name, ignoring case; errors list candidates."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from attrs import field, frozen

from casemgmt_async.errors import AmbiguousNameError, Candidate, InvalidArgumentError, UnknownNameError

__all__ = ["Kind", "folded", "is_uuid"]

T = TypeVar("T")
MOST_NEAR: Final = 5
"""Near matches that an error lists."""


def folded(name: str | None) -> str:
    """Return the form of a name that comparisons use: case-folded and stripped."""
    return (name or "").strip().casefold()


def is_uuid(name: str) -> bool:
    """Say whether a name has the form of a UUID."""
    try:
        return str(uuid.UUID(name)) == folded(name)
    except ValueError:
        return False


@frozen
class Kind(Generic[T]):
    """A kind of entry that is found by name."""

    noun: str
    """The noun for it in messages, such as `case type`."""
    named_by: str
    """The noun for its names in messages, such as `id, key or name`."""
    names: tuple[Callable[[T], str | None], ...]
    """Functions that return its names, in order of precedence: the first that matches an entry decides."""
    label: Callable[[T], str]
    """Returns the label for people."""
    id_of: Callable[[T], str]
    """Returns the id."""
    note: Callable[[T], str | None] = field(default=lambda _: None)
    """Returns the reason why it cannot be used; None if it can."""
    prefer: Callable[[T], bool] = field(default=lambda _: True)
    """Whether it is preferred to other entries of the same name."""
    alias: Callable[[T], str | None] = field(default=lambda _: None)
    """Returns a name that is not unique, so that it only makes an entry a near match."""

    def find(self, name: str, entries: Sequence[T], *, any_note: bool = False, near: Sequence[T] = ()) -> T:
        """Find the one entry that has the name. `near` are more entries to name as near matches.

        Raises `UnknownNameError` or `AmbiguousNameError`.
        """
        matches = self.matches(name, entries)
        usable = matches if any_note else [entry for entry in matches if self.note(entry) is None]
        found = [entry for entry in usable if self.prefer(entry)] or usable
        if len(found) == 1:
            return found[0]
        if found:
            listed = [self.candidate(entry) for entry in found]
            reason = f"{len(found)} {self.noun}s have the name {name!r}: {sentence(listed)}; use an id"
            raise AmbiguousNameError(self.noun, name, listed, reason)
        if matches:
            listed = [self.candidate(entry) for entry in matches]
            reason = f"the {self.noun} {name!r} cannot be used: {sentence(listed)}"
            raise UnknownNameError(self.noun, name, listed, reason)
        listed = [self.candidate(entry) for entry in self.nearest(name, [*entries, *near])]
        reason = f"no {self.noun} has the {self.named_by} {name!r}"
        raise UnknownNameError(
            self.noun, name, listed, f"{reason}; did you mean {sentence(listed)}?" if listed else reason
        )

    def matches(self, name: str, entries: Iterable[T]) -> list[T]:
        """List the entries that have this name, by the first kind of name that matches any."""
        wanted, entries = folded(name), list(entries)
        for read in self.names:
            if found := [entry for entry in entries if folded(read(entry)) == wanted]:
                return found
        return []

    def nearest(self, name: str, entries: Iterable[T]) -> list[T]:
        """List entries with a similar name, the most similar first."""
        by_name = {folded(read(entry)): entry for entry in entries for read in (self.alias, *self.names)}
        by_name.pop("", None)
        close = difflib.get_close_matches(folded(name), by_name, n=MOST_NEAR, cutoff=0.6)
        distinct = {self.id_of(by_name[found]): by_name[found] for found in close}
        return list(distinct.values())

    def candidate(self, entry: T) -> Candidate:
        """Describe an entry for an error."""
        return Candidate(self.id_of(entry), self.label(entry), self.note(entry))


def sentence(candidates: Sequence[Candidate]) -> str:
    """Join candidates for a message."""
    return ", ".join(map(str, candidates))


def checked(name: object) -> str:
    """Return a name; raise `InvalidArgumentError` unless it is a string that is not empty."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidArgumentError("name", "must be a string that is not empty")
    return name
