"""The test firmware: built for a board, and talked to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tinydeploy.board import Board
from tinydeploy.emulate.emulated_board import EmulatedBoard

# One board per core, for what the core decides; all of them, for what the chip does.
CORES = ("stm32h743", "stm32l4r9")
BOARDS = (*CORES, "stm32f746", "stm32f412")

# The chip's USART: offsets of registers, and CR1.UE.
_NEW_USART = {"UART_STATUS": 0x1C, "UART_RECEIVE": 0x24, "UART_TRANSMIT": 0x28} | {
    "UART_BRR": 0x0C,
    "UART_CR1": 0x00,
    "UART_UE": 1,
}
_OLD_USART = {"UART_STATUS": 0x00, "UART_RECEIVE": 0x04, "UART_TRANSMIT": 0x04} | {
    "UART_BRR": 0x08,
    "UART_CR1": 0x0C,
    "UART_UE": 1 << 13,
}
# These boards have no gated memory.
_NO_GATE = {"GATE_MASK": 0, "GATED": 0x20000000}
_STM32F = {
    "GPIO_ADDRESS": 0x40020000,
    "GPIO_ENABLE": 0x40023830,
    "UART_ENABLE": 0x40023840,
    "UART_ENABLE_BIT": 18,
    "RESET_CLOCK": 16_000_000,
    "GATE": 0x40023830,
}

# Of each board: what the chip's registers are called in the test firmware.
_REGISTERS = {
    "stm32f746": _STM32F | _NEW_USART | _NO_GATE,
    "stm32f412": _STM32F | _OLD_USART | _NO_GATE,
    "stm32h743": {
        "GPIO_ADDRESS": 0x58020000,
        "GPIO_ENABLE": 0x580244E0,
        "UART_ENABLE": 0x580244E8,
        "UART_ENABLE_BIT": 18,
        "RESET_CLOCK": 64_000_000,
        "GATE": 0x580244DC,
        "GATE_MASK": 0xE0000000,
        "GATED": 0x30000010,
    }
    | _NEW_USART,
    "stm32l4r9": {
        "GPIO_ADDRESS": 0x48000000,
        "GPIO_ENABLE": 0x4002104C,
        "UART_ENABLE": 0x40021058,
        "UART_ENABLE_BIT": 17,
        "RESET_CLOCK": 4_000_000,
        "GATE": 0x4002104C,
    }
    | _NEW_USART
    | _NO_GATE,
}

_LINKER_SCRIPT = """
MEMORY {{
  flash (rx) : ORIGIN = {flash.address:#x}, LENGTH = {flash.size}
  data (rw) : ORIGIN = {data.address:#x}, LENGTH = {data.size}
}}
SECTIONS {{
  .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) }} > flash
  .stack (NOLOAD) : {{ td_stack_limit = .; . = . + 4096; stack_top = .; }} > data
  .bss (NOLOAD) : {{ *(.bss*) *(COMMON) }} > data
  /DISCARD/ : {{ *(.ARM.exidx*) *(.comment) }}
}}
"""


def build_probe(board: Board, folder: Path) -> Path:
    """Compiles probe.c for a board; skips the test where there is no cross compiler."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    console = board.console
    values = _REGISTERS[board.name] | {
        "UART_ADDRESS": console.address,
        "UART_IRQ": console.irq,
        "TX_PORT": ord(console.tx.port) - ord("A"),
        "TX_PIN": console.tx.pin,
        "RX_PIN": console.rx.pin,
        "AF": console.tx.function,
        "FLASH": board.code_memory.address,
    }
    lines = [f"#define {name} {value:#x}u" for name, value in values.items()]
    (folder / "board.h").write_text("\n".join(lines) + "\n")
    script = _LINKER_SCRIPT.format(flash=board.code_memory, data=board.data_memory)
    (folder / "probe.ld").write_text(script)
    elf = folder / "probe.elf"
    command = [compiler, f"-mcpu={board.cpu}", "-mthumb", f"-mfpu={board.fpu}"]
    command += ["-mfloat-abi=hard", "-O2", "-g", "-ffreestanding", "-nostdlib", "-Wall", "-Wextra"]
    command += ["-Werror", "-fno-tree-loop-distribute-patterns", "-ffp-contract=off"]
    command += ["-Wno-infinite-recursion", "-Wno-int-to-pointer-cast", "-I", str(folder)]
    command += ["-T", str(folder / "probe.ld"), "-o", str(elf)]
    command += [str(Path(__file__).with_name("probe.c")), "-lgcc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return elf


class Probe:
    """The test firmware in an emulated board."""

    def __init__(self, emulated: EmulatedBoard) -> None:
        self.emulated = emulated

    def read_until(self, end: str, timeout_s: float = 10.0) -> str:
        """Reads text up to and including `end`."""
        text = ""
        while not text.endswith(end):
            piece = self.emulated.transport.read(1, timeout_s)
            assert piece, f"silence behind {text!r}"
            text += piece.decode()
        return text

    def ask(self, command: str) -> str:
        """Sends a command; returns the line that answers it."""
        self.emulated.transport.write(command.encode())
        return self.read_until("\n").rstrip("\n")
