"""The rules that a board must keep, each one a function."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from tinydeploy.board.board import CORES, USES, Board

_MOST_EXTERNAL = 5  # of the MPU's 8 regions the firmware needs 3
# Names go into C, linker scripts and Makefiles as they are.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_MACHINE = re.compile(r"[a-z0-9][a-z0-9_-]*")
_UART = re.compile(r"(U|US|LPU)ART[0-9]{1,2}")


def find_problems(board: Board) -> list[str]:
    """All rules that the board breaks, in words."""
    return [text for check in _CHECKS for text in check(board)]


def _check_names(board: Board) -> list[str]:
    """Names are such as C, linker scripts and Makefiles can hold."""
    identifiers = [board.family, *(memory.name for memory in board.memories)]
    problems = [
        f"'{name}' must be lower-case letters, digits and _, a letter first"
        for name in identifiers
        if not _IDENTIFIER.fullmatch(name)
    ]
    if board.qemu_machine and not _MACHINE.fullmatch(board.qemu_machine):
        problems.append(f"'{board.qemu_machine}' is not the name of a machine of QEMU")
    return problems


def _check_console(board: Board) -> list[str]:
    """The console's UART has a name that the C code can be asked for."""
    if not _UART.fullmatch(board.console.uart):
        return [f"'{board.console.uart}' is not the name of a UART, such as USART3"]
    return []


def _check_core(board: Board) -> list[str]:
    """The core is one we know, with its FPU."""
    if board.cpu not in CORES:
        return [f"unknown cpu '{board.cpu}' (known: {', '.join(CORES)})"]
    if board.fpu not in CORES[board.cpu]:
        return [f"fpu '{board.fpu}' does not belong to {board.cpu}"]
    return []


def _check_memories(board: Board) -> list[str]:
    """Memories have sizes, valid flags and unique names, and do not overlap."""
    problems = []
    names = [memory.name for memory in board.memories]
    problems += [
        f"memory '{name}' is listed twice"
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for memory in board.memories:
        if memory.size <= 0 or memory.address < 0 or memory.end > 1 << 32:
            problems.append(f"memory '{memory.name}' does not lie in the 32-bit address space")
        if not memory.access or set(memory.access) - set("rwx"):
            problems.append(f"memory '{memory.name}': access must be made of r, w and x")
        problems += [
            f"memory '{memory.name}': unknown use '{u}'" for u in memory.use if u not in USES
        ]
    ordered = sorted(board.memories, key=lambda memory: memory.address)
    problems += [
        f"memories '{a.name}' and '{b.name}' overlap"
        for a, b in itertools.pairwise(ordered)
        if a.end > b.address
    ]
    return problems


def _check_external(board: Board) -> list[str]:
    """The MPU can open external memories, which are closed otherwise, with one region each."""
    problems = []
    if len(board.external_memories) > _MOST_EXTERNAL:
        problems.append(f"there are more than {_MOST_EXTERNAL} external memories")
    return problems + [
        f"external memory '{memory.name}' must begin at a multiple of its size, rounded up to a"
        " power of two"
        for memory in board.external_memories
        if memory.address % (1 << (memory.size - 1).bit_length())
    ]


def _check_uses(board: Board) -> list[str]:
    """One memory for code, one for data, at least one for arenas, at most one for hot code."""
    needed, single = ("code", "data", "arena"), ("code", "data", "hot_code")
    problems = [f"no memory has the use '{use}'" for use in needed if not board.memories_for(use)]
    problems += [
        f"more than one memory has the use '{use}'"
        for use in single
        if len(board.memories_for(use)) > 1
    ]
    hot = board.hot_memory
    if hot is not None and (hot.use != ("hot_code",) or hot.access != "rwx" or hot.clock):
        problems.append(
            f"memory '{hot.name}' for hot code must have access rwx, no other use and no clock"
        )
    problems += [
        f"memory '{memory.name}' for weights must be flash: access r or rx, and no other use"
        for memory in board.memories_for("weights")
        if "w" in memory.access or memory.use != ("weights",)
    ]
    return problems


def _check_budgets(board: Board) -> list[str]:
    """Budgets are not larger than the memories."""
    flash = sum(m.size for use in ("code", "weights") for m in board.memories_for(use))
    ram = sum(m.size for m in board.memories if "w" in m.access)
    problems = []
    if not 0 < board.flash_budget <= flash:
        problems.append(
            f"flash budget {board.flash_budget} is not within the {flash} bytes there are"
        )
    if not 0 < board.ram_budget <= ram:
        problems.append(f"RAM budget {board.ram_budget} is not within the {ram} bytes there are")
    return problems


_CHECKS: tuple[Callable[[Board], list[str]], ...] = (
    _check_names,
    _check_console,
    _check_core,
    _check_memories,
    _check_uses,
    _check_external,
    _check_budgets,
)
