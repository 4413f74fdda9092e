"""The parts of the documentation that are made from the code: `python docs/generated.py` writes them into the pages.

A part stands between `<!-- name -->` and `<!-- /name -->`. In the file it is a plain table, so that the page can be
read without a build. Sphinx puts signatures and docstrings in the place of the tables of the reference.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import casemgmt_async
from casemgmt_async import emulator, errors, facts, jobs, probe
from casemgmt_async.cli.app import app as command_line
from casemgmt_async.jobs.triage.rules.document import RulesFile, WrittenRule
from casemgmt_async.jobs.triage.rules.matching import Comparison, Match
from casemgmt_async.jobs.triage.rules.stale import WrittenStale
from casemgmt_async.routes import NEIGHBOURS, ROUTES, Replay, Route

sys.path.insert(0, str(Path(__file__).parent))

from rules_reference import actions_table, keys_table, placeholders_table

DOCS = Path(__file__).parent
LOST_ANSWER = {
    Replay.READ: "sent again",
    Replay.SET: "sent again",
    Replay.CREATE: "never sent twice",
}
GROUPS = {
    "session": ("CaseSession", "RetryPolicy", "RawResponse", "RateLimit", "Clock", "web_address"),
    "events": (
        "Event", "Listener", "RequestStarted", "ResponseReceived", "RetryScheduled", "RateLimited", "CallSucceeded",
        "CallFailed", "Events",
    ),
    "walks": ("Page", "Pages", "Walk", "Fetch", "Sweep", "SweepResult", "SweepPass", "SweepFetch"),
    "watching": ("watch_cases", "CaseChange", "ChangeKind"),
    "directory": ("Directory", "StatusChoice"),
    "conversion": ("encode", "decode", "Resource", "OpenEnum", "Extra", "UNSET", "Unset"),
}  # fmt: skip
"""The groups of the Python reference; what is in none of them is a model."""


PACKAGES = {"jobs": jobs, "emulator": emulator, "facts": facts, "probe": probe}
"""Packages with names of their own, each a group."""


def public(package: ModuleType) -> list[str]:
    """The public names of a package that are not modules."""
    names = [name for name in package.__all__ if not name.startswith("_")]
    return [name for name in names if not isinstance(getattr(package, name), ModuleType)]


def names_of(group: str) -> list[tuple[ModuleType, str]]:
    """The package and the name of each member of a group."""
    if group in PACKAGES:
        return [(PACKAGES[group], name) for name in public(PACKAGES[group])]
    if group == "errors":
        return [(casemgmt_async, name) for name in errors.__all__]
    if group == "models":
        others = {name for names in GROUPS.values() for name in names} | set(errors.__all__)
        return [(casemgmt_async, name) for name in public(casemgmt_async) if name not in others]
    return [(casemgmt_async, name) for name in GROUPS[group]]


def group_table(group: str) -> str:
    """The names of a group with the first sentence of each docstring."""
    rows = [f"| `{name}` | {first_sentence(doc_of(package, name))} |" for package, name in names_of(group)]
    return "\n".join(["| name | what it is |", "| --- | --- |", *rows])


def group_reference(group: str) -> str:
    """Signatures and docstrings of a group, for Sphinx."""
    return "\n".join(["```{eval-rst}", *(directive(package, name) for package, name in names_of(group)), "```"])


def directive(package: ModuleType, name: str) -> str:
    """What documents one name under the name by which users import it."""
    value, full = getattr(package, name), f"{package.__name__}.{name}"
    if inspect.isclass(value) and issubclass(value, BaseException):
        return f".. autoexception:: {full}\n   :members:\n   :show-inheritance:\n"
    if inspect.isclass(value):
        return f".. autoclass:: {full}\n   :members:\n   :undoc-members:\n"
    if inspect.isroutine(value):
        return f".. autofunction:: {full}\n"
    text = doc_of(package, name).replace("\n", "\n   ")
    return f".. py:data:: {name}\n   :module: {package.__name__}\n\n   {text}\n"


def doc_of(package: ModuleType, name: str) -> str:
    """The docstring of a class or function, or the one that stands below a constant."""
    value = getattr(package, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        return inspect.getdoc(value) or ""
    for module in list(sys.modules.values()):
        is_inside = module.__name__.startswith(f"{package.__name__}.")  # others can have a constant of the same name
        if is_inside and name in vars(module).get("__all__", ()):
            for node, after in zip(
                ast.parse(inspect.getsource(module)).body, ast.parse(inspect.getsource(module)).body[1:], strict=False
            ):
                target = getattr(node, "target", None) or next(iter(getattr(node, "targets", ())), None)
                if getattr(target, "id", None) == name and isinstance(after, ast.Expr):
                    return inspect.cleandoc(ast.literal_eval(after.value))
    return ""


def first_sentence(text: str) -> str:
    """The first sentence, on one line."""
    return re.split(r"(?<=\.)\s", " ".join(text.split("\n\n", maxsplit=1)[0].split()), maxsplit=1)[0].replace(
        "|", "\\|"
    )


def error_tree() -> str:
    """The classes of errors, indented below their parents."""
    tree = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    return f"```text\n{textwrap.dedent(tree)}\n```"


def operations(table: Sequence[Route], *, built: bool) -> str:
    """All operations of a table, by resource: their routes, and for Sphinx each function with its docstring."""
    parts = []
    for resource, rows in groupby(table, attrgetter("resource")):
        routes = list(rows)
        parts += [f"### {resource}", "", routes_table(routes), ""]
        if built:
            module = getattr(casemgmt_async, resource)
            functions = [name for name in functions_of(module) if name not in {route.name for route in routes}]
            names = [*(route.name for route in routes), *functions]
            directives = [f".. autofunction:: casemgmt_async.{resource}.{name}\n" for name in names]
            parts += ["```{eval-rst}", *directives, "```", ""]
    return "\n".join(parts).rstrip()


def functions_of(module: ModuleType) -> list[str]:
    """The public functions that a module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and name in getattr(module, "__all__", [name])
    ]


