"""Clock set-up on the host, over simulated registers: also where something does not start."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fake_model import fake_files

from tinydeploy.board import Board, load_board
from tinydeploy.project.layout import target_folders
from tinydeploy.project.write import write_project
from tinydeploy.validate.host import find_host_compiler

# STM32H743
RCC_CR, RCC_CFGR, D1CFGR, PLLCKSELR, PLL1DIVR = (
    0x58024400, 0x58024410, 0x58024418, 0x58024428, 0x58024430,
)  # fmt: skip
PWR_CSR1, PWR_CR3, PWR_D3CR, PWRCR, ACR, IDC = (
    0x58024804, 0x5802480C, 0x58024818, 0x5800042C, 0x52002000, 0x5C001000,
)  # fmt: skip
# STM32L4R9
L4_CR, L4_CFGR, L4_PLLCFGR, L4_ACR, L4_SR2, L4_CR5 = (
    0x40021000, 0x40021008, 0x4002100C, 0x40022000, 0x40007014, 0x40007080,
)  # fmt: skip
# STM32F746 and STM32F412
F_CR, F_PLLCFGR, F_CFGR, F_PWR, F_CSR, F_ACR = (
    0x40023800, 0x40023804, 0x40023808, 0x40007000, 0x40007004, 0x40023C00,
)  # fmt: skip


def follows(address: int, bit: int, ready: int) -> str:
    """A ready flag that is set while its enable bit is."""
    return f"rule:{address:x}:{1 << bit:x}:{1 << bit:x}:{address:x}:{1 << ready:x}:0"


STM32F = [
    f"reset:{F_CR:x}:83",
    f"reset:{F_PLLCFGR:x}:24003010",
    follows(F_CR, 0, 1),
    follows(F_CR, 16, 17),
    follows(F_CR, 24, 25),
    *(follows(F_CFGR, bit, bit + 2) for bit in range(2)),
    f"rule:{F_CR:x}:2000000:2000000:{F_CSR:x}:4000:0",  # VOSRDY needs the PLL
]
CHIPS = {
    "stm32h743": [
        f"reset:{RCC_CR:x}:1",
        f"reset:{PWR_CR3:x}:6",
        f"reset:{PLLCKSELR:x}:2020200",
        f"reset:{ACR:x}:37",
        f"reset:{IDC:x}:20036450",
        follows(RCC_CR, 0, 2),
        follows(RCC_CR, 16, 17),
        follows(RCC_CR, 24, 25),
        *(follows(RCC_CFGR, bit, bit + 3) for bit in range(3)),  # SW, SWS
        f"rule:{PWR_CR3:x}:4:0:{PWR_CSR1:x}:2000:0",
        f"rule:{PWR_CR3:x}:4:0:{PWR_D3CR:x}:2000:0",
    ],
    "stm32l4r9": [
        f"reset:{L4_CR:x}:63",
        f"reset:{L4_CR5:x}:100",
        follows(L4_CR, 8, 10),
        follows(L4_CR, 24, 25),
        *(follows(L4_CFGR, bit, bit + 2) for bit in range(2)),
    ],
    "stm32f746": [
        *STM32F,
        f"reset:{F_PWR:x}:c000",
        f"rule:{F_PWR:x}:10000:10000:{F_CSR:x}:10000:0",  # ODEN, ODRDY
        f"rule:{F_PWR:x}:30000:30000:{F_CSR:x}:20000:0",  # ODSWEN, ODSWRDY
    ],
    "stm32f412": [*STM32F, f"reset:{F_PWR:x}:8000"],
}


@dataclass(frozen=True)
class Result:
    """What the clock set-up left."""

    core: int
    console: int
    registers: dict[int, int]


def build_program(board: Board, folder: Path) -> Path:
    """The clock set-up of a board as a host program."""
    write_project(folder, fake_files(board))
    tests = Path(__file__).parent
    sources = [*folder.glob("targets/*/clock.c"), tests / "host_clock.c"]
    includes = ["config", *(path for path in target_folders(board) if "libc" not in path)]
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{tests}"]
    command = [*find_host_compiler(), *flags, *(f"-I{folder / i}" for i in includes)]
    subprocess.run(
        [*command, "-include", "host_register.h", *sources, "-o", folder / "clock"], check=True
    )
    return folder / "clock"


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The program of each board."""
    return {
        name: build_program(load_board(name), tmp_path_factory.mktemp(f"clock-{name}"))
        for name in CHIPS
    }


