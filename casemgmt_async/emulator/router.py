"""From a method and a path as sent to one of the 66 operations, and back to 404 for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from casemgmt_async.routes import ROUTES, Route

__all__ = ["match"]

PARAMETER: Final = None
"""Stands in the tree for a segment that may be anything but empty."""


def tree() -> dict[str, Any]:
    """All routes, by method and then segment by segment; where a path ends, its route stands under `Route`."""
    root: dict[str, Any] = {}
    for route in ROUTES:
        node: dict[Any, Any] = root.setdefault(route.method, {})
        for segment in route.path.split("/"):
            node = node.setdefault(PARAMETER if segment.startswith("{") else segment, {})
        node[Route] = route
    return root


TREE: Final = tree()


def match(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The operation that a path means, and its parameters decoded; None where there is none.

    `path` is still percent-encoded, so an encoded slash stays inside its segment. A segment that a route
    names wins over a parameter: `/cases/count` is no case of the name of `count`.
    """
    found = descend(TREE.get(method, {}), path.split("/"), 0, [])
    if found is None:
        return None
    route, values = found
    return route, dict(zip(route.parameters, map(unquote, values), strict=True))


def descend(
    node: Mapping[Any, Any], segments: Sequence[str], depth: int, values: list[str]
) -> tuple[Route, list[str]] | None:
    """Follow the segments down the tree; a literal one goes before a parameter."""
    if depth == len(segments):
        return (node[Route], values) if Route in node else None
    segment = segments[depth]
    if segment in node:
        found = descend(node[segment], segments, depth + 1, values)
        if found is not None:
            return found
    if segment and PARAMETER in node:
        return descend(node[PARAMETER], segments, depth + 1, [*values, segment])
    return None
