"""Where a journal is: a file, or a schema in a PostgreSQL database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

from attrs import evolve, field, frozen

from casemgmt_async import ConfigurationError

__all__ = ["JournalAddress", "JournalURL", "journal_address"]

SCHEMES: Final = ("postgresql://", "postgres://")
LONGEST: Final = 48
"""Bytes in the name of a journal: PostgreSQL allows 63 in the name of a schema, and shards add some."""
PASSWORD: Final = re.compile(r"(?<=[?&]password=)[^&]*")


@frozen
class JournalURL:
    """A journal in PostgreSQL, as in `postgresql://user@host/database#name`: each name is a schema of its own.

    Its text shows no password.
    """

    database: str = field(repr=False)
    """The URL without the name, as libpq takes it."""
    name: str
    """The name of the journal; empty where the URL has none."""

    @property
    def schema(self) -> str:
        """The name of the schema."""
        return f"casemgmt_{self.name}"

    @property
    def url(self) -> str:
        """The whole URL, password included."""
        return f"{self.database}#{self.name}"

    def named(self, default: str) -> JournalURL:
        """Return the same with this name if it has none."""
        return checked(evolve(self, name=self.name or default))

    def shard(self, number: int) -> JournalURL:
        """Return the journal of one shard of this job."""
        return evolve(self, name=f"{self.name}/{number:03}")

    def __str__(self) -> str:
        parts = urlsplit(self.database)
        user, at, host = parts.netloc.rpartition("@")
        shown = urlunsplit(parts._replace(netloc=user.partition(":")[0] + at + host))
        return PASSWORD.sub("***", shown) + (f"#{self.name}" if self.name else "")


JournalAddress: TypeAlias = Path | JournalURL


def journal_address(given: str | Path | JournalURL) -> JournalAddress:
    """Read the path of a file or the URL of a journal in PostgreSQL.

    Raises `ConfigurationError` for a URL that cannot be one.
    """
    if isinstance(given, JournalURL):
        return given
    text = str(given)
    if not text.startswith(SCHEMES):
        if isinstance(given, str) and "://" in text:
            scheme = text.partition("://")[0]
            raise ConfigurationError(
                f"journal: {scheme}:// is not known; give a path or postgresql://host/database#name"
            )
        return Path(given)
    database, _, name = text.partition("#")
    return checked(JournalURL(database, unquote(name)))


def checked(url: JournalURL) -> JournalURL:
    """Refuse a name that cannot be part of the name of a schema."""
    if len(url.name.encode()) > LONGEST or "\0" in url.name:
        raise ConfigurationError(
            f"journal {url}: its name must have at most {LONGEST} bytes; add a shorter one after #, as in "
            "postgresql://host/database#nightly"
        )
    return url
