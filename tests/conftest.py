"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real models and weights; tests that need it skip where it is not set."""
    name = os.environ.get("TINYDEPLOY_TEST_DATA")
    if not name or not Path(name).is_dir():
        pytest.skip("TINYDEPLOY_TEST_DATA does not name a folder: real models are not at hand")
    return Path(name)
