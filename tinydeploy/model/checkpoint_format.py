"""How a checkpoint of `tinydeploy train` is told from a file of bare weights, without torch."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

FORMAT = "tinydeploy checkpoint 1"
_HEAD = 4096


def is_checkpoint(path: Path) -> bool:
    """Whether a file begins as a checkpoint does: a zip archive whose pickle names the format."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                return False
            with archive.open(names[0]) as file:
                return FORMAT.encode() in file.read(_HEAD)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return False
