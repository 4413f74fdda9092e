"""Packages whose public names are those of their modules, each module loaded when a name of it is first used.

The `__all__` of a module is the only list of its public names. A package repeats none of them: for type checkers it
has `from module import *` under `TYPE_CHECKING`, and at run time `attach` finds the module that has a name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["attach"]


def attach(
    package: str, homes: Mapping[str, Collection[str] | None], submodules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package.

    `homes` maps modules, relative to the package and in search order, to their public names; None stands for the
    module's `__all__`. `submodules` are modules to show in `dir()` beside the package's own `__all__`.
    """

    def load(module: str) -> Any:
        return import_module(f"{package}.{module}")

    def names_of(home: str) -> Collection[str]:
        names = homes[home]
        listed: Collection[str] = load(home).__all__ if names is None else names
        return listed

    def has(home: str, name: str) -> bool:
        if homes[home] is None and "__all__" not in vars(load(home)):  # lazy itself: do not load all it has
            return hasattr(load(home), name)
        return name in names_of(home)

    def find(name: str) -> Any:
        if name == "__all__":
            return sorted({name for home in homes for name in names_of(home)})
        home = None if name.startswith("__") else next((home for home in homes if has(home, name)), None)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(load(home), name)

    def get(name: str) -> Any:
        is_module = not name.startswith("_") and find_spec(f"{package}.{name}") is not None
        value = load(name) if is_module else find(name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*find("__all__"), *submodules})
