"""The parts of received JSON that an export reads; everything else stays as it was received."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from attrs import frozen

__all__ = ["CaseHead", "RawPage", "digest_of", "document", "head_of", "single", "tombstone"]


class RawPage(msgspec.Struct):
    """A page as it was received; its items stay bytes."""

    data: list[msgspec.Raw]
    meta: Any = None
    included: list[msgspec.Raw] | None = None


class RawResource(msgspec.Struct):
    """One resource as it was received."""

    data: msgspec.Raw


document: Final = msgspec.json.Decoder(RawPage)
single: Final = msgspec.json.Decoder(RawResource)


@frozen
class CaseHead:
    """The part of a case that an export needs."""

    id: str
    key: str | None
    place: str
    """Age and id: places sort by age, the oldest first."""
    archived: bool = False


def head_of(raw: bytes) -> CaseHead:
    """Read the head of a case; malformed parts are ignored."""
    given = msgspec.json.decode(raw)
    given = given if isinstance(given, dict) else {}
    attributes = given.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    created, key, id_ = attributes.get("created_at"), attributes.get("key"), given.get("id")
    id_ = id_ if isinstance(id_, str) else hashlib.blake2s(raw).hexdigest()
    age = created.rstrip("Z") if isinstance(created, str) else ""
    return CaseHead(id_, key if isinstance(key, str) else None, f"{age} {id_}", bool(attributes.get("archived_at")))


def digest_of(raw: bytes) -> bytes:
    """Return a digest of a case that does not depend on the order of its keys."""
    return hashlib.blake2b(
        msgspec.json.encode(msgspec.json.decode(raw), order="deterministic"), digest_size=16
    ).digest()


def tombstone(place: str, key: str | None, why: str) -> bytes:
    """Make the tombstone of a case that is gone: `archived`, `left` (the filter) or `missing`."""
    age, _, id_ = place.rpartition(" ")
    attributes = {"key": key, "created_at": f"{age}Z" if age else None}
    return msgspec.json.encode({"type": "case", "id": id_, "deleted": why, "attributes": attributes})
