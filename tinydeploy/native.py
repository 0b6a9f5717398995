"""Compiles small C files for this machine, once, and loads them."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tinydeploy.paths import cache_folder

_FLAGS = ("-O2", "-std=gnu99", "-shared", "-fPIC")


def load_native(source: Path) -> ctypes.CDLL | None:
    """A C file as a library, or None where there is no C compiler that makes one.

    It is kept in the cache folder under a name made from the source and the machine.
    """
    text = source.read_bytes()
    key = hashlib.sha256(text + repr((_FLAGS, platform.platform())).encode()).hexdigest()[:16]
    library = cache_folder() / "native" / f"{source.stem}-{key}.so"
    if not library.is_file() and not _compile(source, library):
        return None
    try:
        return ctypes.CDLL(str(library))
    except OSError:
        return None


def _compile(source: Path, library: Path) -> bool:
    """Tries the compilers there are; the library appears whole or not at all."""
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = Path(folder) / library.name
            for compiler in _compilers():
                command = [*compiler, *_FLAGS, "-o", str(made), str(source)]
                done = subprocess.run(
                    command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
                )
                if done.returncode == 0 and made.is_file():
                    made.replace(library)
                    return True
    except (OSError, subprocess.TimeoutExpired):
        return False
    return False


def _compilers() -> list[list[str]]:
    """Host C compilers as command prefixes, the preferred one first."""
    names = [name for name in (os.environ.get("CC"), "cc", "gcc", "clang") if name]
    found = [[path] for name in names if (path := shutil.which(name))]
    if importlib.util.find_spec("ziglang"):
        found.append([sys.executable, "-m", "ziglang", "cc"])
    return found
