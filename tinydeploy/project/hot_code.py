"""Builds a project whose hottest code runs from the board's memory for it, as much as fits.

Start-up copies that code out of flash, see linker.ld. What is hot is a matter of whole sources:
the kernels, those first that take part in most multiplications, then the model's own code, then the
memory functions that kernels call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from elftools.elf.constants import SH_FLAGS

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError
from tinydeploy.project.build import Firmware, build_firmware, compile_sources, link_firmware
from tinydeploy.project.toolchain import Toolchain
from tinydeploy.project.write import write_project

# Bytes for the linker's jumps from there to code elsewhere.
_RESERVE = 512


def rank_hot_sources(kernels: Sequence[str], model: str) -> tuple[str, ...]:
    """Sources, by path in the project without suffix, the hottest first.

    Args:
        kernels: What of firmware/kernels/ the model needs, the hottest first.
        model: Its name.
    """
    return (*(f"kernels/{kernel}" for kernel in kernels), f"{model}/model", "targets/common/mem")


def build_project(
    folder: Path,
    board: Board,
    toolchain: Toolchain,
    ranked: Sequence[str],
    make_files: Callable[[Sequence[str]], Mapping[str, bytes]],
) -> Firmware:
    """Writes a project and builds it.

    Args:
        folder: Of the project; is made.
        board: The board.
        toolchain: The compiler.
        ranked: From rank_hot_sources().
        make_files: The project's files with some of these sources as hot code.

    Raises:
        CompileError, BudgetError, OutputError: As build_firmware().
    """
    hot = tuple(ranked) if board.hot_memory else ()
    write_project(folder, make_files(hot))
    objects = compile_sources(folder, board, toolchain)
    try:
        return link_firmware(objects, board)
    except BudgetError:
        if board.hot_memory is None:
            raise
        sizes = objects.section_bytes(SH_FLAGS.SHF_ALLOC | SH_FLAGS.SHF_EXECINSTR)
        fitting = fit_hot_sources(hot, sizes, board.hot_memory.size - _RESERVE)
        if fitting == hot:
            raise
    write_project(folder, make_files(fitting))
    return build_firmware(folder, board, toolchain)


def fit_hot_sources(
    ranked: Sequence[str], text_bytes: Mapping[str, int], room: int
) -> tuple[str, ...]:
    """Takes sources in their order, leaving out what does not fit any more.

    Args:
        ranked: Without suffix.
        text_bytes: Code by source, with suffix, before the linker leaves out what nobody calls.
        room: Bytes that there are.
    """
    found = []
    for source in ranked:
        size = sum(n for path, n in text_bytes.items() if path.rpartition(".")[0] == source)
        if size <= room:
            found.append(source)
            room -= size
    return tuple(found)
