"""Clocks, voltages, wait states, pins: the right set-up runs, each wrong step is noticed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from tinydeploy.board import Board, load_board
from tinydeploy.emulate.peripherals.family import START_UP, Family, Supervisor, open_family
from tinydeploy.emulate.peripherals.uart import Uart
from tinydeploy.errors import UsageError

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

PINS = {
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
}
UART_SETUP = (("baud", 0x0C, 1042), ("enables", 0x00, 0xD))


class Bench:
    """A chip family's registers without a core; every access takes ten cycles."""

    def __init__(self, board: Board) -> None:
        self.board, self.time = board, 0
        self.violations: list[str] = []
        self.sent = bytearray()
        supervisor = Supervisor(lambda: self.time, self.violations.append)
        self.family: Family = open_family(board, supervisor)
        self.uart = Uart(
            board.console, self.family, supervisor, self.sent.append, lambda idle: None
        )

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

    def connect(self, **changes: int | None) -> Bench:
        """Sets up pins and UART, and sends a byte."""
        self.run(PINS[self.board.name], **changes)
        for name, offset, usual in UART_SETUP:
            value = changes.get(name, usual)
            if value is not None:
                self.uart.write(self.board.console.address + offset, value)
        self.uart.recheck()
        self.uart.write(self.board.console.address + 0x28, 0x41)
        return self


def h7() -> Bench:
    return Bench(load_board("stm32h743"))


def l4() -> Bench:
    return Bench(load_board("stm32l4r9"))


def test_h7_reaches_full_speed() -> None:
    bench = h7()
    assert bench.family.core_clock_hz() == 64e6
    bench.run(H7).connect()
    assert bench.violations == []
    assert bench.family.core_clock_hz() == 480e6
    assert bench.family.uart_clock_hz(bench.board.console) == 120e6
    assert bench.sent == b"A"


def test_l4_reaches_full_speed() -> None:
    bench = l4()
    assert bench.family.core_clock_hz() == 4e6
    bench.run(L4).connect()
    assert bench.violations == []
    assert bench.family.core_clock_hz() == 120e6
    assert bench.family.uart_clock_hz(bench.board.console) == 120e6


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"supply": None, "await_supply": None}, "before PWR_CR3 configures the supply"),
        ({"overdrive": None}, "the core runs at 480 MHz, VOS1 allows 400 MHz"),
        ({"VOS1": 2 << 14}, "VOS2 allows 300 MHz"),
        ({"SYSCFG_clock": None}, "SYSCFG is written while its clock is off"),
        ({"wait_states": 0x23}, "flash has 3 wait states"),
        ({"wait_states": 0x14}, "WRHIGHFREQ 1 at 240 MHz, it needs 4 and 2"),
        ({"await_HSE": None}, "PLL1 is turned on before its source HSE is ready"),
        ({"PLL_source": 0x02020023}, "without a clock source"),
        ({"PLL_source": 0x02020082}, "reference of 1 MHz is outside 4 to 8 MHz"),
        ({"PLL_ranges": 0x01FF000A}, "VCO of 960 MHz is outside 150 to 420 MHz"),
        ({"PLL_dividers": 0x010703EF}, "VCO of 1984 MHz is outside 192 to 960"),
        ({"await_PLL": None}, "switched to PLL1 before PLL1 is ready"),
        ({"D1_dividers": 0x40}, "the bus runs at 480 MHz, VOS0 allows 240 MHz"),
        ({"D2_dividers": 0x400}, "an APB runs at 240 MHz, VOS0 allows 120 MHz"),
    ],
)
def test_h7_wrong_step(changes: dict[str, int | None], text: str) -> None:
    assert text in " | ".join(h7().run(H7, **changes).violations)


def test_h7_reset_of_syscfg_ends_the_overdrive() -> None:
    bench = h7().run(H7)
    bench.family.write(0x5802449C, 2)
    assert "VOS1 allows 400 MHz" in bench.violations[0]


def test_h7_pll_is_not_to_be_changed_while_it_runs() -> None:
    bench = h7().run(H7)
    bench.family.write(0x58024430, 0x010702EE)
    assert bench.violations == ["PLL1 is configured while it is on"]


def test_h7_without_bypass_the_oscillator_never_starts() -> None:
    bench = h7()
    bench.family.write(0x58024400, 1 | 1 << 16)
    bench.time += 100 * START_UP
    assert not bench.family.read(0x58024400) & 1 << 17


def test_h7_without_external_clock_the_oscillator_never_starts() -> None:
    bench = Bench(dataclasses.replace(load_board("stm32h743"), external_clock_hz=0))
    bench.family.write(0x58024400, 1 | 1 << 18)
    bench.family.write(0x58024400, 1 | 1 << 18 | 1 << 16)
    bench.time += 100 * START_UP
    assert not bench.family.read(0x58024400) & 1 << 17


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"PWR_clock": None}, "PWR is written while its clock is off"),
        ({"boost": None}, "range 1 without boost allows 80 MHz"),
        ({"wait_states": 0x704}, "flash has 4 wait states at 120 MHz, it needs 5"),
        ({"await_HSI16": None}, "before its source HSI16 is ready"),
        ({"PLL_factors": 0x01001E10}, "without a clock source"),
        ({"PLL_factors": 0x01000E72}, "reference of 2 MHz is outside 4 to 16 MHz"),
        ({"PLL_factors": 0x01003C12}, "VCO of 480 MHz is outside 64 to 344 MHz"),
        ({"await_PLL": None}, "switched to PLL before PLL is ready"),
        ({"halve": None, "switch": 3}, "from below to above 80 MHz in one step"),
        ({"PLL_factors": 0x01002A12, "full": 3}, "the core runs at 168 MHz"),
    ],
)
def test_l4_wrong_step(changes: dict[str, int | None], text: str) -> None:
    assert text in " | ".join(l4().run(L4, **changes).violations)


