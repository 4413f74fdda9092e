"""A slice of `python -m benchmarks.differential`, which compares 200,000 documents."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.differential import ANSWERS, Differential


@pytest.mark.parametrize("seed", range(3))
def test_both_forms_agree(seed: int) -> None:
    differential = Differential(seed)
    assert [found for answer in ANSWERS * 4 if (found := differential.compare(answer))] == []
    assert 0 < differential.refused < 4 * len(ANSWERS)