def routes_table(routes: list[Route]) -> str:
    """The routes of a resource."""
    head = ["| function | request, under `/api/v2` | scope | lost answer |", "| --- | --- | --- | --- |"]
    rows = [
        f"| `{r.name}` | {r.method} `{r.path.removeprefix('/api/v2')}` | {r.scope or 'none named'} "
        f"| {LOST_ANSWER[r.replay]} |"
        for r in routes
    ]
    return "\n".join(head + rows)


def migration() -> str:
    """Each method of the official client's `CaseManagementApi`, and the function that takes its place."""
    head = ["| official client | here |", "| --- | --- |"]
    ids = {r.name: "".join(f"{parameter}, " for parameter in r.parameters) for r in ROUTES}
    rows = [f"| `api.{r.name}(...)` | `await {r.resource}.{r.name}(session, {ids[r.name]}...)` |" for r in ROUTES]
    return "\n".join(head + rows)


def commands(group: click.Command = command_line, path: str = "casemgmt") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its path."""
    if not isinstance(group, click.Group):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield from commands(command, f"{path} {name}")


def command_reference() -> str:
    """Usage, description, options and examples of every command."""
    return "\n\n".join(one_command(path, command) for path, command in commands())


def one_command(path: str, command: click.Command) -> str:
    """The section of one command."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    context = click.Context(command, help_option_names=["-h", "--help"])  # as the command itself; click keeps them
    usage = " ".join(command.collect_usage_pieces(context))
    shared = {"as_json", "profile", "site", "base_url", "timeout"}
    rows = []
    for each in command.params:
        if isinstance(each, click.Option) and not each.hidden and each.name not in shared:
            record = each.get_help_record(context)
            if record:
                rows.append(
                    "| {} | {} |".format(
                        f"`{record[0].replace('|', ' or ')}`", " ".join(record[1].split()).replace("|", "\\|")
                    )
                )
    parts = [f"### {path}", f"`{path} {usage}`", text.strip().replace("\n", " ").replace("  ", "\n\n")]
    if rows:
        parts.append("\n".join(["| option | meaning |", "| --- | --- |", *rows]))
    if examples.strip():
        lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
        parts.append("\n".join(["```text", *lines, "```"]))
    return "\n\n".join(parts)


RULES: dict[str, Callable[[], str]] = {
    "file": partial(keys_table, RulesFile),
    "rule": partial(keys_table, WrittenRule),
    "match": partial(keys_table, Match),
    "comparison": partial(keys_table, Comparison),
    "actions": actions_table,
    "placeholders": placeholders_table,
    "stale": partial(keys_table, WrittenStale),
}
"""The tables of the page about the rules file."""


PARTS: dict[str, dict[str, tuple[Callable[[], str], Callable[[], str]]]] = {
    "operations.md": {
        "operations": (partial(operations, ROUTES, built=False), partial(operations, ROUTES, built=True)),
        "neighbours": (partial(operations, NEIGHBOURS, built=False), partial(operations, NEIGHBOURS, built=True)),
    },
    "reference.md": {
        name: (partial(group_table, name), partial(group_reference, name)) for name in (*GROUPS, "models", *PACKAGES)
    },
    "errors.md": {
        "tree": (error_tree, error_tree),
        "errors": (partial(group_table, "errors"), partial(group_reference, "errors")),
    },
    "official-client.md": {"migration": (migration, migration)},
    "rules.md": {name: (table, table) for name, table in RULES.items()},
    "command.md": {"commands": (command_reference, command_reference)},
}
"""For each page and part what stands in the file, and what Sphinx is given."""


def fill(page: str, text: str, *, built: bool = False) -> str:
    """Put the parts of a page into its text."""
    for name, (plain, full) in PARTS.get(page, {}).items():
        made = (full if built else plain)()
        text, found = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, made=made: f"{match[1]}{made}\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if not found:
            raise SystemExit(f"docs/{page} has no place <!-- {name} --> ... <!-- /{name} -->")
    return text


def fill_source(_app: Any, name: str, source: list[str]) -> None:
    """Give Sphinx the whole page."""
    source[0] = fill(f"{name}.md", source[0], built=True)


def without_fields(_app: Any, what: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Leave out the list of fields that `help()` shows: the members follow with their own docstrings."""
    if what == "class" and "Attributes:" in lines:
        del lines[lines.index("Attributes:") :]


def setup(app: Any) -> dict[str, Any]:
    """Hook the parts into the build."""
    app.connect("source-read", fill_source)
    app.connect("autodoc-process-docstring", without_fields, priority=400)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for page in PARTS:
        file = DOCS / page
        file.write_text(fill(page, file.read_text("utf-8")), "utf-8")
