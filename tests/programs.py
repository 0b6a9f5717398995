"""Programs that tests start: where one is missing the test is skipped, in CI it fails."""

from __future__ import annotations

import os
import shutil

import pytest


def require_program(name: str) -> None:
    """Skips the test where a program is not installed, or fails it where all must be there."""
    if shutil.which(name) is not None:
        return
    if os.environ.get("TINYDEPLOY_TEST_PROGRAMS") == "required":
        pytest.fail(f"{name} is not installed, and TINYDEPLOY_TEST_PROGRAMS says that it must be")
    pytest.skip(f"{name} is not installed")
