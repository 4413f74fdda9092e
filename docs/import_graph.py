"""Read which modules of the package import which, from the source and without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from attrs import frozen

__all__ = [
    "PACKAGE",
    "PUBLIC",
    "ROOT",
    "Import",
    "When",
    "areas",
    "cycle",
    "graph",
    "imports",
    "module_of",
    "modules",
    "part_of",
]

ROOT = Path(__file__).parents[1]
PACKAGE = "casemgmt_async"
PUBLIC = "public names"
"""The area of `casemgmt_async/__init__.py`."""


class When(StrEnum):
    """When an import happens."""

    LOADING = "while the module is loaded"
    CALLING = "when a function is called"
    CHECKING = "for type checkers only"


@frozen
class Import:
    """One module that a file imports."""

    module: str
    when: When


def module_of(file: Path) -> str:
    """The full name of the module in a file."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """All modules of the package and their files."""
    return {module_of(file): file for file in sorted((ROOT / PACKAGE).rglob("*.py"))}


@cache
def imports(file: Path) -> tuple[Import, ...]:
    """Every module that a file imports, wherever the statement stands, by its full name."""
    return tuple(read_imports(file))


def read_imports(file: Path) -> Iterator[Import]:
    """What `imports` gives, one by one."""
    package = module_of(file.parent / "__init__.py").split(".")
    for node, when in statements(ast.parse(file.read_text("utf-8")), When.LOADING):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, when) for alias in node.names)
        else:
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = ROOT.joinpath(*module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield Import(f"{module}.{alias.name}" if is_module else module, when)


def statements(tree: ast.AST, when: When) -> Iterator[tuple[ast.Import | ast.ImportFrom, When]]:
    """All import statements below a node."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, when
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements(node, When.CHECKING)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and when is When.LOADING:
            yield from statements(node, When.CALLING)
        else:
            yield from statements(node, when)


def graph(*moments: When) -> dict[str, set[str]]:
    """For each module of the package the others that it imports at those moments."""
    ours = modules()
    return {
        module: {found.module for found in imports(file) if found.when in moments and found.module in ours} - {module}
        for module, file in ours.items()
    }


def cycle(*moments: When) -> list[str]:
    """The modules of one import cycle, in order; empty where there is none."""
    try:
        TopologicalSorter(graph(*moments)).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def areas(inside: str = PACKAGE) -> Mapping[str, set[str]]:
    """For each part of a package the other parts of the same package that it imports, type checkers aside.

    The public names are loaded on first use by a table; what they are is read from the block for type checkers.
    """
    found: dict[str, set[str]] = {}
    running, written = graph(When.LOADING, When.CALLING), graph(*When)
    for module in running:
        others = (written if module == PACKAGE else running)[module]
        if part := part_of(module, inside):
            found.setdefault(part, set()).update(filter(None, (part_of(other, inside) for other in others)))
    return {part: others - {part} for part, others in found.items()}


def part_of(module: str, inside: str) -> str:
    """The part of a package that a module belongs to; empty for a module outside it."""
    if module == inside:
        return PUBLIC if inside == PACKAGE else "__init__"
    return module.removeprefix(f"{inside}.").split(".")[0] if module.startswith(f"{inside}.") else ""
