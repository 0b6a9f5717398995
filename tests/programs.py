"""Programs and files that tests need: where one is missing the test is skipped, in CI it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def require_program(name: str) -> None:
    """Skips the test where a program is not installed, or fails it where all must be there."""
    if shutil.which(name) is None:
        _give_up(name)


def require_file(path: Path) -> Path:
    """The same for a file that `make setup-dev` puts into the virtual environment."""
    if not path.is_file():
        _give_up(path.name)
    return path


def _give_up(name: str) -> NoReturn:
    if os.environ.get("TINYDEPLOY_TEST_PROGRAMS") == "required":
        pytest.fail(f"{name} is not installed, and TINYDEPLOY_TEST_PROGRAMS says that it must be")
    pytest.skip(f"{name} is not installed")