def start_clocks(programs: dict[str, Path], name: str, *stuck: str) -> Result:
    command = [programs[name], *CHIPS[name], *stuck]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    first, *rest = run.stdout.splitlines()
    core, console = map(int, first.split())
    registers = dict(tuple(int(n, 16) for n in line.split()) for line in rest)
    return Result(core, console, registers)


def test_h743_at_full_speed(programs: dict[str, Path]) -> None:
    """The register words of a set-up by hand from the manual."""
    found = start_clocks(programs, "stm32h743")
    assert (found.core, found.console) == (480_000_000, 120_000_000)
    registers = found.registers
    assert registers[PLLCKSELR] == 0x02020022
    assert registers[PLL1DIVR] == 0x010702EF
    assert registers[0x5802442C] == 0x01FF0008
    assert registers[RCC_CFGR] & 0x3F == 0x1B
    assert (registers[D1CFGR], registers[0x5802441C], registers[0x58024420]) == (0x48, 0x440, 0x40)
    assert registers[ACR] == 0x24
    assert registers[PWRCR] == 1
    assert registers[PWR_D3CR] >> 14 == 3
    assert registers[PWR_CR3] == 2


def test_l4r9_at_full_speed(programs: dict[str, Path]) -> None:
    found = start_clocks(programs, "stm32l4r9")
    assert (found.core, found.console) == (120_000_000, 120_000_000)
    registers = found.registers
    assert registers[L4_PLLCFGR] == 0x01001E12
    assert registers[L4_ACR] == 0x705
    assert registers[L4_CR5] & 0x100 == 0
    assert registers[L4_CFGR] == 0xF


@pytest.mark.parametrize(
    ("name", "core", "console", "pll", "acr", "cfgr"),
    [
        ("stm32f746", 216_000_000, 54_000_000, 0x29403604, 0x307, 0x940A),
        ("stm32f412", 100_000_000, 50_000_000, 0x25401904, 0x703, 0x100A),
    ],
)
def test_stm32f_at_full_speed(
    programs: dict[str, Path], name: str, core: int, console: int, pll: int, acr: int, cfgr: int
) -> None:
    found = start_clocks(programs, name)
    assert (found.core, found.console) == (core, console)
    registers = found.registers
    assert registers[F_PLLCFGR] == pll
    assert registers[F_ACR] == acr
    assert registers[F_CFGR] == cfgr
    assert registers[F_PWR] == (0x3C000 if name == "stm32f746" else 0xC000)
    assert registers[F_CR] & 5 << 16 == 5 << 16  # HSE with bypass


@pytest.mark.parametrize(
    ("stuck", "core", "console", "source"),
    [
        # No clock at OSC_IN: PLL from the HSI, 64 MHz / 16.
        (f"stuck:{RCC_CR:x}:20000:0", 480_000_000, 120_000_000, 3),
        # Revision Y, and a revision that cannot be read: 400 MHz at VOS1.
        (f"stuck:{IDC:x}:ffffffff:10036450", 400_000_000, 100_000_000, 3),
        (f"stuck:{IDC:x}:ffffffff:0", 400_000_000, 100_000_000, 3),
        # The supply, the voltage, the overdrive or the PLL never get ready: the HSI.
        (f"stuck:{PWR_CSR1:x}:2000:0", 64_000_000, 64_000_000, 0),
        (f"stuck:{PWR_D3CR:x}:2000:0", 64_000_000, 64_000_000, 0),
        (f"stuck:{PWRCR:x}:1:0", 64_000_000, 64_000_000, 0),
        (f"stuck:{RCC_CR:x}:2000000:0", 64_000_000, 64_000_000, 0),
        # The flash refuses its wait states, the switch does not happen.
        (f"stuck:{ACR:x}:f:7", 64_000_000, 64_000_000, 0),
        (f"stuck:{RCC_CFGR:x}:38:0", 64_000_000, 64_000_000, 0),
    ],
)
def test_h743_falls_back(
    programs: dict[str, Path], stuck: str, core: int, console: int, source: int
) -> None:
    found = start_clocks(programs, "stm32h743", stuck)
    assert (found.core, found.console) == (core, console)
    assert found.registers.get(RCC_CFGR, 0) & 7 == source
    if core == 64_000_000:
        assert found.registers.get(D1CFGR, 0) == 0
    else:
        divider, factor = found.registers[PLLCKSELR] >> 4 & 63, found.registers[PLL1DIVR] & 0x1FF
        source_hz = (64_000_000, 0, 8_000_000)[found.registers[PLLCKSELR] & 3]
        assert source_hz // divider * (factor + 1) // 2 == core
    if core == 400_000_000:
        assert found.registers.get(PWRCR, 0) == 0  # no overdrive below


