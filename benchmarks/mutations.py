"""The mutants of the package: small changes of the source, each of which a test should notice.

The changes are made by cosmic-ray's operators. This module says which of them are worth a test run, and draws a sample
of mutants that stays the same while the code around them changes.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import cosmic_ray.plugins
from attrs import frozen
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

__all__ = ["PACKAGES", "Mutant", "Site", "sample", "sites"]

PACKAGES = ("transport", "pagination", "codec", "jobs")
COMPARISONS = (
    "Eq_NotEq",
    "NotEq_Eq",
    "Lt_LtE",
    "Lt_GtE",
    "LtE_Lt",
    "Gt_GtE",
    "Gt_LtE",
    "GtE_Gt",
    "Is_IsNot",
    "IsNot_Is",
)
ARITHMETIC = ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_Mul", "BitOr_BitAnd", "BitAnd_BitOr")
OPERATORS = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_USub_UAdd",
    "ZeroIterationForLoop",
    *(f"ReplaceComparisonOperator_{change}" for change in COMPARISONS),
    *(f"ReplaceBinaryOperator_{change}" for change in ARITHMETIC),
)
"""Those of cosmic-ray's operators whose mutants differ from the code for some input. Left out are, for one, `is` for
`==` between small integers, and every second replacement of one arithmetic operator by each of the others."""


@frozen
class Site:
    """A place in the source that an operator can change."""

    file: str
    """Relative to the root of the project."""
    function: str
    """Qualified name of the function or class around the change; empty at the level of the module."""
    operator: str
    occurrence: int
    """Index of the place among those of this operator in the file."""
    line: int
    column: int
    before: str
    """The line before the change."""

    @property
    def rank(self) -> str:
        """Key of the sample: it belongs to the function and does not depend on line numbers."""
        return f"{self.file} {self.function} {self.operator} {self.before} {self.column}"


@frozen
class Mutant:
    """One change of one file."""

    site: Site
    after: str
    """The line after the change."""
    code: str
    """Text of the whole file after the change."""

    @property
    def key(self) -> str:
        """The name of the mutant."""
        return f"{self.site.file}::{self.site.function}: {self.site.before} -> {self.after}"

    @property
    def package(self) -> str:
        """The package of the library that it changes."""
        return self.site.file.split("/")[1]


def sites(root: Path, packages: Iterable[str] = PACKAGES) -> Iterator[Site]:
    """All places that can be changed in some packages, file by file."""
    for package in packages:
        for file in sorted((root / "casemgmt_async" / package).rglob("*.py")):
            yield from sites_of(file.read_text("utf-8"), file.relative_to(root).as_posix())


def sites_of(code: str, file: str) -> Iterator[Site]:
    """All places that can be changed in one file."""
    scopes, skipped = structure(ast.parse(code))
    lines, nodes = code.splitlines(), list(ast_nodes(get_ast(code)))
    for name in OPERATORS:
        operator = cosmic_ray.plugins.get_operator(f"core/{name}")()
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, column) in enumerate(places):
            if not any(first <= (line, column) < last for first, last in skipped):
                inner = [scope for first, last, scope in scopes if first <= line <= last]
                yield Site(file, inner[-1] if inner else "", name, occurrence, line, column, lines[line - 1].strip())


def mutant(root: Path, site: Site) -> Mutant | None:
    """The mutant of a place; None if the operator changes nothing or fails."""
    code = (root / site.file).read_text("utf-8")
    operator = cosmic_ray.plugins.get_operator(f"core/{site.operator}")()
    try:
        changed = mutate_code(code, operator, site.occurrence)
    except AttributeError:  # ExceptionReplacer fails on `except module.Error`
        return None
    if changed is None or changed == code or not compiles(changed):
        return None
    pairs = zip(code.splitlines(), changed.splitlines(), strict=False)
    after = next(new for old, new in pairs if old != new)
    return Mutant(site, after.strip(), changed)


def compiles(code: str) -> bool:
    """Whether the source is valid Python; operators do not know patterns, for one."""
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def sample(root: Path, count: int, seed: int, packages: Iterable[str] = PACKAGES) -> list[Mutant]:
    """Draw mutants in the order of a hash of their names, so that a change of one function does not affect others."""
    found: dict[str, Mutant] = {}
    by_hash = sorted(sites(root, packages), key=lambda site: hashlib.sha256(f"{seed} {site.rank}".encode()).digest())
    for site in by_hash:
        if len(found) == count:
            break
        if (made := mutant(root, site)) is not None:
            found.setdefault(made.key, made)
    return list(found.values())


Span = tuple[tuple[int, int], tuple[int, int]]


def structure(tree: ast.Module) -> tuple[list[tuple[int, int, str]], list[Span]]:
    """The scopes of a file, outer ones first; and what is not worth a mutant: annotations and imports for checkers."""
    scopes: list[tuple[int, int, str]] = []
    skipped: list[Span] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{child.name}".lstrip(".")
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                scopes.append((first, child.end_lineno or first, name))
            visit(child, name)

    visit(tree, "")
    for node in ast.walk(tree):
        is_for_checkers = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        notes = [getattr(node, "annotation", None), getattr(node, "returns", None), node if is_for_checkers else None]
        skipped += [span(note) for note in notes if note is not None]
    return scopes, skipped


def span(node: ast.expr | ast.stmt) -> Span:
    """Return the first and last position of a node."""
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
