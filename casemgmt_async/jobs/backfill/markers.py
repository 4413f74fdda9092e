"""The line that ends the description of every case that a backfill makes: it says which row the case is.

    [casemgmt backfill bf4f2a9c1d SEC-1041 0123456789abcdef0123]

The words are: the job; the newest case that its project had before the job's first one, so that a later search
knows where to begin; and the row's token. Without the line, the job does not recognise the case.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["CaseNumber", "Marker", "job_word", "markers_in", "number_of", "text_digest", "token", "without_marker"]

MARKER: Final = re.compile(r"\[casemgmt backfill (bf[0-9a-f]{8}) (\S+-\d+) ([0-9a-f]{20})\]")


class CaseNumber(NamedTuple):
    """The key of a case in two parts: `SEC-12` is `("SEC", 12)`."""

    prefix: str
    number: int

    def __str__(self) -> str:
        return f"{self.prefix}-{self.number}"


class Marker(NamedTuple):
    """The content of the line."""

    job: str
    """The word of the job."""
    before: CaseNumber
    """The newest case of the project before the job's first."""
    token: str
    """The token of the row."""

    def __str__(self) -> str:
        return f"[casemgmt backfill {self.job} {self.before} {self.token}]"


def job_word(job: str) -> str:
    """Return the word of a job, which searches find in descriptions."""
    return "bf" + hashlib.blake2s(job.encode(), digest_size=4).hexdigest()


def token(job: str, key: str) -> str:
    """Return the token of a row: the same for the same job and key, and for no other."""
    return hashlib.blake2s(f"{job}\0{key}".encode(), digest_size=10).hexdigest()


def number_of(key: str | None) -> CaseNumber | None:
    """Split a key such as `SEC-12`; None for anything else."""
    prefix, _, number = (key or "").rpartition("-")
    return CaseNumber(prefix, int(number)) if prefix and number.isdecimal() else None


def markers_in(description: str | None) -> Iterator[Marker]:
    """Read the markers in a description."""
    for found in MARKER.finditer(description or ""):
        before = number_of(found[2])
        if before is not None:
            yield Marker(found[1], before, found[3])


def without_marker(description: str | None) -> str:
    """Return a description without its markers, as in the row."""
    return MARKER.sub("", description or "").rstrip()


def text_digest(title: str | None, description: str | None) -> bytes:
    """Return a digest of a title and a description without its markers."""
    text = f"{title or ''}\0{without_marker(description).lstrip()}"
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
