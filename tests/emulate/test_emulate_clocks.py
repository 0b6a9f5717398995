"""Clocks, voltages, wait states: the right set-up runs, each wrong step is noticed."""

from __future__ import annotations

import dataclasses

import pytest
from clock_bench import CLOCKS, STEPS, Bench, bench_of, every_board, h7, l4

from tinydeploy.board import load_board
from tinydeploy.emulate.peripherals.family import START_UP
from tinydeploy.errors import UsageError


@every_board
def test_full_speed(name: str) -> None:
    bench = bench_of(name)
    core, kernel, reset = (mhz * 1e6 for mhz in CLOCKS[name])
    assert bench.family.core_clock_hz() == reset
    bench.set_up().connect()
    assert bench.violations == []
    assert bench.family.core_clock_hz() == core == bench.board.clock_hz
    assert bench.family.uart_clock_hz(bench.board.console) == kernel
    assert kernel == bench.board.console.kernel_clock_hz
    assert bench.sent == b"A"


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
    assert text in " | ".join(h7().set_up(**changes).violations)


def test_h7_reset_of_syscfg_ends_the_overdrive() -> None:
    bench = h7().set_up()
    bench.family.write(0x5802449C, 2)
    assert "VOS1 allows 400 MHz" in bench.violations[0]


def test_h7_pll_is_not_to_be_changed_while_it_runs() -> None:
    bench = h7().set_up()
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
    assert text in " | ".join(l4().set_up(**changes).violations)


def test_l4_flash_slows_down_before_the_clock_does() -> None:
    bench = l4().set_up()
    bench.family.write(0x40022000, 0x703)
    assert "flash has 3 wait states at 120 MHz" in bench.violations[0]


@pytest.mark.parametrize("name", ["stm32f746", "stm32f412"])
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"PWR_clock": None, "await_voltage": None},
            "PWR is written while its clock is off (RCC_APB1ENR bit 28)",
        ),
        ({"await_HSE": None}, "PLL is turned on before its source HSE is ready"),
        ({"bypass": 1, "HSE_on": 1, "await_HSE": None}, "before its source HSE is ready"),
        ({"PLL_factors": 0x25401902}, "reference of 4 MHz is outside 0.95 to 2.1 MHz"),
        ({"PLL_factors": 0x25401901}, "PLL's M is 1, it has to be at least 2"),
        ({"PLL_factors": 0x25404E04}, "VCO of 624 MHz is outside 100 to 432 MHz"),
        ({"PLL_factors": 0x25400804}, "PLL's N is 32, it has to be 50 to 432"),
        ({"PLL_factors": 0x21401904}, "PLL's Q is 1, it has to be at least 2"),
        ({"await_PLL": None, "await_voltage": None}, "switched to PLL before PLL is ready"),
        ({"switch": 3, "await_switch": None}, "RCC_CFGR.SW is 3, which selects no clock"),
        ({"PLL_on": None, "await_PLL": None, "await_voltage": None}, "before PLL is ready"),
    ],
)
def test_stm32f_wrong_step(name: str, changes: dict[str, int | None], text: str) -> None:
    steps = [step for step in STEPS[name] if "drive" not in step[0]]
    assert text in " | ".join(bench_of(name).run(steps, **changes).violations)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"scale": 2 << 14}, "scale 2 with over-drive allows 180 MHz"),
        ({"scale": 1 << 14}, "scale 3 with over-drive allows 144 MHz"),
        ({"await_voltage": None}, ""),  # the over-drive takes longer
        (
            {"drive_switch": None, "await_drive_switch": None},
            "the core runs at 216 MHz, voltage scale 1 without over-drive allows 180 MHz",
        ),
        ({"await_drive_switch": None}, "scale 1 without over-drive allows 180 MHz"),
        ({"await_over-drive": None}, "ODSWEN is set before the over-drive is ready"),
        ({"wait_states": 0x306}, "flash has 6 wait states at 216 MHz, it needs 7"),
        ({"dividers": 0x9000, "switch": 0x9002}, "APB1 runs at 108 MHz, it may run at 54 MHz"),
        ({"dividers": 0x1400, "switch": 0x1402}, "APB2 runs at 216 MHz, it may run at 108 MHz"),
        ({"PWR_clock": 1 << 28 | 1 << 18}, "over-drive is switched to while peripherals have"),
        ({"PLL_factors": 0x29403604 + (1 << 6)}, "VCO of 434 MHz is outside 100 to 432 MHz"),
    ],
)
def test_f7_wrong_step(changes: dict[str, int | None], text: str) -> None:
    violations = bench_of("stm32f746").set_up(**changes).violations
    assert text in " | ".join(violations) if text else not violations


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"scale": None}, "the core runs at 100 MHz, voltage scale 2 allows 84 MHz"),
        ({"scale": 1 << 14}, "voltage scale 3 allows 64 MHz"),
        ({"await_voltage": None}, "voltage scale 3 allows 64 MHz"),
        ({"wait_states": 0x702}, "flash has 2 wait states at 100 MHz, it needs 3"),
        ({"dividers": 0, "switch": 2}, "APB1 runs at 100 MHz, it may run at 50 MHz"),
        ({"PLL_factors": 0x25401A04}, "the core runs at 104 MHz"),
    ],
)
def test_f4_wrong_step(changes: dict[str, int | None], text: str) -> None:
    assert text in " | ".join(bench_of("stm32f412").set_up(**changes).violations)


@pytest.mark.parametrize("name", ["stm32f746", "stm32f412"])
@pytest.mark.parametrize(
    ("register", "value", "text"),
    [
        (0x40007000, 1 << 14 | 3 << 16, "VOS is changed while the PLL is on"),
        (0x40023804, 0x25403204, "PLL is configured while it is on"),
        (0x40023C00, 0x301, "flash has 1 wait states"),
    ],
)
def test_stm32f_stays_within_limits(name: str, register: int, value: int, text: str) -> None:
    bench = bench_of(name).set_up()
    bench.family.write(register, value)
    assert text in bench.violations[0]


def test_f7_over_drive_is_not_left_at_full_speed() -> None:
    bench = bench_of("stm32f746").set_up()
    bench.family.write(0x40007000, 3 << 14)
    assert bench.violations[0] == "the over-drive is switched while the core runs from the PLL"
    assert "without over-drive allows 180 MHz" in bench.violations[1]


@every_board
def test_source_of_the_core_is_not_turned_off(name: str) -> None:
    bench = bench_of(name).set_up()
    control = {"stm32h743": 0x58024400, "stm32l4r9": 0x40021000}.get(name, 0x40023800)
    bench.family.write(control, bench.family.read(control) & ~(1 << 24))
    assert "is turned off while the core runs from it" in bench.violations[0]


def test_unknown_family() -> None:
    board = dataclasses.replace(load_board("stm32l4r9"), family="z80")
    with pytest.raises(UsageError, match="no emulation of the chip family 'z80'"):
        Bench(board)
