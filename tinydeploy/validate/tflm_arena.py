"""Measures the arena that TensorFlow Lite Micro needs, with a tree of the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tinydeploy.emulate.bare import CODE_ADDRESS, DATA_ADDRESS, call_entry
from tinydeploy.errors import (
    CompileError,
    MissingDependencyError,
    UnsupportedModelError,
    UsageError,
)
from tinydeploy.project.build import first_errors
from tinydeploy.project.write import write_project

_HEADER = Path("tensorflow/lite/micro/micro_interpreter.h")
_TOOLS = ("cmake", "arm-none-eabi-gcc", "arm-none-eabi-g++")
_UNSET = "Unset TFLM_DIR to have the arena calculated instead."


def find_tflm_tree() -> Path | None:
    """The tree that the environment variable TFLM_DIR names; None where it is not set.

    Raises:
        UsageError: It names something else.
        MissingDependencyError: What builds it is not installed.
    """
    name = os.environ.get("TFLM_DIR")
    if not name:
        return None
    tree = Path(name).absolute()
    if not (tree / _HEADER).is_file():
        raise UsageError(
            f"TFLM_DIR names {name}, which holds no TensorFlow Lite Micro: no {_HEADER}", _UNSET
        )
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise MissingDependencyError(
            f"to measure TensorFlow Lite Micro's arena takes {', '.join(missing)}", _UNSET
        )
    return tree


def measure_tflm_arena(name: str, files: Mapping[str, bytes], tree: Path, cpu: str) -> int:
    """Builds the project's probe with the tree's reference kernels and runs it in emulation.

    Args:
        name: The model's.
        files: Of the format tflm.
        tree: Of TensorFlow Lite Micro.
        cpu: The core to compile for.

    Returns:
        The least arena with which AllocateTensors() succeeds, a multiple of 16 bytes.

    Raises:
        CompileError: The tree does not build.
        EmulationError: The probe does not run.
        UnsupportedModelError: No arena is enough.
    """
    target = f"{name}_arena"
    with tempfile.TemporaryDirectory(prefix="tinydeploy-tflm-") as temporary:
        folder = Path(temporary)
        write_project(folder, files)
        _run(folder, ["cmake", "-B", "build", *_definitions(tree, cpu)])
        _run(folder, ["cmake", "--build", "build", "--parallel", "2", "--target", target])
        found = call_entry(folder / "build" / target)
    if found == 0:
        raise UnsupportedModelError(
            f"TensorFlow Lite Micro in {tree} does not take the model, whatever the arena",
            "Its kernels know less than TensorFlow Lite's. The other formats: --format library.",
        )
    return found


def _definitions(tree: Path, cpu: str) -> list[str]:
    """No start-up code and no system: the probe is a function that is called."""
    core = f"-mcpu={cpu} -mthumb -mfloat-abi=soft -Os"
    places = f"-Wl,-Ttext={CODE_ADDRESS:#x} -Wl,-Tdata={DATA_ADDRESS:#x} -Wl,-e,probe_arena"
    link = f"-nostartfiles --specs=nosys.specs -Wl,--gc-sections {places}"
    values = {
        "TFLM_DIR": str(tree),
        "CMAKE_SYSTEM_NAME": "Generic",
        "CMAKE_SYSTEM_PROCESSOR": "arm",
        "CMAKE_TRY_COMPILE_TARGET_TYPE": "STATIC_LIBRARY",
        "CMAKE_C_COMPILER": "arm-none-eabi-gcc",
        "CMAKE_CXX_COMPILER": "arm-none-eabi-g++",
        "CMAKE_C_FLAGS": core,
        "CMAKE_CXX_FLAGS": f"{core} -DTF_LITE_STRIP_ERROR_STRINGS",
        "CMAKE_EXE_LINKER_FLAGS": link,
    }
    return [f"-D{name}={value}" for name, value in values.items()]


def _run(folder: Path, command: list[str]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "; ".join(first_errors(done.stdout + done.stderr, done.returncode))
        raise CompileError(f"TensorFlow Lite Micro does not build: {said}", _UNSET)
