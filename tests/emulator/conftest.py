"""A world for each test."""

from __future__ import annotations

import pytest
from core_calls import Desk


@pytest.fixture
def desk() -> Desk:
    """A fresh world without cases, its clock stopped."""
    return Desk()
