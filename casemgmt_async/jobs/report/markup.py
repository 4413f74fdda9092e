"""HTML and SVG as calls, so that no text can reach a page unescaped."""

from __future__ import annotations

from html import escape

__all__ = ["Markup", "raw", "tag"]


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def raw(text: str) -> Markup:
    """Take text as markup; for what is written here and nowhere else."""
    return Markup(text)


def tag(name: str, *inner: Markup, text: str = "", **attributes: object) -> Markup:
    """Make an element; `text` and the values of attributes are escaped.

    A `_` in the name of an attribute stands for `-`, and one at the end is left out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    shown = "".join(f' {key}="{escape(str(value))}"' for key, value in given.items())
    return Markup(f"<{name}{shown}>{escape(text)}{''.join(inner)}</{name}>")
