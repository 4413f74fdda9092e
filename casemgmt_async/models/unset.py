"""`UNSET`: an argument that was not given, as distinct from one that is None."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["UNSET", "Unset"]


class Unset(enum.Enum):
    """The type of `UNSET`, for annotations: `title: str | Unset = UNSET`."""

    UNSET = "UNSET"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Do not send this argument. Where None is allowed, None is sent as null and clears the field."""
