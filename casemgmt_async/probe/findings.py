"""Findings: the verdict of a probe on each assumption."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from casemgmt_async.facts import Facts

__all__ = ["Finding", "Verdict", "facts_of"]


class Verdict(enum.Enum):
    """Whether an assumption is true of this organisation's service."""

    HOLDS = "holds"
    DOES_NOT = "does not"
    UNKNOWN = "could not tell"


@frozen
class Finding:
    """One assumption, and what the probe observed."""

    name: str
    """A short name, such as `stable_ties`."""
    assumption: str
    """What was assumed, as a sentence."""
    verdict: Verdict
    """Whether it holds."""
    seen: str
    """What was seen, or why nothing could be seen. It contains no ids, names or texts of cases."""
    facts: Mapping[str, Any] = field(factory=dict)
    """The facts that follow from it, by the names of `Facts`."""


def facts_of(findings: Iterable[Finding]) -> Facts:
    """Collect the facts of all findings. A later finding replaces an earlier one."""
    collected: dict[str, Any] = {}
    for finding in findings:
        collected.update(finding.facts)
    return Facts(**collected)
