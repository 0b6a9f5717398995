"""Each rule of the hardware that the emulated board checks: a firmware breaks it, and does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from probe_firmware import BOARDS, Probe

from tinydeploy.board import load_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError

# Command, UsageFault/BusFault status (CFSR) in the firmware's own report, what the emulator says.
FAULTS = {
    "FPU before CPACR": ("f", 0x80000, "floating-point instruction before CPACR"),
    "LDRD": ("ad1", 0x1000000, "unaligned"),
    "STRD": ("aD2", 0x1000000, "unaligned"),
    "LDM": ("am1", 0x1000000, "unaligned"),
    "STM": ("aM3", 0x1000000, "unaligned"),
    "LDREX": ("ae2", 0x1000000, "unaligned"),
    "VLDR": ("Fav1", 0x1000000, "unaligned"),
    "VSTM": ("FaV2", 0x1000000, "unaligned"),
    "base loaded in the block": ("ac1", 0x1000000, "unaligned"),
    "base moved by a multiple of 4": ("ak1", 0x1000000, "unaligned"),
    "conditional, executed": ("ai1", 0x1000000, "unaligned"),
    "read of nothing": ("n", 0x8200, "reads 4 bytes at 0x60000000, where the board has no memory"),
    "write to nothing": ("N", 0x8200, "writes 4 bytes at 0x60000000"),
    "write to flash": ("W", 0x8200, "writes 4 bytes at 0x08000100, in flash, which is rx"),
    "execution of nothing": ("x", 0x100, "fetches an instruction from 0x60000000"),
    "undefined instruction": ("u", 0x10000, "undefined instruction"),
    "stack overflow": ("o", 0x8200, "the stack has overflowed"),
    "invalid exception return": ("r", 0x40000, "invalid exception return"),
    "BusFault enabled": ("B", 0x8200, "reads 4 bytes at 0x60000000"),
    "masked SVC": ("s", 0, "SVC while its exception is masked"),
}

# What may look like a fault and is none.
ALLOWED = {
    "FPU behind CPACR": ("F", "fpu on"),
    "LDRD aligned": ("ad0", "aligned=00000064"),
    "LDRD at a multiple of 4": ("ad4", "aligned=00000064"),
    "VLDR aligned": ("Fav4", "aligned=00000076"),
    "base loaded in the block, aligned": ("ac4", "aligned=00000063"),
    "base made aligned": ("an3", "aligned=0000006e"),
    "conditional, aligned": ("ai0", "aligned=00000069"),
    "conditional, not executed": ("aj1", "aligned=0000006a"),
    "LDR, STR, LDRH unaligned": ("aw1", "aligned=00000077"),
    "gated memory behind its clock": ("G", "gated=12345678"),
    "WFE, YIELD, SEV, NOP": ("e", "hints"),
    "peripheral without a model": ("q", "kept=00000005"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_taken_and_reported(name: str, probe: Probe) -> None:
    command, status, text = FAULTS[name]
    probe.emulated.transport.write(command.encode())
    console = ""
    with pytest.raises(EmulationError) as error:
        while True:
            console += probe.emulated.transport.read(1000, 10.0).decode()
    assert text in error.value.message
    assert "probe.c:" in error.value.message or "in no function" in error.value.message
    # The firmware's handler ran and read the fault status registers.
    found = re.search(r"fault=([0-9a-f]{8})", console)
    assert found is not None, console
    assert int(found[1], 16) & ~0x1000 == status
    forced = re.search(r"hfsr=([0-9a-f]{8})", console)
    assert forced is not None
    assert int(forced[1], 16) == (0 if name == "BusFault enabled" else 1 << 30)


@pytest.mark.parametrize("name", ALLOWED)
def test_no_fault(name: str, probe: Probe) -> None:
    command, line = ALLOWED[name]
    if command.startswith("F") and len(command) > 1:
        assert probe.ask("F") == "fpu on"
        command = command[1:]
    assert probe.ask(command) == line
    assert probe.emulated.failure() is None


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("b", "executed a breakpoint"),
        ("R", "reset the chip"),
        ("L", "its handler faulted too, the core locked up"),
        ("p", "writes the word at 0x5f000000, where the chip has no peripheral"),
    ],
)
def test_firmware_stops(command: str, text: str, probe: Probe) -> None:
    probe.emulated.transport.write(command.encode())
    with pytest.raises(EmulationError, match=text):
        while True:
            probe.emulated.transport.read(1000, 10.0)


@pytest.mark.parametrize("probe", ["stm32h743"], indirect=True)
@pytest.mark.parametrize("command", ["g", "GH"])
def test_memory_without_clock(command: str, probe: Probe) -> None:
    if command == "GH":
        assert probe.ask("G") == "gated=12345678"
    probe.emulated.transport.write(command[-1].encode())
    with pytest.raises(EmulationError, match="in sram123, whose clock is off"):
        while True:
            probe.emulated.transport.read(1000, 10.0)


def test_ram_is_not_zero_at_power_on(probe: Probe) -> None:
    # .bss is not cleared by this firmware: the word is what the RAM held.
    assert probe.ask("z") not in ("zero=00000000", "zero=ffffffff")


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("t", ["ticks=00000005"]),
        ("w", ["slept=00000005"]),
        ("k", ["fpu=00000001"]),
        ("P", ["control=00000002", "frame=00000001"]),
        ("iabc.", ["interrupts", "abcirqs=00000001"]),
    ],
)
def test_exceptions_and_timers(command: str, lines: list[str], probe: Probe) -> None:
    assert probe.ask(command) == lines[0]
    for line in lines[1:]:
        assert probe.read_until("\n") == line + "\n"


@pytest.mark.parametrize("probe", BOARDS, indirect=True)
def test_console_of_every_board(probe: Probe) -> None:
    """Polled and by interrupt, at the clock that runs after reset."""
    assert probe.ask("Exyz.") == "xyzhash=0001d199"
    assert abs(probe.emulated.baud() / 115200 - 1) < 0.01
    assert probe.ask("iabc.") == "interrupts"
    assert probe.read_until("\n") == "abcirqs=00000001\n"


@pytest.mark.parametrize("probe", BOARDS, indirect=True)
def test_wrong_baud_rate_is_noticed(probe: Probe) -> None:
    probe.emulated.transport.write(b"y")
    with pytest.raises(EmulationError, match="baud instead of 115200"):
        assert probe.read_until("never")


@pytest.mark.parametrize("counter", ["native", "python"])
@pytest.mark.parametrize("name", BOARDS)
def test_double_precision(probes: Callable[[str], Path], name: str, counter: str) -> None:
    """Undefined where the FPU lacks it, though it moves 64-bit registers."""
    with EmulatedBoard(probes(name), load_board(name), counter=counter) as emulated:
        probe = Probe(emulated)
        probe.read_until("ready\n")
        assert probe.ask("F") == "fpu on"
        assert probe.ask("v") == "moved"
        if name == "stm32h743":
            assert probe.ask("d") == "double"
        else:
            assert probe.ask("d") == "fault=00010000"
            with pytest.raises(EmulationError, match="undefined instruction"):
                probe.read_until("never")


def test_interrupt_priorities(probe: Probe) -> None:
    assert probe.ask("s") == "order=00000123"


def test_cycle_counter(probe: Probe, request: pytest.FixtureRequest) -> None:
    # The M7's DWT ignores writes until its lock access register is written.
    locked = "1" if "h743" in request.node.name else "0"
    assert probe.ask("c") == f"locked=0000000{locked}"
    name, value = probe.read_until("\n").split("=")
    assert name == "cycles"
    assert abs(int(value, 16) - 100_000) < 10
