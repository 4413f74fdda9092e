"""The names, codes and groups of statuses."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from casemgmt_async import Case, StatusGroup

__all__ = ["GROUP_OF_STATUS", "group_of", "group_of_code", "status_code", "status_label"]

GROUP_OF_STATUS: Final = {
    "OPEN": StatusGroup.SG_OPEN,
    "IN_PROGRESS": StatusGroup.SG_IN_PROGRESS,
    "CLOSED": StatusGroup.SG_CLOSED,
}
"""For answers that leave the group out: what the deprecated status says."""


@lru_cache(maxsize=1024)
def status_code(name: str) -> str:
    """The code of a status from its name: `In Progress` is `IN_PROGRESS`."""
    return "_".join(name.split()).upper()


def group_of(case: Case) -> str | None:
    """The status group of a case, from the deprecated status where the answer has no group."""
    return case.status_group or GROUP_OF_STATUS.get(case.status or "")


def status_label(name: str | None, code: str | None) -> str:
    """What a status is called, from its name or its code."""
    return name or (code or "none").replace("_", " ").title()


def group_of_code(code: str) -> StatusGroup | None:
    """The group of a status that every type has; None for any other."""
    return GROUP_OF_STATUS.get(code)
