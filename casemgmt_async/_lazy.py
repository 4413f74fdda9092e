"""Packages whose public names are those of their modules, each module loaded when a name of it is first used.

A package imports its names for type checkers, under `TYPE_CHECKING`: `from module import *` stands for the `__all__`
of a module. `_names` is made from that by `python docs/public_names.py`, so that a name loads its module and no other.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

from casemgmt_async._names import NAMES

TYPE_CHECKING = False  # the name is enough for type checkers; `typing` takes longer to load than all this does
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

__all__ = ["attach"]


def attach(
    package: str, lazy: str = "", submodules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package.

    `lazy` is a package inside it whose names are its names too. `submodules` are modules to show in `dir()` beside the
    package's own `__all__`.
    """
    home_of = {name: home for home, names in NAMES[package].items() for name in names}

    def load(module: str) -> Any:
        return import_module(f"{package}.{module}")

    def find(name: str) -> Any:
        if name == "__all__":
            return sorted({*home_of, *(load(lazy).__all__ if lazy else ())})
        if name in home_of:
            return getattr(load(home_of[name]), name)
        if not name.startswith("_") and find_spec(f"{package}.{name}") is not None:
            return load(name)
        if lazy and not name.startswith("__") and hasattr(load(lazy), name):
            return getattr(load(lazy), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def get(name: str) -> Any:
        value = find(name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*find("__all__"), *submodules})
