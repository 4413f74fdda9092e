"""What the stores of shared budgets have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Self

__all__ = ["KEPT_SECONDS", "BudgetStore"]

KEPT_SECONDS: Final = 24 * 60 * 60
"""How long a value of `put` is kept."""


class BudgetStore(ABC):
    """A store that connects when it is first used, and disconnects when the last of its users leaves."""

    def __init__(self) -> None:
        self._users = 0

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            await self.disconnect()

    @abstractmethod
    async def take(self, bucket: str, *, window: int, period: float, limit: int, used: int, want: int) -> int:
        """Grant up to `want` requests of a window; see `SharedBudget`."""

    @abstractmethod
    async def get(self, key: str) -> str | None:
        """Return the value of `key`, or None if there is none."""

    @abstractmethod
    async def put(self, key: str, value: str) -> None:
        """Keep a value for a day."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close all connections; a later use connects again."""
