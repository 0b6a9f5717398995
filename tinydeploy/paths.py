"""Where the data folders are (firmware/, boards/), in a checkout and in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

FIRMWARE = _DATA / "firmware"
BOARDS = _DATA / "boards"


def cache_folder() -> Path:
    """The folder for things worth keeping between runs (trained weights); it may not exist yet.

    `TINYDEPLOY_CACHE` overrides it; otherwise `$XDG_CACHE_HOME/tinydeploy` or
    `~/.cache/tinydeploy`.
    """
    if override := os.environ.get("TINYDEPLOY_CACHE"):
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tinydeploy"
