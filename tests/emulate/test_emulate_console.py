"""The console: pins, clocks, enables and baud rate of every generation of the USART."""

from __future__ import annotations

import dataclasses

import pytest
from clock_bench import CLOCKS, PINS, Bench, bench_of, every_board, l4

from tinydeploy.board import load_board


def test_f7_uart_clock_sources() -> None:
    bench = bench_of("stm32f746").set_up()
    for select, hertz in ((0, 54e6), (1, 216e6), (2, 16e6), (3, 32768.0)):
        bench.family.write(0x40023890, select << 4)
        assert bench.family.uart_clock_hz(bench.board.console) == hertz


@pytest.mark.parametrize(("name", "hertz"), [("stm32f746", 108e6), ("stm32f412", 100e6)])
def test_stm32f_uart_at_the_fast_bus(name: str, hertz: float) -> None:
    bench = bench_of(name).set_up()
    console = dataclasses.replace(bench.board.console, uart="USART6", address=0x40011400)
    assert bench.family.uart_clock_hz(console) == hertz


@pytest.mark.parametrize(("name", "bit"), [("stm32f746", 29), ("stm32f412", 14)])
def test_usart_without_fifo(name: str, bit: int) -> None:
    bench = bench_of(name).set_up().connect()
    bench.uart.write(bench.board.console.address + bench.uart.layout.cr1, 1 << bit | 1)
    assert "CR1 is written with bits that it does not have" in bench.violations[0]


def test_old_usart_is_enabled_by_another_bit() -> None:
    """UE of the newer ones is the old one's SBK."""
    bench = bench_of("stm32f412").set_up().connect(enables=None)
    bench.violations.clear()
    bench.uart.write(bench.board.console.address + 0x0C, 0xD)
    bench.uart.write(bench.board.console.address + 0x04, 0x41)
    assert "CR1.UE clear" in bench.violations[0]


@every_board
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"port_clock": None}, "is written while its clock is off"),
        ({"pin_modes": None}, "is not in alternate-function mode (MODER"),
        ({"functions": 0}, "has alternate function 0 instead of 7"),
        ({"enables": 0x5}, "CR1.TE clear"),
        ({"enables": 0xC}, "CR1.UE clear"),
        ({"enables": 0x9}, "CR1.RE clear"),
        ({"baud": 0}, "runs at 0 baud"),
        ({"UART_clock": None}, "is written while its clock is off"),
    ],
)
def test_console(name: str, changes: dict[str, int | None], text: str) -> None:
    bench = bench_of(name).set_up().connect(**changes)
    assert text in " | ".join(bench.violations)


@every_board
@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (1.017, ""),
        (1.025, "baud instead of 115200"),
        (0.5, "baud instead of 115200 (its clock is"),
    ],
)
def test_console_speed(name: str, factor: float, text: str) -> None:
    divider = round(CLOCKS[name][1] * 1e6 / 115200 * factor)
    bench = bench_of(name).set_up().connect(baud=divider)
    assert text in " | ".join(bench.violations) if text else not bench.violations


@every_board
def test_console_at_reset_clock(name: str) -> None:
    bench = bench_of(name).connect()
    assert bench.violations == []
    assert bench.uart.baud() == pytest.approx(115200, rel=0.01)


def test_baud_follows_the_clock() -> None:
    """Set up before the clock changes: the next byte is noticed."""
    bench = l4().connect(baud=35)
    bench.set_up(PWR_clock=1 << 28 | 1 << 17)
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
    bench = l4().set_up()
    bench.run(PINS["stm32l4r9"])
    for offset, value in registers.items():
        bench.uart.write(bench.board.console.address + offset, value)
    assert bench.uart.baud() == pytest.approx(baud)


def test_low_power_uart() -> None:
    console = dataclasses.replace(
        load_board("stm32l4r9").console, uart="LPUART1", address=0x40008000
    )
    board = dataclasses.replace(load_board("stm32l4r9"), console=console)
    bench = Bench(board).set_up()
    bench.family.write(0x4002105C, 1)
    bench.uart.write(0x4000800C, 266667)
    assert bench.uart.baud() == pytest.approx(115200, rel=1e-4)


def test_port_g_needs_its_supply() -> None:
    board = load_board("stm32l4r9")
    pins = {"tx": dataclasses.replace(board.console.tx, port="G", pin=7)}
    console = dataclasses.replace(board.console, **pins)  # type: ignore[arg-type]
    bench = Bench(dataclasses.replace(board, console=console)).set_up()
    problems = bench.family.console_problems(console)
    assert "pins PG2 to PG15 have no supply (PWR_CR2.IOSV is clear)" in problems


@every_board
def test_received_bytes_come_in_order(name: str) -> None:
    bench = bench_of(name).set_up().connect()
    base, layout = bench.board.console.address, bench.uart.layout
    bench.uart.received.extend(b"xyz")
    got = b""
    while bench.uart.read(base + layout.status) & 1 << 5:
        got += bytes([bench.uart.read(base + layout.receive)])
    assert got == b"xyz"
    assert bench.uart.read(base + layout.status) & 0xC0 == 0xC0
