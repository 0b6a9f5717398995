"""What a linked firmware takes of each memory, and whether that is within the budgets."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinydeploy.board import Board, Memory
from tinydeploy.errors import BudgetError, InputFileError, InternalError
from tinydeploy.plan.plan import Plan
from tinydeploy.project.image import Image, read_images

# The linker script's output sections; weights elsewhere than with the code have the memory's name
# behind a dot.
_CODE = (".vectors", ".hot_text", ".text")
_WEIGHTS_SECTION, _WEIGHTS = ".weights", "_weights"
_STACK = (".stack",)
_STATIC = (".data", ".bss")
_ARENA_PREFIX, _INPUT_PREFIX = ".td_arena.", ".td_input."

_NAMED_CONTRIBUTORS = 3


SymbolKind = Literal["code", "weights", "constants", "arena", "stack", "variables"]


@dataclass(frozen=True)
class Section:
    """A section that takes memory while the firmware runs."""

    name: str
    memory: str
    address: int
    size: int


@dataclass(frozen=True)
class Symbol:
    """A function or a variable."""

    name: str
    section: str
    memory: str
    address: int
    size: int

    @property
    def is_weights(self) -> bool:
        """It holds the weights of a layer."""
        return self.section.startswith(_WEIGHTS_SECTION) and self.name.endswith(_WEIGHTS)

    @property
    def kind(self) -> SymbolKind:
        """Which figure of `Sizes` it counts in."""
        if self.is_weights:
            return "weights"
        if self.section in _CODE:
            return "code"
        if self.section.startswith(_ARENA_PREFIX):
            return "arena"
        if self.section in _STACK:
            return "stack"
        if self.section in _STATIC or self.section.startswith(_INPUT_PREFIX):
            return "variables"
        return "constants"


@dataclass(frozen=True)
class MemoryUse:
    """How many bytes of a memory are used, gaps included; `arena_bytes` of them by arenas."""

    name: str
    used: int
    arena_bytes: int
    total: int


@dataclass(frozen=True)
class Sizes:
    """Sizes of a firmware, all in bytes and all from the linked ELF.

    Args:
        memories: Every memory of the board, in its order.
        sections: By address; those that are empty are left out.
        symbols: Largest first.
        flash_bytes: All that must be written to flash.
        code_bytes: Vector table and functions, those in the memory for hot code once: in flash.
        weights_bytes: The layers' weights: symbols named `*_weights`.
        constants_bytes: Everything else in flash: biases and multipliers, tables, descriptors,
            texts, initial values, padding.
        ram_bytes: All RAM for data: arenas, static variables, stack, padding.
        arena_bytes: Activations, input, output, scratch.
        static_bytes: Variables outside the arenas, buffers of inputs that are kept there included.
        stack_bytes: Reserved for the stack.
    """

    memories: tuple[MemoryUse, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    flash_bytes: int
    code_bytes: int
    weights_bytes: int
    constants_bytes: int
    ram_bytes: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int


def read_sizes(elf: Path, board: Board) -> Sizes:
    """Reads the sizes of a firmware.

    Args:
        elf: A firmware linked by its project's linker script.
        board: The board that it was linked for.

    Raises:
        InputFileError: Not a readable ELF file, or it uses memory that the board does not have.
    """
    try:
        content = elf.read_bytes()
        file = ELFFile(io.BytesIO(content))
        sections = _read_sections(file, board)
        symbols = _read_symbols(file, sections)
    except (OSError, ELFError) as error:
        raise InputFileError(f"cannot read the firmware {elf}: {error}") from error
    images = read_images(content)
    flash_bytes = sum(len(image.data) for image in images)
    memories = tuple(_measure_memory(memory, sections, images) for memory in board.memories)
    code = _sum_sections(sections, _CODE)
    weights = sum(symbol.size for symbol in symbols if symbol.is_weights)
    return Sizes(
        memories=memories,
        sections=sections,
        symbols=symbols,
        flash_bytes=flash_bytes,
        code_bytes=code,
        weights_bytes=weights,
        constants_bytes=flash_bytes - code - weights,
        ram_bytes=sum(
            use.used
            for use, memory in zip(memories, board.memories, strict=True)
            if not {"data", "arena"}.isdisjoint(memory.use)
        ),
        arena_bytes=sum(use.arena_bytes for use in memories),
        static_bytes=_sum_sections(sections, _STATIC)
        + sum(section.size for section in sections if section.name.startswith(_INPUT_PREFIX)),
        stack_bytes=_sum_sections(sections, _STACK),
    )


def check_arenas(sizes: Sizes, plan: Plan) -> None:
    """Every arena is linked into its memory, with the bytes that were planned."""
    planned = {arena.memory: arena.size for arena in plan.arenas}
    linked = {use.name: use.arena_bytes for use in sizes.memories if use.arena_bytes}
    if planned != linked:
        raise InternalError(f"arenas are planned as {planned}, linked as {linked}")


def check_budget(sizes: Sizes, flash_budget: int, ram_budget: int) -> None:
    """Checks a firmware against its budgets.

    Args:
        sizes: Of the firmware.
        flash_budget: Bytes of flash that it may take.
        ram_budget: Bytes of RAM that it may take: arenas, variables and stack.

    Raises:
        BudgetError: It takes more; says of what, by how much, the largest contributors, and what
            to try.
    """
    in_flash, in_ram = _split_symbols(sizes)
    problems, hints = [], []
    if sizes.flash_bytes > flash_budget:
        parts = {
            "weights": sizes.weights_bytes,
            "code": sizes.code_bytes,
            "constants": sizes.constants_bytes,
        }
        problems.append(_describe_excess("flash", sizes.flash_bytes, flash_budget, parts, in_flash))
        hints.append("Less flash: a narrower model, or a higher --max-flash.")
    if sizes.ram_bytes > ram_budget:
        parts = {
            "arenas": sizes.arena_bytes,
            "stack": sizes.stack_bytes,
            "variables": sizes.static_bytes,
        }
        problems.append(_describe_excess("RAM", sizes.ram_bytes, ram_budget, parts, in_ram))
        hints.append("Less RAM: a smaller input or a narrower model, or a higher --max-ram.")
    if problems:
        raise BudgetError("; ".join(problems), " ".join(hints))


def _describe_excess(
    resource: str, used: int, budget: int, parts: dict[str, int], symbols: Iterable[Symbol]
) -> str:
    largest = [f"{s.name} {s.size:,}" for s in symbols][:_NAMED_CONTRIBUTORS]
    shares = ", ".join(f"{name} {size:,}" for name, size in parts.items())
    return (
        f"{resource}: {used:,} bytes, {used - budget:,} over the budget of {budget:,} "
        f"({shares}; largest: {', '.join(largest)})"
    )


def _split_symbols(sizes: Sizes) -> tuple[list[Symbol], list[Symbol]]:
    """Symbols in flash and in RAM, largest first."""
    held = (*_CODE, _WEIGHTS_SECTION)
    flash = {s.memory for s in sizes.sections if s.name.startswith(held)}
    in_flash = [symbol for symbol in sizes.symbols if symbol.memory in flash]
    return in_flash, [symbol for symbol in sizes.symbols if symbol.memory not in flash]


def _read_sections(file: ELFFile, board: Board) -> tuple[Section, ...]:
    sections = [
        Section(
            section.name,
            _find_memory(board, section["sh_addr"], section["sh_size"]).name,
            section["sh_addr"],
            section["sh_size"],
        )
        for section in file.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"] > 0
    ]
    return tuple(sorted(sections, key=lambda section: section.address))


def _find_memory(board: Board, address: int, size: int) -> Memory:
    for memory in board.memories:
        if memory.address <= address and address + size <= memory.end:
            return memory
    raise InputFileError(
        f"the firmware puts {size} bytes at 0x{address:08x}, where {board.name} has no memory",
        "Was it built for another board?",
    )


def _read_symbols(file: ELFFile, sections: Iterable[Section]) -> tuple[Symbol, ...]:
    memories = {section.name: section.memory for section in sections}
    symbols = []
    for table in file.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in table.iter_symbols():
            kind, index = symbol["st_info"]["type"], symbol["st_shndx"]
            if kind not in ("STT_FUNC", "STT_OBJECT") or isinstance(index, str):
                continue
            section = file.get_section(index).name
            if section in memories and symbol["st_size"] > 0:
                # Bit 0 of a function's value says that it is Thumb code.
                address = symbol["st_value"] & ~int(kind == "STT_FUNC")
                name, size = symbol.name, symbol["st_size"]
                symbols.append(Symbol(name, section, memories[section], address, size))
    return tuple(sorted(symbols, key=lambda symbol: (-symbol.size, symbol.address, symbol.name)))


def _measure_memory(
    memory: Memory, sections: Iterable[Section], images: Iterable[Image]
) -> MemoryUse:
    """The linker fills each memory from its start: what is used ends where the last thing ends."""
    inside = [section for section in sections if section.memory == memory.name]
    ends = [section.address + section.size for section in inside]
    ends += [image.end for image in images if memory.address <= image.address < memory.end]
    arena = sum(s.size for s in inside if s.name.startswith(_ARENA_PREFIX))
    used = max(ends, default=memory.address) - memory.address
    return MemoryUse(memory.name, used, arena, memory.size)


def _sum_sections(sections: Iterable[Section], names: tuple[str, ...]) -> int:
    return sum(section.size for section in sections if section.name in names)
