"""What Windows lacks is not needed where it does not matter: modules, paths, names of ports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Modules of POSIX alone; each of our modules that the command line can reach is imported.
IMPORT_ALL = """
import importlib, pathlib, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "termios", "tty", "pty", "resource", "pwd", "grp"}:
            raise ModuleNotFoundError(f"No module named '{name}'")
sys.meta_path.insert(0, Absent())
for name in {"fcntl", "termios", "tty", "pty", "resource", "pwd", "grp"}:
    sys.modules.pop(name, None)
import numpy, os  # what other packages ask of POSIX is theirs
for name in ("openpty", "fork", "getuid", "geteuid", "uname", "mkfifo"):
    delattr(os, name)
import tinydeploy.cli.main
for path in sorted(pathlib.Path("tinydeploy").glob("*/*.py")):
    if path.parts[1] in {"cli", "link", "emulate", "flash", "project", "validate", "report"}:
        importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
"""


def test_modules_import_without_posix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["aux", "con", "nul", "prn", "com1", "lpt9"])
def test_no_file_has_a_name_that_windows_reserves(name: str) -> None:
    found = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if not found:
        pytest.skip("not in a git checkout")
    stems = {part.partition(".")[0].lower() for line in found.split() for part in line.split("/")}
    assert name not in stems
