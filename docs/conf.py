"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import sys
from pathlib import Path

import casemgmt_async

sys.path.insert(0, str(Path(__file__).parent))

project = "casemgmt_async"
author = "the casemgmt_async developers"
copyright = "the casemgmt_async developers"
release = casemgmt_async.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "operations_page"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"casemgmt_async {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
exclude_patterns = ["_build"]
default_role = "code"  # docstrings mark code by single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
suppress_warnings = ["ref.python"]  # many models have a field named `type`
