"""`tinydeploy doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tinydeploy import __version__
from tinydeploy.cli.console import stdout
from tinydeploy.errors import MissingDependencyError
from tinydeploy.paths import BOARDS, FIRMWARE, cache_folder


@dataclass(frozen=True)
class Finding:
    """One thing that tinydeploy can use.

    Args:
        name: Package, program or folder.
        needed_for: What it serves.
        found: Version or place; None where it is missing.
        advice: How to get it.
    """

    name: str
    needed_for: str
    found: str | None
    advice: str


_PACKAGES = (
    ("numpy", "everything", "pip install tinydeploy"),
    ("ai-edge-litert", "the reference", "pip install tinydeploy"),
    ("unicorn", "the emulated board", "pip install 'tinydeploy[emulate]'"),
    ("capstone", "cycle estimates", "pip install 'tinydeploy[emulate]'"),
    ("torch", "training, float nets", "pip install 'tinydeploy[train]'"),
    ("onnx", "float nets", "pip install 'tinydeploy[train]'"),
    ("onnxruntime", "calibration", "pip install 'tinydeploy[train]'"),
    ("safetensors", "weights in .safetensors", "pip install 'tinydeploy[train]'"),
    ("tensorflow", "Keras models", "pip install 'tinydeploy[keras]'"),
    ("scikit-learn", "the digits data", "pip install 'tinydeploy[train]'"),
    ("ziglang", "C without a compiler", "pip install 'tinydeploy[zig]'"),
    ("pyocd", "flashing", "pip install 'tinydeploy[flash]'"),
    ("pyserial", "the serial console", "pip install tinydeploy"),
)
_COMPILERS = ("arm-none-eabi-gcc", "cc")  # what ziglang can do, too
_PROGRAMS = (
    ("arm-none-eabi-gcc", "firmware", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    ("cc", "host validation", "apt-get install gcc"),
    ("make", "building projects", "apt-get install make"),
    ("openocd", "flashing", "apt-get install openocd"),
    ("st-flash", "flashing", "apt-get install stlink-tools"),
    ("STM32_Programmer_CLI", "flashing", "install STM32CubeProgrammer from st.com"),
    ("dfu-util", "flashing without a probe", "apt-get install dfu-util"),
    ("gdb-multiarch", "looking into firmware", "apt-get install gdb-multiarch"),
    ("qemu-system-arm", "mps2 boards in QEMU", "apt-get install qemu-system-arm"),
)


def examine_installation() -> list[Finding]:
    """Looks for everything that any command can use."""
    findings = [
        Finding("python", "everything", platform.python_version(), ""),
        Finding("tinydeploy", "everything", __version__, ""),
    ]
    findings += [Finding(n, use, _package_version(n), advice) for n, use, advice in _PACKAGES]
    findings += [Finding(n, use, _program_version(n), advice) for n, use, advice in _PROGRAMS]
    for folder in (FIRMWARE, BOARDS):
        found = str(folder) if folder.is_dir() else None
        findings.append(Finding(folder.name, "everything", found, "install tinydeploy again"))
    findings.append(Finding("cache", "trained weights", str(cache_folder()), ""))
    return findings


def doctor() -> None:
    """Say what is installed, what is missing and how to get it."""
    findings = examine_installation()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what", no_wrap=True)
    table.add_column("for")
    table.add_column("found", overflow="fold")
    present = {finding.name for finding in findings if finding.found}
    for finding in findings:
        if finding.found is not None:
            found = escape(finding.found)
        elif finding.name in _COMPILERS and "ziglang" in present:
            found = "not here; ziglang stands in"
        else:
            found = f"[yellow]missing:[/] {escape(finding.advice)}"
        table.add_row(finding.name, finding.needed_for, found)
    stdout.print(table)
    if not {"arm-none-eabi-gcc", "ziglang"} & present:
        raise MissingDependencyError(
            "there is no compiler for firmware",
            "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi, or: "
            "pip install 'tinydeploy[zig]'",
        )
    stdout.print("\nAn int8 .tflite can be built into firmware here.")


def _package_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _program_version(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return str(Path(path))
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else str(Path(path))
