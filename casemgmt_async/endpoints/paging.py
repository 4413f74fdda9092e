"""Walks over paged operations, and what the pages of users and teams lack: numbers, totals and included users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from attrs import evolve

from casemgmt_async.endpoints.checks import PAGE_SIZE, require
from casemgmt_async.models import Page, User
from casemgmt_async.pagination import Pages

__all__ = ["included_users", "numbered", "walk"]

T = TypeVar("T")


def walk(read: Callable[..., Awaitable[Page[T]]], *, page_size: int, **options: Any) -> Pages[T]:
    """Make a walk over the pages of an operation, which takes `page_number` and `page_size`."""
    require(PAGE_SIZE, page_size=page_size)

    def fetch(number: int) -> Awaitable[Page[T]]:
        return read(page_number=number, page_size=page_size)

    return Pages(fetch, page_size=page_size, **options)


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
