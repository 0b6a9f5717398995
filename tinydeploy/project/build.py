"""Compiles a firmware project: the same commands as its Makefile, without needing make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.board import Board
from tinydeploy.errors import CompileError, OutputError, UsageError
from tinydeploy.paths import cache_folder
from tinydeploy.project.image import read_image, write_hex
from tinydeploy.project.layout import include_folders, list_sources
from tinydeploy.project.toolchain import OPTIMIZE, Toolchain, compiler_flags

_QUOTED_ERRORS = 3


@dataclass(frozen=True)
class Firmware:
    """A linked firmware.

    Args:
        elf: With debug information.
        bin: Flash content from the start of the flash on.
        hex: The same as Intel HEX.
        warnings: Lines of the compiler and linker that warn; empty for code of ours.
        toolchain: What compiled it.
    """

    elf: Path
    bin: Path
    hex: Path
    warnings: tuple[str, ...]
    toolchain: Toolchain


def build_firmware(folder: Path, board: Board, toolchain: Toolchain, *, jobs: int = 2) -> Firmware:
    """Builds the project in `folder`; the results lie in its subfolder build/.

    Args:
        folder: A written project.
        board: The board that the project was written for.
        toolchain: The compiler, see find_toolchain().
        jobs: Compilers to run at the same time.

    Raises:
        CompileError: A source is refused, or the program does not link; quotes the first errors.
        OutputError: The folder build/ cannot be written.
        UsageError: `folder` holds no project.
    """
    folder = folder.resolve()
    sources = list_sources(folder)
    if not sources:
        raise UsageError(f"{folder} holds no firmware project")
    objects = [f"build/{source[:-2]}.o" for source in sources]
    flags = compiler_flags(toolchain.kind, board)
    compile_command = [
        *toolchain.command,
        *flags.compile,
        OPTIMIZE,
        f"-ffile-prefix-map={folder}=.",
        *(f"-I{name}" for name in include_folders(board)),
    ]
    link_command = [
        *toolchain.command,
        *flags.link,
        OPTIMIZE,
        "-Wl,-T,linker.ld",
        *objects,
        *flags.libraries,
        "-o",
        "build/firmware.elf",
    ]
    try:
        for name in objects:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        environment = _environment(folder)
        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            said = list(
                pool.map(
                    lambda pair: _run(
                        [*compile_command, "-c", pair[0], "-o", pair[1]],
                        pair[0],
                        folder,
                        environment,
                    ),
                    zip(sources, objects, strict=True),
                )
            )
        said.append(_run(link_command, "the linked program", folder, environment))
        elf = folder / "build" / "firmware.elf"
        image = read_image(elf.read_bytes())
        elf.with_suffix(".bin").write_bytes(image.data)
        elf.with_suffix(".hex").write_text(write_hex(image), encoding="ascii", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {folder / 'build'}: {error.strerror or error}") from error
    warnings = tuple(line for text in said for line in text.splitlines() if "warning:" in line)
    return Firmware(elf, elf.with_suffix(".bin"), elf.with_suffix(".hex"), warnings, toolchain)


def _environment(folder: Path) -> Mapping[str, str]:
    """PWD is where compilers take the folder's name for debug information from; messages in English."""
    environment = {**os.environ, "PWD": str(folder), "LC_ALL": "C"}
    environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(cache_folder() / "zig"))
    return environment


def _run(command: Sequence[str], what: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Runs a compiler in the project's folder; returns what it wrote to stderr."""
    run = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if run.returncode == 0:
        return run.stderr
    lines = [line.strip() for line in run.stderr.splitlines() if line.strip()]
    errors = [
        line for line in lines if "error:" in line or "undefined" in line or "overflowed" in line
    ]
    quoted = (errors or lines)[:_QUOTED_ERRORS] or [f"exit code {run.returncode}"]
    raise CompileError(
        f"the compiler refused {what}: {'; '.join(quoted)}",
        f"The project is in {folder}; `make` there repeats the build.",
    )
