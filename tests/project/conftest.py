"""Compilers and built firmware that the tests of the project share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from fake_model import BuildFirmware, build_fake, toolchain_or_skip

from tinydeploy.board import load_board
from tinydeploy.project.build import Firmware
from tinydeploy.project.toolchain import Kind


@pytest.fixture(scope="session")
def fake_firmware(tmp_path_factory: pytest.TempPathFactory) -> BuildFirmware:
    """Builds the fake model's firmware for a board with a compiler, once per session."""

    @cache
    def build(board: str, kind: Kind) -> Firmware:
        folder: Path = tmp_path_factory.mktemp(f"{board}-{kind}") / "firmware"
        return build_fake(folder, load_board(board), toolchain_or_skip(kind))

    return build
