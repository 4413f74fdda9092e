"""Finds the operation that a method and a path name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from casemgmt_async.routes import NEIGHBOURS, ROUTES, Route

__all__ = ["match"]

PARAMETER: Final = None
"""The key in the tree for a segment that is a parameter."""


def tree() -> dict[str, Any]:
    """All routes by method, then segment by segment. The node where a path ends holds its route under `Route`."""
    root: dict[str, Any] = {}
    for route in (*ROUTES, *NEIGHBOURS):
        node: dict[Any, Any] = root.setdefault(route.method, {})
        for segment in route.path.split("/"):
            node = node.setdefault(PARAMETER if segment.startswith("{") else segment, {})
        node[Route] = route
    return root


TREE: Final = tree()


def match(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Find an operation; returns its route and decoded path parameters, or None.

    `path` is still percent-encoded, so an encoded slash stays inside its segment. A literal segment wins over a
    parameter: `/cases/count` never means the case `count`.
    """
    found = descend(TREE.get(method, {}), path.split("/"), 0, [])
    if found is None:
        return None
    route, values = found
    return route, dict(zip(route.parameters, map(unquote, values), strict=True))


def descend(
    node: Mapping[Any, Any], segments: Sequence[str], depth: int, values: list[str]
) -> tuple[Route, list[str]] | None:
    """Follow the segments down the tree, trying a literal segment before a parameter."""
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