def test_l4_flash_slows_down_before_the_clock_does() -> None:
    bench = l4().run(L4)
    bench.family.write(0x40022000, 0x703)
    assert "flash has 3 wait states at 120 MHz" in bench.violations[0]


@pytest.mark.parametrize("make", [h7, l4])
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"port_clock": None}, "is written while its clock is off"),
        ({"pin_modes": None}, "is not in alternate-function mode (MODER 3)"),
        ({"functions": 0}, "has alternate function 0 instead of 7"),
        ({"enables": 0x5}, "CR1.TE clear"),
        ({"enables": 0xC}, "CR1.UE clear"),
        ({"enables": 0x9}, "CR1.RE clear"),
        ({"baud": 1060}, ""),
        ({"baud": 1067}, "baud instead of 115200"),
        ({"baud": 0}, "runs at 0 baud"),
        ({"baud": 521}, "runs at 230326 baud instead of 115200 (its clock is 120000000 Hz)"),
    ],
)
def test_console(make: type[Bench], changes: dict[str, int | None], text: str) -> None:
    bench = make()
    bench.run(H7 if bench.board.family == "stm32h7" else L4).connect(**changes)
    if text:
        assert text in " | ".join(bench.violations)
    else:
        assert bench.violations == []


@pytest.mark.parametrize("make", [h7, l4])
def test_console_without_its_clock(make: type[Bench]) -> None:
    bench = make()
    changes: dict[str, int | None] = {"UART_clock": None}
    bench.run(H7 if bench.board.family == "stm32h7" else L4).connect(**changes)
    assert "is written while its clock is off" in bench.violations[0]


def test_console_at_reset_clock() -> None:
    bench = l4().connect(baud=35)
    assert bench.violations == []
    assert round(bench.uart.baud()) == 114286
    bench = h7().connect(baud=556)
    assert bench.violations == []


def test_baud_follows_the_clock() -> None:
    """Set up before the clock changes: the next byte is noticed."""
    bench = l4().connect(baud=35)
    bench.run(L4, PWR_clock=1 << 28 | 1 << 17)
    bench.uart.recheck()
    bench.uart.write(bench.board.console.address + 0x28, 0x42)
    assert "baud instead of 115200" in bench.violations[-1]


@pytest.mark.parametrize(
    ("registers", "baud"),
    [
        ({0x0C: 1042}, 120e6 / 1042),
        ({0x0C: 0x822, 0x00: 1 << 15}, 2 * 120e6 / 0x824),  # OVER8: BRR[2:0] counts double
        ({0x0C: 521, 0x2C: 1}, 60e6 / 521),  # prescaler 2
    ],
)
def test_baud_registers(registers: dict[int, int], baud: float) -> None:
    bench = l4().run(L4)
    bench.run(PINS["stm32l4r9"])
    for offset, value in registers.items():
        bench.uart.write(bench.board.console.address + offset, value)
    assert bench.uart.baud() == pytest.approx(baud)


def test_low_power_uart() -> None:
    console = dataclasses.replace(
        load_board("stm32l4r9").console, uart="LPUART1", address=0x40008000
    )
    board = dataclasses.replace(load_board("stm32l4r9"), console=console)
    bench = Bench(board).run(L4)
    bench.family.write(0x4002105C, 1)
    bench.uart.write(0x4000800C, 266667)
    assert bench.uart.baud() == pytest.approx(115200, rel=1e-4)


def test_port_g_needs_its_supply() -> None:
    board = load_board("stm32l4r9")
    pins = {"tx": dataclasses.replace(board.console.tx, port="G", pin=7)}
    console = dataclasses.replace(board.console, **pins)  # type: ignore[arg-type]
    bench = Bench(dataclasses.replace(board, console=console)).run(L4)
    problems = bench.family.console_problems(console)
    assert "pins PG2 to PG15 have no supply (PWR_CR2.IOSV is clear)" in problems


def test_unknown_family() -> None:
    board = dataclasses.replace(load_board("stm32l4r9"), family="z80")
    with pytest.raises(UsageError, match="no emulation of the chip family 'z80'"):
        Bench(board)


def test_received_bytes_come_in_order() -> None:
    bench = l4().run(L4).connect()
    address = bench.board.console.address
    bench.uart.received.extend(b"xyz")
    got = b""
    while bench.uart.read(address + 0x1C) & 1 << 5:
        got += bytes([bench.uart.read(address + 0x24)])
    assert got == b"xyz"
    assert bench.uart.read(address + 0x1C) & 0xC0 == 0xC0
