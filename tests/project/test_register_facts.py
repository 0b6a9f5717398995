"""Addresses and bits in the firmware's headers are those of the vendors' headers.

register_facts/ holds what each of the firmware's macros is called there, and what it amounts to:
facts, collected once from the files that each table names.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinydeploy.board import list_chips, load_chip
from tinydeploy.paths import FIRMWARE
from tinydeploy.validate.host import find_host_compiler

FACTS = Path(__file__).with_name("register_facts")
TARGETS = FIRMWARE / "targets"
HEADERS = {
    "core": ("common/core.h",),
    "stm32h7": ("stm32/shared_registers.h", "stm32/usart_isr.h", "stm32h7/registers.h"),
    "stm32l4": ("stm32/shared_registers.h", "stm32/usart_isr.h", "stm32l4/registers.h"),
    "npu_stm32l4": ("../npu/stm32l4/link_registers.h",),
    "npu_stm32l4_spi": ("../npu/stm32l4/spi/spi_registers.h",),
    "npu_stm32l4_sdio": ("../npu/stm32l4/sdio/sdmmc_registers.h",),
    "stm32f7": (
        "stm32/shared_registers.h", "stm32/usart_isr.h", "stm32f/rcc.h", "stm32f7/registers.h",
    ),
    "stm32f4": (
        "stm32/shared_registers.h", "stm32/usart_sr.h", "stm32f/rcc.h", "stm32f4/registers.h",
    ),
}  # fmt: skip
CHIPS = {
    "stm32h743": "stm32h7", "stm32l4r9": "stm32l4", "stm32l4r5": "stm32l4", "stm32f746": "stm32f7",
    "stm32f412": "stm32f4",
}  # fmt: skip

# Macros that are no fact about a register: include guards, functions that make an address of an
# offset, choices that the firmware makes, and names for macros that are in the tables.
_OWN = re.compile(
    r"\w+_H|REGISTER|GPIO|UART|IWDG|UART_CLEAR_ERRORS|NVIC_BIT"
    r"|FAMILY_(VECTOR_ALIGNMENT|CLOCK_ATTEMPTS|CLOCK_HZ|OVERDRIVE|APB[12]_DIVIDER|FLASH_ACR"
    r"|UART_CR1|GPIO_ENABLE|RESETS|RESETS_WATCHDOG|RESETS_CLEAR)"
)


@dataclass(frozen=True)
class Table:
    """Facts by expression of the firmware's macros, and macros that no header confirms."""

    values: dict[str, int]
    unconfirmed: tuple[str, ...]


def read_table(name: str) -> Table:
    values, unconfirmed = {}, []
    for line in (FACTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        ours, _, rest = line.partition(" | ")
        theirs, _, value = rest.rpartition(" | ")
        if theirs == "-":
            assert value, f"{ours}: why is it not confirmed?"
            unconfirmed.append(ours)
        else:
            assert ours not in values
            values[ours] = int(value, 16)
    return Table(values, tuple(unconfirmed))


def evaluate(name: str, expressions: list[str], folder: Path) -> list[int]:
    """What the expressions amount to where a register is its address."""
    lines = ["#include <stdint.h>", "#include <stdio.h>", "#define REGISTER(address) (address)"]
    lines += ["#define BOARD_CONSOLE_ADDRESS 0u"]
    lines += [f'#include "{HEADERS[name][-1]}"', "int main(void) {"]
    lines += [f'printf("%lx\\n", (unsigned long)({text}));' for text in expressions]
    source = folder / "values.c"
    source.write_text("\n".join([*lines, "}"]), encoding="utf-8")
    folders = {
        TARGETS,
        *((TARGETS / header).parent for header in HEADERS[name]),
        TARGETS / "common",
        TARGETS / "../npu/stm32l4",
    }
    command = [*find_host_compiler(), *(f"-I{path}" for path in sorted(folders)), str(source)]
    subprocess.run([*command, "-o", str(folder / "values")], check=True)
    run = subprocess.run([folder / "values"], capture_output=True, text=True, check=True)
    return [int(line, 16) for line in run.stdout.split()]


@pytest.mark.parametrize("name", HEADERS)
def test_registers_and_bits(tmp_path: Path, name: str) -> None:
    values = read_table(name).values
    facts = {text: value for text, value in values.items() if not re.search("_(BASE|IRQn)$", text)}
    found = dict(zip(facts, evaluate(name, list(facts), tmp_path), strict=True))
    assert {k: hex(v) for k, v in found.items()} == {k: hex(v) for k, v in facts.items()}


@pytest.mark.parametrize("name", HEADERS)
def test_every_macro_is_in_the_table(name: str) -> None:
    table = read_table(name)
    known = {re.match(r"\w+", text)[0] for text in (*table.values, *table.unconfirmed)}  # type: ignore[index]
    defined = {
        macro
        for header in HEADERS[name]
        for macro in re.findall(
            r"^#define (\w+)", (TARGETS / header).read_text("utf-8"), re.MULTILINE
        )
    }
    own = {macro for macro in defined if _OWN.fullmatch(macro)}
    assert defined - own - known == set()
    assert {text for text in table.unconfirmed if text not in defined} == set()


def test_no_code_names_an_address_itself() -> None:
    """Registers are in the headers alone."""
    sources = [*TARGETS.glob("*/*.c"), *FIRMWARE.glob("npu/**/*.c")]
    assert len(sources) > 20
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bREGISTER\(|volatile uint32_t \*\)0x", text), path


@pytest.mark.parametrize("chip", [chip for chip in list_chips() if chip.startswith("stm32")])
def test_uarts_of_chip_profiles(chip: str) -> None:
    facts = read_table(CHIPS[chip]).values
    uarts = load_chip(chip).uarts
    found = {f"{uart.name}_BASE": uart.address for uart in uarts}
    found |= {f"{uart.name}_IRQn": uart.irq for uart in uarts}
    assert found == {k: v for k, v in facts.items() if re.search("_(BASE|IRQn)$", k)}
    enables = {text for text in facts if text.endswith("_ENABLE")}
    assert {f"{uart.name}_ENABLE" for uart in uarts} == enables
