"""Link the names of this library wherever a text mentions them in code style, and fail on names without a place.

`CaseSession`, `cases.get_case` or `get_case()` in a page or a docstring becomes a link to its place in the reference.
A public name that no page documents is a warning, and warnings fail the build.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

import casemgmt_async
from casemgmt_async import emulator, facts, jobs, probe

log = logging.getLogger(__name__)
NAME = re.compile(r"([A-Za-z_][\w.]*)(\([^)]*\))?")
PACKAGES = (casemgmt_async, jobs, emulator, facts, probe)
MODULES = frozenset(name for name in casemgmt_async.__all__ if type(getattr(casemgmt_async, name)).__name__ == "module")
FIELDS = frozenset({"attribute", "property", "data"})
"""Kinds of names that arguments often share: they are linked with the name of their class before them."""
UNLINKED = frozenset({"filter", "type", "id", "name", "status", "title", "key", "project", "extra"})
"""Names of arguments and fields that are also names of something else."""
NOT_ABOUT_PYTHON = frozenset({"command", "rules"})
"""Pages on which a plain word such as `projects` or `once` is not a Python module or function."""


def targets(app: Sphinx) -> dict[str, str]:
    """The full name of each object by every unambiguous ending of it."""
    domain = app.env.domains["py"]
    assert isinstance(domain, PythonDomain)
    endings = defaultdict(set)
    for full in domain.objects:
        parts = full.split(".")
        for start in range(len(parts)):
            endings[".".join(parts[start:])].add(full)
    found = {}
    for ending, full_names in endings.items():
        shortest = sorted(full_names, key=lambda name: (name.count("."), name))
        if len(full_names) == 1 or shortest[0].count(".") < shortest[1].count("."):
            found[ending] = shortest[0]
    return found


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn literals that are names of ours into links."""
    domain = app.env.domains["py"]
    assert isinstance(domain, PythonDomain)
    known = app.env.casemgmt_targets = getattr(app.env, "casemgmt_targets", None) or targets(app)  # type: ignore[attr-defined]
    for literal in list(doctree.findall(nodes.literal)):
        match = NAME.fullmatch(literal.astext())
        inside = literal.parent
        while inside is not None and not isinstance(inside, nodes.reference | nodes.title):
            inside = inside.parent
        if match is None or inside is not None or match[1] in UNLINKED or match[1] not in known:
            continue
        entry = domain.objects[known[match[1]]]
        if page in NOT_ABOUT_PYTHON and literal.astext().isidentifier() and literal.astext().islower():
            continue
        if entry.objtype in FIELDS and "." not in match[1]:
            continue
        new = make_refnode(app.builder, page, entry.docname, entry.node_id, literal.deepcopy())
        literal.replace_self(new)


def check(app: Sphinx, _env: Any) -> None:
    """Warn of public names that no page documents."""
    domain = app.env.domains["py"]
    assert isinstance(domain, PythonDomain)
    for package in PACKAGES:
        for name in package.__all__:
            if name not in MODULES and not name.startswith("_") and f"{package.__name__}.{name}" not in domain.objects:
                log.warning("no page documents %s.%s", package.__name__, name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook into the build."""
    app.connect("doctree-resolved", link)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
