"""From the tables of a TOML file to boards and chips."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tinydeploy.board.board import (
    AcceleratorPort,
    Board,
    Chip,
    ClockGate,
    Console,
    ExternalClock,
    Memory,
    Pin,
    SdioPort,
    Uart,
)
from tinydeploy.board.choices import (
    MistakeError,
    choose_baud,
    choose_clock_kind,
    choose_external_clock,
    choose_name,
    choose_pin,
    choose_probe,
    choose_text,
    choose_uart,
)

_PIN = re.compile("P([A-K])([0-9]|1[0-5])")


def parse_chip(name: str, table: Mapping[str, Any]) -> Chip:
    """A chip profile.

    Args:
        name: Of its file.
        table: What the file says.

    Raises:
        KeyError: An entry is missing.
        MistakeError: A pin is none.
        TypeError, ValueError, AttributeError, OverflowError: An entry is of the wrong type.
    """
    limits = table.get("external_clock", {})
    return Chip(
        name=name,
        default_board=str(table.get("default_board", "")),
        family=str(table["family"]),
        uarts=tuple(_parse_uart(uart, entry) for uart, entry in table["uart"].items()),
        external_clock=ExternalClock(int(limits["multiple_of_hz"]), int(limits["most_hz"]))
        if "multiple_of_hz" in limits
        else None,
        watchdog_hz=int(table.get("watchdog", {}).get("clock_hz", 0)),
    )


def parse_board(table: Mapping[str, Any], chip: Chip) -> Board:
    """A board.

    Args:
        table: What its file says, laid over the chip's.
        chip: The chip.

    Raises:
        KeyError: An entry is missing.
        MistakeError: The chip does not offer what the board chooses.
        TypeError, ValueError, AttributeError, OverflowError: An entry is of the wrong type.
    """
    core, budget = table["core"], table["budget"]
    clock = table.get("external_clock", {})
    return Board(
        name=choose_name(str(table["name"])),
        title=choose_text(str(table["title"])),
        chip=choose_text(str(table["order_code"])),
        profile=chip,
        family=chip.family,
        cpu=str(core["cpu"]),
        fpu=str(core["fpu"]),
        clock_hz=int(core["clock_hz"]),
        external_clock_hz=choose_external_clock(chip, int(clock.get("hz", 0))),
        external_crystal=choose_clock_kind(str(clock.get("kind", "signal"))) == "crystal",
        memories=tuple(_parse_memory(entry) for entry in table["memory"]),
        console=_parse_console(table["console"], chip),
        probes={
            str(tool): choose_probe(str(name)) for tool, name in table.get("probe", {}).items()
        },
        flash_budget=int(budget["flash_bytes"]),
        ram_budget=int(budget["ram_bytes"]),
        qemu_machine=str(table.get("qemu_machine", "")),
        accelerator=_parse_accelerator(table["accelerator"]) if "accelerator" in table else None,
    )


def _parse_uart(name: str, entry: Mapping[str, Any]) -> Uart:
    return Uart(
        name=name,
        address=int(entry["address"]),
        irq=int(entry["irq"]),
        kernel_clock_hz=int(entry["kernel_clock_hz"]),
        tx=tuple(_parse_pin(pin, function) for pin, function in entry.get("tx", {}).items()),
        rx=tuple(_parse_pin(pin, function) for pin, function in entry.get("rx", {}).items()),
    )


def _parse_pin(name: str, function: int) -> Pin:
    found = _PIN.fullmatch(name)
    if found is None or not 0 <= int(function) < 16:
        raise MistakeError(f"{name} with function {function} is not a pin")
    return Pin(found[1], int(found[2]), int(function))


def _parse_console(entry: Mapping[str, Any], chip: Chip) -> Console:
    uart = choose_uart(chip, str(entry["uart"]))
    return Console(
        uart=uart.name,
        address=uart.address,
        irq=uart.irq,
        kernel_clock_hz=uart.kernel_clock_hz,
        baud=choose_baud(uart, int(entry["baud"])),
        tx=choose_pin(uart, "tx", str(entry.get("tx", ""))),
        rx=choose_pin(uart, "rx", str(entry.get("rx", ""))),
    )


def _parse_accelerator(entry: Mapping[str, Any]) -> AcceleratorPort:
    """SCK, MISO and MOSI share an alternate function, as SDIO's pins do; the others need none."""
    if (spi := str(entry["spi"])) != "SPI2":
        raise MistakeError(f"an accelerator cannot be wired to {spi}", "The firmware drives SPI2.")
    function = int(entry["function"])
    bus = {key: _parse_pin(str(entry[key]), function) for key in ("sck", "miso", "mosi")}
    lines = {key: _parse_pin(str(entry[key]), 0) for key in ("select", "ready", "reset")}
    sdio = _parse_sdio(entry["sdio"]) if "sdio" in entry else None
    return AcceleratorPort(spi=spi, **bus, **lines, sdio=sdio)


def _parse_sdio(entry: Mapping[str, Any]) -> SdioPort:
    if (unit := str(entry["unit"])) != "SDMMC1":
        raise MistakeError(
            f"an accelerator cannot be wired to {unit}", "The firmware drives SDMMC1."
        )
    ck, cmd, d0, d1, d2, d3 = (
        _parse_pin(str(entry[key]), int(entry["function"]))
        for key in ("ck", "cmd", "d0", "d1", "d2", "d3")
    )
    return SdioPort(unit, ck, cmd, (d0, d1, d2, d3))


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
