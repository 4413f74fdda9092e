"""A simulation for each test."""

from __future__ import annotations

import pytest
from emulator_calls import Desk


@pytest.fixture
def desk() -> Desk:
    """A fresh simulation without cases, its clock stopped."""
    return Desk()
