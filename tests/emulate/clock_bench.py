"""A chip family's registers without a core, and the set-up of each chip step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tinydeploy.board import Board, load_board
from tinydeploy.emulate.peripherals.family import Supervisor, open_family

# Name, register, value to write; where the name begins with "await": bits to wait for.
Step = tuple[str, int, int]

H7: tuple[Step, ...] = (
    ("supply", 0x5802480C, 0x2),
    ("await supply", 0x58024804, 1 << 13),
    ("VOS1", 0x58024818, 3 << 14),
    ("await VOS1", 0x58024818, 1 << 13),
    ("SYSCFG clock", 0x580244F4, 2),
    ("overdrive", 0x5800042C, 1),
    ("await VOS0", 0x58024818, 1 << 13),
    ("wait states", 0x52002000, 0x24),
    ("bypass", 0x58024400, 1 | 1 << 18),
    ("HSE on", 0x58024400, 1 | 1 << 18 | 1 << 16),
    ("await HSE", 0x58024400, 1 << 17),
    ("PLL source", 0x58024428, 0x02020022),
    ("PLL ranges", 0x5802442C, 0x01FF0008),
    ("PLL dividers", 0x58024430, 0x010702EF),
    ("PLL on", 0x58024400, 1 | 1 << 18 | 1 << 16 | 1 << 24),
    ("await PLL", 0x58024400, 1 << 25),
    ("D1 dividers", 0x58024418, 0x48),
    ("D2 dividers", 0x5802441C, 0x440),
    ("D3 dividers", 0x58024420, 0x40),
    ("switch", 0x58024410, 3),
    ("await switch", 0x58024410, 3 << 3),
)

L4: tuple[Step, ...] = (
    ("PWR clock", 0x40021058, 1 << 28),
    ("boost", 0x40007080, 0),
    ("await voltage", 0x40007014, 0),
    ("wait states", 0x40022000, 0x705),
    ("HSI16 on", 0x40021000, 0x61 | 1 << 8),
    ("await HSI16", 0x40021000, 1 << 10),
    ("PLL factors", 0x4002100C, 0x01001E12),
    ("PLL on", 0x40021000, 0x61 | 1 << 8 | 1 << 24),
    ("await PLL", 0x40021000, 1 << 25),
    ("halve", 0x40021008, 8 << 4),
    ("switch", 0x40021008, 8 << 4 | 3),
    ("await switch", 0x40021008, 3 << 2),
    ("full", 0x40021008, 3),
)

# What STM32F4 and F7 have in common; the F7 then switches to over-drive.
F_POWER: tuple[Step, ...] = (
    ("PWR clock", 0x40023840, 1 << 28),
    ("scale", 0x40007000, 3 << 14),
    ("bypass", 0x40023800, 1 | 1 << 18),
    ("HSE on", 0x40023800, 1 | 1 << 18 | 1 << 16),
    ("await HSE", 0x40023800, 1 << 17),
)
F_PLL: tuple[Step, ...] = (
    ("PLL on", 0x40023800, 1 | 1 << 18 | 1 << 16 | 1 << 24),
    ("await PLL", 0x40023800, 1 << 25),
    ("await voltage", 0x40007004, 1 << 14),
)
F7: tuple[Step, ...] = (
    *F_POWER,
    ("PLL factors", 0x40023804, 0x29403604),
    *F_PLL,
    ("over-drive", 0x40007000, 3 << 14 | 1 << 16),
    ("await over-drive", 0x40007004, 1 << 16),
    ("drive switch", 0x40007000, 3 << 14 | 1 << 16 | 1 << 17),
    ("await drive switch", 0x40007004, 1 << 17),
    ("wait states", 0x40023C00, 0x307),
    ("dividers", 0x40023808, 0x9400),
    ("switch", 0x40023808, 0x9402),
    ("await switch", 0x40023808, 2 << 2),
)
F4: tuple[Step, ...] = (
    *F_POWER,
    ("PLL factors", 0x40023804, 0x25401904),
    *F_PLL,
    ("wait states", 0x40023C00, 0x703),
    ("dividers", 0x40023808, 0x1000),
    ("switch", 0x40023808, 0x1002),
    ("await switch", 0x40023808, 2 << 2),
)
STEPS = {"stm32h743": H7, "stm32l4r9": L4, "stm32f746": F7, "stm32f412": F4}

F_PINS: tuple[Step, ...] = (
    ("port clock", 0x40023830, 1 << 20 | 1 << 3),
    ("pin modes", 0x40020C00, 10 << 16),
    ("functions", 0x40020C24, 0x77),
    ("UART clock", 0x40023840, 1 << 28 | 1 << 18),
)
PINS: dict[str, tuple[Step, ...]] = {
    "stm32h743": (
        ("port clock", 0x580244E0, 1 << 3),
        ("pin modes", 0x58020C00, 0xFFFFFFFF & ~(15 << 16) | 10 << 16),
        ("functions", 0x58020C24, 0x77),
        ("UART clock", 0x580244E8, 1 << 18),
    ),
    "stm32l4r9": (
        ("port clock", 0x4002104C, 1),
        ("pin modes", 0x48000000, 0xABFFFFFF & ~(15 << 4) | 10 << 4),
        ("functions", 0x48000020, 0x7700),
        ("UART clock", 0x40021058, 1 << 28 | 1 << 17),
    ),
    "stm32f746": F_PINS,
    "stm32f412": F_PINS,
}
# Core, UART and reset clocks in MHz.
CLOCKS = {
    "stm32h743": (480, 120, 64),
    "stm32l4r9": (120, 120, 4),
    "stm32f746": (216, 54, 16),
    "stm32f412": (100, 50, 16),
}
every_board = pytest.mark.parametrize("name", STEPS)


class Bench:
    """A chip family's registers without a core; every access takes ten cycles."""

    def __init__(self, board: Board) -> None:
        self.board, self.time = board, 0
        self.violations: list[str] = []
        self.sent = bytearray()
        supervisor = Supervisor(lambda: self.time, self.violations.append)
        self.family: Any = open_family(board, supervisor)
        self.uart = self.family.open_uart(board.console, self.sent.append, lambda idle: None)

    def run(self, steps: Sequence[Step], **changes: int | None) -> Bench:
        """Does the steps; `changes` replaces a step's value by its name, None leaves it out."""
        for name, register, usual in steps:
            value = changes.get(name.replace(" ", "_"), usual)
            self.time += 10
            if value is None:
                continue
            if name.startswith("await"):
                mask = usual or 1 << 10  # PWR_SR2.VOSF is waited for to be 0
                while self.family.read(register) & mask != usual:
                    self.time += 10
                    assert self.time < 1_000_000, name
            else:
                self.family.write(register, value)
        return self

    def set_up(self, **changes: int | None) -> Bench:
        """Brings the chip to full speed."""
        return self.run(STEPS[self.board.name], **changes)

    def connect(self, **changes: int | None) -> Bench:
        """Sets up pins and UART, and sends a byte; `enables` are UE 0, RE 2 and TE 3."""
        self.run(PINS[self.board.name], **changes)
        layout, base = self.uart.layout, self.board.console.address
        kernel = self.family.uart_clock_hz(self.board.console)
        if (baud := changes.get("baud", round(kernel / 115200))) is not None:
            self.uart.write(base + layout.brr, baud)
        if (enables := changes.get("enables", 0xD)) is not None:
            self.uart.write(base + layout.cr1, enables & ~1 | (enables & 1) * layout.enable)
        self.uart.recheck()
        self.uart.write(base + layout.transmit, 0x41)
        return self


def bench_of(name: str) -> Bench:
    return Bench(load_board(name))


def h7() -> Bench:
    return bench_of("stm32h743")


def l4() -> Bench:
    return bench_of("stm32l4r9")
