"""Compiles block_counter.c for this machine, once, and loads it."""

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

_SOURCE = Path(__file__).with_name("block_counter.c")
_FLAGS = ("-O2", "-std=gnu99", "-shared", "-fPIC")


def load_native_counter() -> ctypes.CDLL | None:
    """The compiled block counter, or None where there is no C compiler that makes one.

    It is kept in the cache folder under a name made from the source and the machine.
    """
    source = _SOURCE.read_bytes()
    key = hashlib.sha256(source + repr((_FLAGS, platform.platform())).encode()).hexdigest()[:16]
    library = cache_folder() / "emulate" / f"block_counter-{key}.so"
    if not library.is_file() and not _compile(library):
        return None
    try:
        return ctypes.CDLL(str(library))
    except OSError:
        return None


def _compile(library: Path) -> bool:
    """Tries the compilers there are; the library appears whole or not at all."""
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = Path(folder) / library.name
            for compiler in _compilers():
                command = [*compiler, *_FLAGS, "-o", str(made), str(_SOURCE)]
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
