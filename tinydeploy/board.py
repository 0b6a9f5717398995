"""Boards as data: reads and checks boards/<name>.toml."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.paths import BOARDS
from tinydeploy.toml_file import parse_toml

# gcc's -mfpu for each core we know; a core has one FPU on the chips we support.
CORES = {"cortex-m4": ("fpv4-sp-d16",), "cortex-m7": ("fpv5-d16", "fpv5-sp-d16")}
# Those FPUs that do not compute with double precision.
SINGLE_PRECISION = ("fpv4-sp-d16", "fpv5-sp-d16")
USES = ("code", "data", "arena", "hot_code", "weights")
_MOST_EXTERNAL = 5  # of the MPU's 8 regions the firmware needs 3
# Names go into C, linker scripts and Makefiles as they are.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_UART = re.compile(r"(U|US|LPU)ART[0-9]{1,2}")
_PROBE = re.compile(r"[A-Za-z0-9_./-]+")
_PRINTABLE = re.compile(r"[ -~]+")


@dataclass(frozen=True)
class ClockGate:
    """The register bits that must be set before a memory may be used.

    Args:
        register: Address of the enable register.
        mask: Bits that must all be 1.
    """

    register: int
    mask: int


@dataclass(frozen=True)
class Memory:
    """One contiguous memory of a chip.

    Args:
        name: Short lower-case name; also the linker region's.
        address: First byte.
        size: Bytes.
        access: A subset of "rwx".
        use: What the firmware may put there: "code", "data" (stack and static variables), "arena",
            "hot_code" (a copy of what takes most of the time, where the core fetches fastest),
            "weights" (those for which the flash with the code has no room).
        dma: Names of the bus masters, besides the CPU, that reach it.
        clock: Enable bits that must be set before the first access; None where there are none.
    """

    name: str
    address: int
    size: int
    access: str
    use: tuple[str, ...]
    dma: tuple[str, ...]
    clock: ClockGate | None

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.address + self.size


@dataclass(frozen=True)
class Pin:
    """A pin and its alternate function, e.g. PD8 with AF7."""

    port: str
    pin: int
    function: int


@dataclass(frozen=True)
class Console:
    """The UART behind the on-board debug probe's virtual serial port.

    Args:
        uart: Name in the reference manual, e.g. "USART3".
        address: Base address of its registers.
        irq: Interrupt number.
        kernel_clock_hz: Clock of the baud-rate generator once the firmware runs at full speed.
        baud: Bits per second.
        tx: Transmit pin.
        rx: Receive pin.
    """

    uart: str
    address: int
    irq: int
    kernel_clock_hz: int
    baud: int
    tx: Pin
    rx: Pin


@dataclass(frozen=True)
class Board:
    """What the planner, the firmware and the emulated board know of a board.

    Args:
        name: Name on the command line and of the TOML file.
        title: The vendor's name of the board.
        chip: Order code of the chip.
        family: Folder in firmware/targets/ with the register-level code.
        cpu: "cortex-m4" or "cortex-m7", gcc's -mcpu.
        fpu: gcc's -mfpu.
        clock_hz: Core clock that the firmware sets up.
        external_clock_hz: Clock signal (not a crystal) at the chip's OSC_IN pin; 0: none.
        memories: In the order of the file; arenas prefer earlier ones.
        console: The serial console.
        probes: Configuration names by flashing tool ("openocd", "pyocd").
        flash_budget: Bytes of flash that a build may use without being told otherwise.
        ram_budget: Bytes of RAM that a build may use without being told otherwise.
    """

    name: str
    title: str
    chip: str
    family: str
    cpu: str
    fpu: str
    clock_hz: int
    external_clock_hz: int
    memories: tuple[Memory, ...]
    console: Console
    probes: Mapping[str, str]
    flash_budget: int
    ram_budget: int

    def memories_for(self, use: str) -> tuple[Memory, ...]:
        """The memories that may hold `use`, one of USES, in order of preference."""
        return tuple(memory for memory in self.memories if use in memory.use)

    @property
    def code_memory(self) -> Memory:
        """The flash that holds code and constants."""
        return self.memories_for("code")[0]

    @property
    def data_memory(self) -> Memory:
        """The RAM that holds the stack and static variables."""
        return self.memories_for("data")[0]

    @property
    def external_memories(self) -> tuple[Memory, ...]:
        """Memories behind an external bus: at addresses that Armv7-M calls external RAM."""
        return tuple(m for m in self.memories if 0x6000_0000 <= m.address < 0xE000_0000)

    @property
    def hot_memory(self) -> Memory | None:
        """The RAM that holds hot code alone; None where the board has none."""
        return next(iter(self.memories_for("hot_code")), None)


def list_boards(folder: Path = BOARDS) -> tuple[str, ...]:
    """Names of all boards, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load_board(name: str, folder: Path = BOARDS) -> Board:
    """Reads boards/<name>.toml, or the file itself where `name` is a path to a .toml file.

    Raises:
        UsageError: There is no such board; the hint lists those there are.
        InputFileError: The file is not valid; the message names the entry.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    known = list_boards(folder)
    if not name.endswith(".toml") and name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        guess = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"unknown board '{name}'", f"{guess}Known boards: {', '.join(known)}.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputFileError(f"cannot read board file {path}: {error}") from error
    try:
        board = _parse_board(parse_toml(text, f"board file {path}"))
    except KeyError as error:
        raise InputFileError(f"board file {path} lacks the entry {error}") from error
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputFileError(
            f"board file {path} has an entry of the wrong type: {error}"
        ) from error
    problems = [text for check in _CHECKS for text in check(board)]
    if problems:
        raise InputFileError(f"board file {path}: {'; '.join(problems)}")
    return board


def _parse_board(table: Mapping[str, Any]) -> Board:
    core, console, budget = table["core"], table["console"], table["budget"]
    return Board(
        name=str(table["name"]),
        title=str(table["title"]),
        chip=str(table["chip"]),
        family=str(table["family"]),
        cpu=str(core["cpu"]),
        fpu=str(core["fpu"]),
        clock_hz=int(core["clock_hz"]),
        external_clock_hz=int(core.get("external_clock_hz", 0)),
        memories=tuple(_parse_memory(entry) for entry in table["memory"]),
        console=Console(
            uart=str(console["uart"]),
            address=int(console["address"]),
            irq=int(console["irq"]),
            kernel_clock_hz=int(console["kernel_clock_hz"]),
            baud=int(console["baud"]),
            tx=_parse_pin(console["tx"]),
            rx=_parse_pin(console["rx"]),
        ),
        probes={str(tool): str(target) for tool, target in table.get("probe", {}).items()},
        flash_budget=int(budget["flash_bytes"]),
        ram_budget=int(budget["ram_bytes"]),
    )


def _parse_memory(entry: Mapping[str, Any]) -> Memory:
    clock = entry.get("clock")
    return Memory(
        name=str(entry["name"]),
        address=int(entry["address"]),
        size=int(entry["size"]),
        access=str(entry["access"]),
        use=tuple(entry["use"]),
        dma=tuple(entry.get("dma", ())),
        clock=ClockGate(int(clock["register"]), int(clock["mask"])) if clock else None,
    )


def _parse_pin(entry: Mapping[str, Any]) -> Pin:
    return Pin(port=str(entry["port"]), pin=int(entry["pin"]), function=int(entry["function"]))


def _check_names(board: Board) -> list[str]:
    """Names are such as C, linker scripts and Makefiles can hold."""
    identifiers = [board.name, board.family, *(memory.name for memory in board.memories)]
    problems = [
        f"'{name}' must be lower-case letters, digits and _, a letter first"
        for name in identifiers
        if not _IDENTIFIER.fullmatch(name)
    ]
    problems += [
        f"'{text}' must be printable ASCII and not end a comment"
        for text in (board.title, board.chip)
        if not _PRINTABLE.fullmatch(text) or "*/" in text
    ]
    problems += [
        f"probe configuration '{text}' has characters other than letters, digits and _ . / -"
        for text in board.probes.values()
        if not _PROBE.fullmatch(text)
    ]
    return problems


def _check_console(board: Board) -> list[str]:
    """UART and pins are ones that a chip can have."""
    console = board.console
    problems = []
    if not _UART.fullmatch(console.uart):
        problems.append(f"'{console.uart}' is not the name of a UART, such as USART3")
    if not 0 < console.baud <= console.kernel_clock_hz:
        problems.append(f"{console.baud} baud cannot be made of {console.kernel_clock_hz} Hz")
    for pin in (console.tx, console.rx):
        in_range = 0 <= pin.pin < 16 and 0 <= pin.function < 16
        if not re.fullmatch("[A-K]", pin.port) or not in_range:
            problems.append(f"P{pin.port}{pin.pin} with function {pin.function} is not a pin")
    return problems


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
