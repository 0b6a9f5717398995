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
from tinydeploy.project.image import image_in, read_images, write_hex
from tinydeploy.project.layout import include_folders, list_sources
from tinydeploy.project.toolchain import Toolchain, compiler_flags

_QUOTED_ERRORS = 3
_LARGEST = 3
# GNU ld and lld: the memory's name, then the bytes that are too many.
_OVERFLOW = re.compile(r"region [`'](\w+)'.*overflowed by (\d+) bytes")


@dataclass(frozen=True)
class Firmware:
    """A linked firmware.

    Args:
        elf: With debug information.
        bin: Content of the flash that holds the code, from its start on.
        hex: Content of every flash as Intel HEX.
        warnings: Lines in which the compiler or the linker warns; empty for code of ours.
        toolchain: What compiled it.
    """

    elf: Path
    bin: Path
    hex: Path
    warnings: tuple[str, ...]
    toolchain: Toolchain


@dataclass(frozen=True)
class Objects:
    """A compiled project, not yet linked.

    Args:
        folder: Of the project.
        sources: Those compiled, by path in the folder.
        said: What the compiler wrote to stderr, for each.
        toolchain: What compiled them.
    """

    folder: Path
    sources: tuple[str, ...]
    said: tuple[str, ...]
    toolchain: Toolchain

    def section_bytes(self, flags: int, without: int = 0) -> Mapping[str, int]:
        """Bytes of the sections with all flags (SHF_*) of some and none of others, by source."""
        sizes = {}
        for source in self.sources:
            with (self.folder / _object(source)).open("rb") as stream:
                sections = list(ELFFile(stream).iter_sections())
            sizes[source] = sum(
                s["sh_size"] for s in sections if s["sh_flags"] & (flags | without) == flags
            )
        return sizes


def build_firmware(folder: Path, board: Board, toolchain: Toolchain, *, jobs: int = 2) -> Firmware:
    """Builds the project in `folder`; the results lie in its subfolder build/.

    Args:
        folder: A written project.
        board: The board that the project was written for.
        toolchain: The compiler, see find_toolchain().
        jobs: Compilers to run at the same time.

    Raises:
        CompileError: A source is refused, or the program does not link; quotes the first errors.
        BudgetError: The program does not fit the board's memories.
        OutputError: The folder build/ cannot be written.
        UsageError: `folder` holds no project.
    """
    return link_firmware(compile_sources(folder, board, toolchain, jobs=jobs), board)


def compile_sources(folder: Path, board: Board, toolchain: Toolchain, *, jobs: int = 2) -> Objects:
    """Compiles the sources of the project in `folder`; arguments and errors as build_firmware()."""
    folder = folder.resolve()
    sources = list_sources(folder)
    flags = compiler_flags(toolchain.kind, board)
    includes = [f"-I{name}" for name in include_folders(board)]
    paths = [f"-ffile-prefix-map={folder}=."]
    if toolchain.kind == "gcc":  # whose driver does not tell the assembler of it
        paths += ["-Xassembler", f"--debug-prefix-map={folder}=."]

    def compile_source(source: str) -> str:
        (folder / _object(source)).parent.mkdir(parents=True, exist_ok=True)
        files = ("-c", source, "-o", _object(source))
        arguments = [*flags.compile, toolchain.level(source), *paths, *includes, *files]
        return _run(folder, source, arguments, toolchain)

    try:
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            said = tuple(pool.map(compile_source, sources))
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return Objects(folder, sources, said, toolchain)


def link_firmware(objects: Objects, board: Board) -> Firmware:
    """Links a compiled project by the linker script in its folder; errors as build_firmware()."""
    folder, toolchain = objects.folder, objects.toolchain
    flags = compiler_flags(toolchain.kind, board)
    names = [_object(source) for source in objects.sources]
    files = ("-Wl,-T,linker.ld", *names, *flags.libraries, "-o", "build/firmware.elf")
    elf = folder / "build" / "firmware.elf"
    binary, intel_hex = elf.with_suffix(".bin"), elf.with_suffix(".hex")
    try:
        said = _run(folder, "to link", [*flags.link, *files], toolchain)
        images = read_images(elf.read_bytes())
        binary.write_bytes(image_in(images, board.code_memory).data)
        intel_hex.write_text(write_hex(images), encoding="ascii", newline="\n")
    except _OverflowError as error:
        raise _describe_overflow(error, objects, board) from error
    except OSError as error:
        raise _cannot_write(folder, error) from error
    lines = "\n".join((*objects.said, said)).splitlines()
    warnings = tuple(line.strip() for line in lines if "warning:" in line)
    return Firmware(elf, binary, intel_hex, warnings, toolchain)


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {folder / 'build'}: {error.strerror or error}")


class _OverflowError(Exception):
    """The linker found a memory too small: its name, and how many bytes are missing."""

    def __init__(self, memory: str, missing: int) -> None:
        super().__init__(memory, missing)
        self.memory, self.missing = memory, missing


def _describe_overflow(error: _OverflowError, objects: Objects, board: Board) -> BudgetError:
    """Names what takes most there, although there is no linked program to measure."""
    if error.memory == board.code_memory.name:
        sizes = objects.section_bytes(SH_FLAGS.SHF_ALLOC, without=SH_FLAGS.SHF_WRITE)
        hint = "Less code: --optimize flash. Less weights: a narrower model."
    else:
        sizes = objects.section_bytes(SH_FLAGS.SHF_ALLOC | SH_FLAGS.SHF_WRITE)
        hint = "A narrower model or a smaller input needs less; so may another board have more."
    largest = sorted(sizes, key=lambda source: (sizes[source], source), reverse=True)[:_LARGEST]
    listed = ", ".join(f"{source} {sizes[source]:,}" for source in largest)
    return BudgetError(
        f"memory '{error.memory}' is {error.missing:,} bytes too small for the firmware"
        f" (largest: {listed})",
        hint,
    )


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
        raise _OverflowError(overflow[1], int(overflow[2]))
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
