"""The generated code on the docs page is the code that is generated."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from casemgmt_async.codec import make_converter
from casemgmt_async.models import CustomAttribute

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.mark.parametrize("form", ["struct", "plain"])
def test_the_page_shows_the_generated_code(form: str) -> None:
    hook = make_converter().get_structure_hook(CustomAttribute)
    function = hook.form().structure if form == "struct" else hook.compile_plain()
    block = re.search(rf"<!-- generated: {form} -->\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block
    assert block[1] == inspect.getsource(function)
