"""Finds a C compiler for Arm and says with which flags it builds a board's firmware."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

from tinydeploy.board import Board
from tinydeploy.errors import MissingDependencyError
from tinydeploy.plan.kernel import Optimize

Kind = Literal["gcc", "zig"]

LEVEL = "-Os"
"""The -O flag for all but kernels: little time is spent there."""

_COMMON = (
    "-std=c99",
    "-DTD_ARENA_SECTIONS",
    "-g",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-ffp-contract=off",
    "-fno-common",
    "-fno-stack-protector",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-Wall",
    "-Wextra",
    "-Wconversion",
)
_LINK = ("-Wl,--gc-sections", "-Wl,--build-id=none")
# zig's cores come without FPU: its name for each that we know.
_ZIG_FPU = {"fpv4-sp-d16": "vfp4d16sp", "fpv5-d16": "fp_armv8d16", "fpv5-sp-d16": "fp_armv8d16sp"}


@dataclass(frozen=True)
class Flags:
    """Arguments of the compiler; -O, include folders and file names come on top.

    Args:
        compile: For every source.
        link: Before the object files.
        libraries: Behind the object files.
    """

    compile: tuple[str, ...]
    link: tuple[str, ...]
    libraries: tuple[str, ...]


@dataclass(frozen=True)
class Toolchain:
    """A compiler that is installed.

    Args:
        kind: Whose flags it understands.
        command: Program and first arguments.
        version: The first line it says of itself.
        kernel_level: Its -O flag for kernels, see kernel_level().
    """

    kind: Kind
    command: tuple[str, ...]
    version: str
    kernel_level: str = "-O2"

    def level(self, source: str) -> str:
        """The -O flag for a source, by its path in the project."""
        return self.kernel_level if source.startswith("kernels/") else LEVEL


def compiler_flags(kind: Kind, board: Board) -> Flags:
    """The flags for a board; the same for a build by tinydeploy and by the project's Makefile."""
    if kind == "zig":
        core = board.cpu.replace("-", "_")
        cpu = ("-target", "thumb-freestanding-eabihf", f"-mcpu={core}+{_ZIG_FPU[board.fpu]}")
        # zig switches its sanitizer on by itself, and overrides the linker script's entry.
        return Flags(
            compile=(*cpu, *_COMMON, "-fno-sanitize=undefined"),
            link=(*cpu, "-nostartfiles", "-Wl,-e,Reset_Handler", *_LINK),
            libraries=(),
        )
    core_flags = (f"-mcpu={board.cpu}", "-mthumb", f"-mfpu={board.fpu}", "-mfloat-abi=hard")
    return Flags(
        compile=(*core_flags, *_COMMON),
        link=(*core_flags, "-nostdlib", *_LINK),
        libraries=("-lgcc",),
    )


def kernel_level(optimize: Optimize) -> str:
    """The -O flag for kernels; what is not a kernel has LEVEL."""
    return "-Os" if optimize == "flash" else "-O2"


def find_toolchain(kind: Kind | None = None) -> Toolchain:
    """Finds a compiler: $TINYDEPLOY_CC, arm-none-eabi-gcc on the PATH, the ziglang wheel.

    Args:
        kind: Only this one, or the first there is.

    Raises:
        MissingDependencyError: There is none, or TINYDEPLOY_CC names something that does not run.
    """
    if named := os.environ.get("TINYDEPLOY_CC"):
        return _named_toolchain(named)
    if kind != "zig" and (gcc := shutil.which("arm-none-eabi-gcc")):
        version = _read_version((gcc,))
        if version is not None:
            return Toolchain("gcc", (gcc,), version)
    if kind != "gcc" and importlib.util.find_spec("ziglang") is not None:
        zig = (sys.executable, "-m", "ziglang")
        version = _read_version((*zig, "cc"))
        if version is not None:
            return Toolchain("zig", (*zig, "cc"), version)
    raise MissingDependencyError(
        "no C compiler for Arm Cortex-M found",
        "Install one of: `apt install gcc-arm-none-eabi` (Debian, Ubuntu), "
        "`brew install --cask gcc-arm-embedded` (macOS), `pip install ziglang` (anywhere); "
        "or set TINYDEPLOY_CC to a compiler's command.",
    )


def _named_toolchain(named: str) -> Toolchain:
    try:
        command = tuple(shlex.split(named))
    except ValueError:  # a quote that does not end
        command = ()
    version = _read_version(command)
    if version is None:
        raise MissingDependencyError(
            f"TINYDEPLOY_CC names a compiler that does not run: {named}",
            "Correct it, or unset it to use arm-none-eabi-gcc or ziglang.",
        )
    return Toolchain("zig" if "clang" in version else "gcc", command, version)


def _read_version(command: tuple[str, ...]) -> str | None:
    try:
        run = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError, IndexError):
        return None
    lines = run.stdout.splitlines()
    return lines[0].strip() if lines else None
