"""Descriptions of the fields of a model, for `help()` and schemas, read from the strings below the fields."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from functools import cache
from typing import Any, Final

import attrs

__all__ = ["HelpText", "field_docs", "summary"]

INDENT: Final[Any] = {"initial_indent": " " * 4, "subsequent_indent": " " * 8}


class HelpText:
    """Class docstring plus one line a field, built on first access."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, _: object, owner: type) -> str:
        docs = field_docs(owner)
        if not docs:
            return self.text
        lines = (textwrap.fill(f"{name}: {' '.join(text.split())}", 100, **INDENT) for name, text in docs.items())
        return "\n".join([self.text.rstrip(), "", "Attributes:", *lines, ""])


def summary(cls: type) -> str:
    """Return the docstring of a model as written, without the list of fields."""
    text = cls.__dict__.get("__doc__")
    return text.text if isinstance(text, HelpText) else inspect.cleandoc(text or "")


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Return the strings below the fields of an attrs class, by field; empty if the source is not available."""
    inherited = {name: doc for base in reversed(cls.__bases__) for name, doc in field_docs(base).items()}
    if not attrs.has(cls):
        return inherited
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return inherited
    definition = tree.body[0]
    if not isinstance(definition, ast.ClassDef):
        return inherited
    names = {attribute.name for attribute in attrs.fields(cls)}
    return inherited | {
        node.target.id: inspect.cleandoc(doc.value.value)
        for node, doc in itertools.pairwise(definition.body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id in names
        and isinstance(doc, ast.Expr)
        and isinstance(doc.value, ast.Constant)
        and isinstance(doc.value.value, str)
    }