def test_h743_locked_supply_is_left(programs: dict[str, Path]) -> None:
    """PWR_CR3 can be written once: what a boot loader wrote stays, and nothing waits for it."""
    found = start_clocks(programs, "stm32h743", f"reset:{PWR_CR3:x}:2")
    assert found.core == 480_000_000


@pytest.mark.parametrize(
    ("stuck", "hz", "source"),
    [
        (f"stuck:{L4_CR:x}:400:0", 4_000_000, 0),  # no HSI16: the MSI as after reset
        (f"stuck:{L4_SR2:x}:400:400", 16_000_000, 1),  # the voltage does not settle
        (f"stuck:{L4_ACR:x}:f:0", 16_000_000, 1),  # the flash refuses its wait states
        (f"stuck:{L4_CR:x}:2000000:0", 16_000_000, 1),  # the PLL does not lock
    ],
)
def test_l4r9_falls_back(programs: dict[str, Path], stuck: str, hz: int, source: int) -> None:
    found = start_clocks(programs, "stm32l4r9", stuck)
    assert (found.core, found.console) == (hz, hz)
    assert found.registers.get(L4_CFGR, 0) & 3 == source
    assert found.registers.get(L4_CFGR, 0) >> 4 & 15 == 0


@pytest.mark.parametrize(
    ("name", "stuck"),
    [
        *((name, f"stuck:{F_CR:x}:2:0") for name in ("stm32f746", "stm32f412")),  # no HSI
        *((name, f"stuck:{F_CR:x}:2000000:0") for name in ("stm32f746", "stm32f412")),  # no lock
        *((name, f"stuck:{F_CSR:x}:4000:0") for name in ("stm32f746", "stm32f412")),  # no voltage
        ("stm32f746", f"stuck:{F_CSR:x}:10000:0"),  # no over-drive, no switch to it
        ("stm32f746", f"stuck:{F_CSR:x}:20000:0"),
        *((name, f"stuck:{F_ACR:x}:f:1") for name in ("stm32f746", "stm32f412")),  # wait states
        *((name, f"stuck:{F_CFGR:x}:c:0") for name in ("stm32f746", "stm32f412")),  # no switch
    ],
)
def test_stm32f_falls_back_to_the_hsi(programs: dict[str, Path], name: str, stuck: str) -> None:
    found = start_clocks(programs, name, stuck)
    assert (found.core, found.console) == (16_000_000, 16_000_000)
    assert found.registers.get(F_CFGR, 0) & 0xFFFF == 0  # HSI, nothing divided


@pytest.mark.parametrize(("name", "core"), [("stm32f746", 216), ("stm32f412", 100)])
def test_stm32f_without_external_clock(programs: dict[str, Path], name: str, core: int) -> None:
    found = start_clocks(programs, name, f"stuck:{F_CR:x}:20000:0")
    assert found.core == core * 1_000_000
    fields = found.registers[F_PLLCFGR]
    assert fields >> 22 & 1 == 0
    assert 16 // (fields & 63) * (fields >> 6 & 511) // 2 == core
    assert found.registers[F_CR] & 1 << 16 == 0


@pytest.mark.parametrize(("name", "core"), [("stm32h743", 480), ("stm32f746", 216)])
def test_crystals_are_not_bypassed(tmp_path: Path, name: str, core: int) -> None:
    """HSEON without HSEBYP; the divider in front of the PLL follows the frequency."""
    board = replace(load_board(name), external_clock_hz=16_000_000, external_crystal=True)
    found = start_clocks({name: build_program(board, tmp_path)}, name)
    assert found.core == core * 1_000_000
    control = found.registers[RCC_CR if name == "stm32h743" else F_CR]
    assert control >> 16 & 7 == 0b011
    if name == "stm32h743":
        assert found.registers[PLLCKSELR] == 0x02020042
    else:
        assert found.registers[F_PLLCFGR] & 63 == 8
