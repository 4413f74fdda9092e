"""Shared budgets: processes on any machine keep to the rate limit of their organisation together.

    from casemgmt_async.integrations.budgets import open_budget

    async with CaseSession(budget=open_budget("redis://localhost")) as session:
        ...

Needs the extra `casemgmt-async[redis]` or `casemgmt-async[postgres]`.
"""

from __future__ import annotations

import importlib
from typing import Final
from urllib.parse import urlsplit

from casemgmt_async import ConfigurationError
from casemgmt_async.integrations.budgets.base import BudgetStore

__all__ = ["open_budget"]

STORES: Final = {
    "redis": ("redis", "RedisBudget"),
    "rediss": ("redis", "RedisBudget"),
    "unix": ("redis", "RedisBudget"),
    "postgresql": ("postgres", "PostgresBudget"),
    "postgres": ("postgres", "PostgresBudget"),
}
"""For each scheme of a URL the extra, which is also the module, and the class."""


def open_budget(url: str) -> BudgetStore:
    """Return the shared budget that is kept at a URL; it connects when it is first used.

    `redis://`, `rediss://` and `unix://` URLs are as in redis-py, `postgresql://` URLs as in libpq, options in the
    query included. Several sessions can share one budget: the connection is closed with the last session. The store
    needs no preparation; in PostgreSQL, two tables whose names begin with `casemgmt_budget` are made when they are
    missing.

    Raises `ConfigurationError`, before any I/O, for a URL that cannot be used and for an extra that is missing.
    """
    scheme = urlsplit(url).scheme if isinstance(url, str) else ""
    if scheme not in STORES:
        was = f"{scheme!r} is the scheme" if scheme else "there is no scheme"
        raise ConfigurationError(f"{was} of the URL of the budget; use redis://, rediss://, unix:// or postgresql://")
    extra, name = STORES[scheme]
    try:
        module = importlib.import_module(f"{__name__}.{extra}")
    except ImportError as error:
        raise ConfigurationError(
            f"a budget at {scheme}:// needs a driver that is not installed: pip install 'casemgmt-async[{extra}]'"
        ) from error
    budget: BudgetStore = getattr(module, name)(url)
    return budget
