"""Make the table of public names: `python docs/public_names.py`.

The packages listed here load each of their modules when a name of it is first used, so they need a table that says in
which module a name is. It is made from what they import for type checkers, without importing anything: `from module
import *` stands for the `__all__` of the module.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "casemgmt_async" / "_names.py"
PACKAGES = ("casemgmt_async", "casemgmt_async.models", "casemgmt_async.pagination")
HEAD = '''"""The public names of some packages: in which module of the package each is.

Made by `python docs/public_names.py`; do not edit.
"""

__all__ = ["NAMES"]

NAMES: dict[str, dict[str, tuple[str, ...]]] = {
'''


def table() -> str:
    """The text of the module with the table."""
    lines = []
    for package in PACKAGES:
        lines.append(f'    "{package}": {{')
        for module, names in sorted(names_of(package).items()):
            if len(names) == 1:
                lines.append(f'        "{module}": ("{names[0]}",),')
                continue
            lines += [f'        "{module}": (', *(f'            "{name}",' for name in sorted(names)), "        ),"]
        lines.append("    },")
    return "\n".join([HEAD + lines[0], *lines[1:], "}", ""])


def names_of(package: str) -> dict[str, list[str]]:
    """The names that a package imports for others, by module. Those of the models are not repeated in the first one."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(parse(package)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module not in PACKAGES[:2]:
            names = [alias.name for alias in node.names if alias.name == alias.asname]
            names += all_of(node.module) if node.names[0].name == "*" else []
            if names:
                found.setdefault(node.module.removeprefix(f"{package}."), []).extend(names)
    return found


def all_of(module: str) -> list[str]:
    """The `__all__` of a module; one of the packages has no other than what it imports."""
    if module in PACKAGES:
        return [name for names in names_of(module).values() for name in names]
    for node in parse(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise SystemExit(f"{module} has no __all__")


def parse(module: str) -> ast.Module:
    """The syntax tree of a module or a package."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text("utf-8"))


if __name__ == "__main__":
    FILE.write_text(table(), "utf-8")
