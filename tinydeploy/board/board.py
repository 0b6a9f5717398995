"""What the planner, the firmware and the emulated board know of a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# gcc's -mfpu for each core we know; a core has one FPU on the chips we support.
CORES = {"cortex-m4": ("fpv4-sp-d16",), "cortex-m7": ("fpv5-d16", "fpv5-sp-d16")}
# Those FPUs that do not compute with double precision.
SINGLE_PRECISION = ("fpv4-sp-d16", "fpv5-sp-d16")
USES = ("code", "data", "arena", "hot_code", "weights")


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

    @property
    def name(self) -> str:
        """As in the data sheet, e.g. "PD8"."""
        return f"P{self.port}{self.pin}"


@dataclass(frozen=True)
class Uart:
    """A UART of a chip.

    Args:
        name: As in the reference manual, e.g. "USART3".
        address: Base address of its registers.
        irq: Number of its interrupt.
        kernel_clock_hz: Clock of the baud-rate generator once the firmware runs at full speed.
        tx: Pins that can transmit, with their alternate function; none where pins are fixed.
        rx: Pins that can receive, likewise.
    """

    name: str
    address: int
    irq: int
    kernel_clock_hz: int
    tx: tuple[Pin, ...]
    rx: tuple[Pin, ...]


@dataclass(frozen=True)
class Console:
    """The UART behind the on-board debug probe's virtual serial port.

    Args:
        uart: Name in the reference manual, e.g. "USART3".
        address: Base address of its registers.
        irq: Interrupt number.
        kernel_clock_hz: Clock of the baud-rate generator once the firmware runs at full speed.
        baud: Bits per second.
        tx: Transmit pin; None where the chip has no choice of pins.
        rx: Receive pin, likewise.
    """

    uart: str
    address: int
    irq: int
    kernel_clock_hz: int
    baud: int
    tx: Pin | None
    rx: Pin | None

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Those that must be connected to the UART."""
        return tuple(pin for pin in (self.tx, self.rx) if pin is not None)


Link = Literal["spi", "sdio"]  # how an accelerator is linked


def choose_link(name: object) -> Link:
    """The link of a name.

    Raises:
        ValueError: There is none.
    """
    match name:
        case "spi" | "sdio":
            return name
    raise ValueError(f"{name!r} is no link")


@dataclass(frozen=True)
class SdioPort:
    """The pins of an SD bus of four lines; all have the same alternate function.

    Args:
        unit: Name in the reference manual, e.g. "SDMMC1".
        ck: Clock.
        cmd: Commands and responses.
        data: D0 to D3.
    """

    unit: str
    ck: Pin
    cmd: Pin
    data: tuple[Pin, Pin, Pin, Pin]


@dataclass(frozen=True)
class AcceleratorPort:
    """The pins that an accelerator is wired to (docs/tinynpu.md, "Link").

    Args:
        spi: Name in the reference manual, e.g. "SPI2".
        sck: Clock.
        miso: Data from the accelerator.
        mosi: Data to it.
        select: NSS, an output that the firmware drives.
        ready: READY, an input.
        reset: RESET, an output.
        sdio: The pins of the link's SDIO twin, which uses RESET besides; None for none.
    """

    spi: str
    sck: Pin
    miso: Pin
    mosi: Pin
    select: Pin
    ready: Pin
    reset: Pin
    sdio: SdioPort | None = None


@dataclass(frozen=True)
class ExternalClock:
    """Clocks at the OSC_IN pin that the firmware can make the chip's full speed of.

    Args:
        multiple_of_hz: What the frequency must be a multiple of.
        most_hz: The highest.
    """

    multiple_of_hz: int
    most_hz: int


@dataclass(frozen=True)
class Watchdog:
    """The watchdog that a build starts.

    Args:
        milliseconds: After so long without being fed it resets the chip, by its clock's nominal
            frequency.
        prescaler: Value of its prescaler register.
        reload: Value of its reload register.
    """

    milliseconds: int
    prescaler: int
    reload: int


@dataclass(frozen=True)
class Chip:
    """A chip profile: what all boards with the chip have in common.

    Args:
        name: Of the file in boards/chips/.
        default_board: The board that the chip's name stands for.
        family: Folder in firmware/targets/ with the register-level code.
        uarts: Those that the firmware can start.
        external_clock: None where the firmware always starts from the internal oscillator.
        watchdog_hz: Clock of the independent watchdog, nominally; 0 where there is none.
    """

    name: str
    default_board: str
    family: str
    uarts: tuple[Uart, ...]
    external_clock: ExternalClock | None
    watchdog_hz: int


@dataclass(frozen=True)
class Board:
    """What the planner, the firmware and the emulated board know of a board.

    Args:
        name: Name on the command line: the board's, or the chip's that stands for it.
        title: The vendor's name of the board.
        chip: Order code of the chip.
        profile: What all boards with the chip have in common.
        family: Folder in firmware/targets/ with the register-level code.
        cpu: "cortex-m4" or "cortex-m7", gcc's -mcpu.
        fpu: gcc's -mfpu.
        clock_hz: Core clock that the firmware sets up.
        external_clock_hz: Clock at the chip's OSC_IN pin; 0: none.
        external_crystal: It comes from a crystal at OSC_IN and OSC_OUT; otherwise it is a signal.
        memories: In the order of the file; arenas prefer earlier ones.
        console: The serial console.
        probes: Configuration names by flashing tool ("openocd", "pyocd").
        flash_budget: Bytes of flash that a build may use without being told otherwise.
        ram_budget: Bytes of RAM that a build may use without being told otherwise.
        qemu_machine: QEMU's machine that is this board; empty where it has none.
        accelerator: Where an accelerator may be wired; None: nowhere.
        watchdog: What a build asks for, no part of the file; None: it starts none.
    """

    name: str
    title: str
    chip: str
    profile: Chip
    family: str
    cpu: str
    fpu: str
    clock_hz: int
    external_clock_hz: int
    external_crystal: bool
    memories: tuple[Memory, ...]
    console: Console
    probes: Mapping[str, str]
    flash_budget: int
    ram_budget: int
    qemu_machine: str = ""
    accelerator: AcceleratorPort | None = None
    watchdog: Watchdog | None = None

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
