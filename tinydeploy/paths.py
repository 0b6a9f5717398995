"""Where the data folders are (firmware/, boards/), in a checkout and in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

FIRMWARE = _DATA / "firmware"
BOARDS = _DATA / "boards"


def kernel_sources(kernel: str) -> tuple[Path, ...]:
    """The source files of a kernel, or of a part that kernels share.

    Args:
        kernel: Path in firmware/kernels/, without suffix.

    Returns:
        <kernel>.c, <kernel>.S or both. Assembly is for Arm's cores with the DSP extension; there it
        takes the place of the C with the same contract, which is compiled everywhere else.
    """
    files = (FIRMWARE / "kernels" / f"{kernel}{suffix}" for suffix in (".c", ".S"))
    return tuple(path for path in files if path.is_file())


def cache_folder() -> Path:
    """The folder for things worth keeping between runs (trained weights); it may not exist yet.

    `TINYDEPLOY_CACHE` overrides it; otherwise `$XDG_CACHE_HOME/tinydeploy` or
    `~/.cache/tinydeploy`.
    """
    if override := os.environ.get("TINYDEPLOY_CACHE"):
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tinydeploy"
