"""The board's side of the protocol, compiled for this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tinydeploy.paths import FIRMWARE

APP = ("protocol", "frame", "crc32", "console", "high_water", "selftest")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
FLAGS = ("-std=c99", "-O1", "-g", "-D_POSIX_C_SOURCE=200809L", *WARNINGS)
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compile_board(
    main: Path, executable: Path, compiler: Sequence[str], flags: Sequence[str] = ()
) -> None:
    """The application's files beside one that has a model, a console and a main function.

    Args:
        main: That file.
        executable: To be made.
        compiler: Its command; under sanitizers, but for zig, which brings none.
        flags: More for it.
    """
    sources = [*(FIRMWARE / "app" / f"{stem}.c" for stem in APP), main]
    includes = [f"-I{FIRMWARE / 'app'}", f"-I{FIRMWARE / 'targets' / 'common'}"]
    sanitizers = SANITIZERS if "ziglang" not in compiler else ()
    command = [*compiler, *FLAGS, *sanitizers, *flags, *includes, *sources, "-o", executable]
    subprocess.run(command, check=True)
