"""Compiles a firmware project: the same commands as its Makefile, without needing make."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError, CompileError, OutputError
from tinydeploy.paths import cache_folder
from tinydeploy.plan.kernel import Optimize
from tinydeploy.project.image import read_image, write_hex
from tinydeploy.project.layout import include_folders, list_sources
from tinydeploy.project.toolchain import Toolchain, compiler_flags, optimization

_QUOTED_ERRORS = 3
_LARGEST = 3
# GNU ld and lld: the memory's name, then the bytes that are too many.
_OVERFLOW = re.compile(r"region [`'](\w+)'.*overflowed by (\d+) bytes")


@dataclass(frozen=True)
class Firmware:
    """A linked firmware.

    Args:
        elf: With debug information.
        bin: Flash content from the start of the flash on.
        hex: The same as Intel HEX.
        warnings: Lines in which the compiler or the linker warns; empty for code of ours.
        toolchain: What compiled it.
    """

    elf: Path
    bin: Path
    hex: Path
    warnings: tuple[str, ...]
    toolchain: Toolchain


def build_firmware(
    folder: Path,
    board: Board,
    toolchain: Toolchain,
    *,
    optimize: Optimize = "balanced",
    jobs: int = 2,
) -> Firmware:
    """Builds the project in `folder`; the results lie in its subfolder build/.

    Args:
        folder: A written project.
        board: The board that the project was written for.
        toolchain: The compiler, see find_toolchain().
        optimize: What the compiler is to prefer, as the project was written for.
        jobs: Compilers to run at the same time.

    Raises:
        CompileError: A source is refused, or the program does not link; quotes the first errors.
        BudgetError: The program does not fit the board's memories.
        OutputError: The folder build/ cannot be written.
        UsageError: `folder` holds no project.
    """
    folder = folder.resolve()
    sources = list_sources(folder)
    elf = folder / "build" / "firmware.elf"
    binary, intel_hex = elf.with_suffix(".bin"), elf.with_suffix(".hex")
    try:
        text = _compile_and_link(folder, sources, board, toolchain, optimize, jobs)
        image = read_image(elf.read_bytes())
        binary.write_bytes(image.data)
        intel_hex.write_text(write_hex(image), encoding="ascii", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {folder / 'build'}: {error.strerror or error}") from error
    warnings = tuple(line.strip() for line in text.splitlines() if "warning:" in line)
    return Firmware(elf, binary, intel_hex, warnings, toolchain)


def _compile_and_link(
    folder: Path,
    sources: Sequence[str],
    board: Board,
    toolchain: Toolchain,
    optimize: Optimize,
    jobs: int,
) -> str:
    """Makes build/firmware.elf; returns what the compiler and the linker said."""
    flags = compiler_flags(toolchain.kind, board)
    includes = [f"-I{name}" for name in include_folders(board)]
    paths = [f"-ffile-prefix-map={folder}=."]
    if toolchain.kind == "gcc":  # whose driver does not tell the assembler of it
        paths += ["-Xassembler", f"--debug-prefix-map={folder}=."]

    def compile_source(source: str) -> str:
        (folder / _object(source)).parent.mkdir(parents=True, exist_ok=True)
        files = ("-c", source, "-o", _object(source))
        arguments = [*flags.compile, optimization(source, optimize), *paths, *includes, *files]
        return _run(folder, source, arguments, toolchain)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        said = list(pool.map(compile_source, sources))
    objects = [_object(source) for source in sources]
    files = ("-Wl,-T,linker.ld", *objects, *flags.libraries, "-o", "build/firmware.elf")
    try:
        said.append(_run(folder, "to link", [*flags.link, *files], toolchain))
    except BudgetError as error:
        raise BudgetError(
            f"{error.message} ({_largest_objects(folder, sources)})", error.hint
        ) from error
    return "\n".join(said)


def _largest_objects(folder: Path, sources: Sequence[str]) -> str:
    """What takes most where there is no linked program to measure."""
    sizes = []
    for source in sources:
        with (folder / _object(source)).open("rb") as stream:
            sections = list(ELFFile(stream).iter_sections())
        used = sum(s["sh_size"] for s in sections if s["sh_flags"] & SH_FLAGS.SHF_ALLOC)
        sizes.append((used, source))
    largest = sorted(sizes, reverse=True)[:_LARGEST]
    return "largest: " + ", ".join(f"{source} {size:,}" for size, source in largest)


def _object(source: str) -> str:
    return f"build/{source}.o"


def _run(folder: Path, what: str, arguments: Sequence[str], toolchain: Toolchain) -> str:
    """Runs the compiler in the project's folder; returns what it wrote to stderr."""
    run = subprocess.run(
        [*toolchain.command, *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if run.returncode == 0:
        return run.stderr
    if overflow := _OVERFLOW.search(run.stderr):
        raise BudgetError(
            f"memory '{overflow[1]}' is {int(overflow[2]):,} bytes too small for the firmware",
            "A narrower model or a smaller input needs less; so may another board have more.",
        )
    raise CompileError(
        f"the compiler refused {what}: {'; '.join(first_errors(run.stderr, run.returncode))}",
        "`tinydeploy doctor` shows which compilers are there; TINYDEPLOY_CC names another.",
    )


def first_errors(text: str, returncode: int) -> list[str]:
    """The lines of a compiler that say why, else the first lines, else the exit code."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signs = ("error:", "undefined reference")
    errors = [line for line in lines if any(sign in line for sign in signs)]
    return (errors or lines)[:_QUOTED_ERRORS] or [f"exit code {returncode}"]


def _environment(folder: Path) -> Mapping[str, str]:
    """Compilers take the folder's name for debug information from PWD; messages in English."""
    environment = {**os.environ, "PWD": str(folder), "LC_ALL": "C"}
    environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(cache_folder() / "zig"))
    return environment
