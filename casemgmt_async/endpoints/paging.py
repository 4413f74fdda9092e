"""Helpers for the lists of users and teams: page numbers, totals and included users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import evolve

from casemgmt_async.models import Page, User

__all__ = ["included_users", "numbered"]

T = TypeVar("T")


def numbered(page: Page[T], number: int, size: int, total: Any) -> Page[T]:
    """Complete a page whose answer has neither its number nor the number of pages.

    `total` is the number of items as the answer gives it; any other type means unknown.
    """
    if type(total) is not int:
        return evolve(page, number=number)
    return evolve(page, number=number, total_items=total, total_pages=-(-total // size))


def included_users(extra: Mapping[str, Any], name: str = "included") -> dict[str, User]:
    """Return the users that an answer includes under the type `users`, by id."""
    users: dict[str, User] = {}
    for entry in extra.get(name) or ():
        if isinstance(entry, dict) and entry.get("type") == "users" and isinstance(entry.get("id"), str):
            attributes = entry.get("attributes") or {}
            users[entry["id"]] = User(
                entry["id"],
                name=attributes.get("name"),
                email=attributes.get("email"),
                handle=attributes.get("handle"),
            )
    return users
