"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import sys
from pathlib import Path

import casemgmt_async

sys.path.insert(0, str(Path(__file__).parent))

from inventories import local_inventories

project = "casemgmt_async"
author = "the casemgmt_async developers"
copyright = "the casemgmt_async developers"
release = casemgmt_async.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "generated",
    "linked_names",
]
exclude_patterns = ["_build", "prose"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
default_role = "code"  # docstrings mark code by single backticks; `linked_names` turns names of ours into links
suppress_warnings = ["ref.python"]  # many models have a field named `type`
intersphinx_mapping = local_inventories(Path(__file__).parent)
intersphinx_timeout = 5

html_theme = "furo"
html_title = f"casemgmt_async {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"
