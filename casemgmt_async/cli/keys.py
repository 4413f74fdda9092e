"""Keys and ids of cases that come by standard input, in every format that a list is written in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Final

import click

__all__ = ["keys_in"]

HEADINGS: Final = ("key", "id")
"""Columns that name a case, the preferred one first."""


def keys_in(text: str) -> Iterator[str]:
    """Read the keys or ids of what a list writes: JSON, JSON Lines, CSV, a table, or one key a line."""
    lines = text.splitlines()
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    column = next((name for name in HEADINGS if name in names), None)
    if text.lstrip().startswith("["):
        yield from map(key_of_object, parsed(text))
    elif column is not None:
        yield from filter(None, (row[column] for row in csv.DictReader(io.StringIO(text))))
    else:
        for line in lines:
            if line.lstrip().startswith("{"):
                yield key_of_object(parsed(line))
            elif words := line.replace(",", " ").split():
                yield from words[:1] if words[0] not in HEADINGS else ()


def parsed(text: str) -> Any:
    """Parse JSON that came by standard input."""
    try:
        return json.loads(text)
    except ValueError:
        raise click.UsageError(f"standard input: this is not JSON: {text[:60]}") from None


def key_of_object(data: Any) -> str:
    """Take the id or the key of a case."""
    found = (data.get("id") or data.get("key")) if isinstance(data, dict) else None
    if not isinstance(found, str):
        raise click.UsageError(f"standard input: this has neither an id nor a key: {json.dumps(data)[:60]}")
    return found
