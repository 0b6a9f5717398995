"""CMake builds the image that make and tinydeploy build, from the project's folder alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from fake_model import BuildFirmware, fake_files
from hex_file import drop_filler, read_hex

from tinydeploy.board import load_board
from tinydeploy.project.build import Firmware
from tinydeploy.project.write import write_project

PRESETS = {"firmware": "build-cmake", "ninja": "build-ninja"}


def build_by(folder: Path, *commands: list[str]) -> None:
    for command in commands:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert run.stderr == ""
        assert "warning" not in run.stdout.lower()


def check_image(firmware: Firmware, build: Path) -> None:
    assert (build / "firmware.bin").read_bytes() == firmware.bin.read_bytes()
    made, ours = (read_hex(path.read_bytes()) for path in (build / "firmware.hex", firmware.hex))
    assert made == drop_filler(ours, made)


@pytest.fixture
def firmware(fake_firmware: BuildFirmware) -> Firmware:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    return fake_firmware("stm32h743", "gcc")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my project (1), of = signs"
    write_project(folder, fake_files(load_board("stm32h743")))
    return folder


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build_the_same_image_wherever_the_folder_lies(
    firmware: Firmware, project: Path, tmp_path: Path, preset: str
) -> None:
    if preset == "ninja" and shutil.which("ninja") is None:
        pytest.skip("ninja is not installed")
    build = ["cmake", "--build", "--preset", preset]
    build_by(project, ["cmake", "--preset", preset], build)
    check_image(firmware, project / PRESETS[preset])

    moved = tmp_path / "moved"
    project.rename(moved)
    (moved / PRESETS[preset] / "firmware.bin").unlink()
    build_by(moved, ["cmake", "--fresh", "--preset", preset], build)
    check_image(firmware, moved / PRESETS[preset])


def test_without_presets(firmware: Firmware, project: Path) -> None:
    """Commands that CMake has had since 3.16; the compiler by its path."""
    compiler = f"-DCMAKE_C_COMPILER={firmware.toolchain.command[0]}"
    build_by(project, ["cmake", "-B", "out", compiler], ["cmake", "--build", "out"])
    check_image(firmware, project / "out")
