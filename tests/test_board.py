"""Every board file is valid; every mistake in one is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tinydeploy.board import list_boards, list_chips, load_board, load_chip
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.paths import BOARDS, FIRMWARE


@pytest.mark.parametrize("name", list_boards())
def test_every_board_loads(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert (FIRMWARE / "targets" / board.family).is_dir()
    assert board.code_memory.access == "rx"


@pytest.mark.parametrize("name", list_chips())
def test_a_chip_stands_for_its_default_board(name: str) -> None:
    default = load_chip(name).default_board
    board = load_board(name)
    assert board.name == name
    assert board.profile.name == name
    assert dataclasses.replace(board, name=default) == load_board(default)


def test_the_pins_of_the_consoles() -> None:
    """Of the boards' schematics, not of the chips: which UART the probe listens to."""
    found = {
        name: (console.uart, *((pin.name, pin.function) for pin in console.pins))
        for name in list_boards()
        for console in [load_board(name).console]
    }
    assert found == {
        "nucleo-h743zi2": ("USART3", ("PD8", 7), ("PD9", 7)),
        "nucleo-f746zg": ("USART3", ("PD8", 7), ("PD9", 7)),
        "nucleo-f412zg": ("USART3", ("PD8", 7), ("PD9", 7)),
        "nucleo-l4r5zi": ("LPUART1", ("PG7", 8), ("PG8", 8)),
        "stm32l4r9i-disco": ("USART2", ("PA2", 7), ("PA3", 7)),
        "mps2-an386": ("UART0",),
        "mps2-an500": ("UART0",),
    }


def test_unknown_board_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="unknown board 'stm32h734'") as caught:
        load_board("stm32h734")
    assert "Did you mean stm32h743?" in caught.value.hint
    assert "stm32l4r9" in caught.value.hint
    assert caught.value.exit_code == 2


CHIP, BOARD = "chips/stm32h743.toml", "nucleo-h743zi2.toml"


def write_files(folder: Path, file: str, old: str, new: str) -> str:
    """The H743's board and chip with one change; the path of the board's file."""
    for name in (CHIP, BOARD):
        text = (BOARDS / name).read_text(encoding="utf-8")
        if name == file:
            assert old in text
            text = text.replace(old, new, 1)
        text = text.replace('chip = "stm32h743"', 'chip = "stm32h743.toml"')
        (folder / Path(name).name).write_text(text, encoding="utf-8")
    return str(folder / BOARD)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (CHIP, 'cpu = "cortex-m7"', 'cpu = "cortex-m0"', "unknown cpu 'cortex-m0'"),
        (CHIP, 'fpu = "fpv5-d16"', 'fpu = "fpv4-sp-d16"', "does not belong to cortex-m7"),
        (CHIP, 'cpu = "cortex-m7"', "", "lacks the entry 'cpu'"),
        (CHIP, "address = 0x2400_0000", "address = 0x2001_0000", "'dtcm' and 'axi' overlap"),
        (CHIP, 'name = "axi"', 'name = "dtcm"', "'dtcm' is listed twice"),
        (CHIP, "size = 0x8_0000", "size = 0", "'axi' does not lie in the 32-bit address space"),
        (CHIP, 'use = ["code"]', 'use = ["coffee"]', "unknown use 'coffee'"),
        (CHIP, 'use = ["code"]', "use = []", "no memory has the use 'code'"),
        (CHIP, 'use = ["arena"]', 'use = ["hot_code"]', "more than one memory has the use"),
        (CHIP, 'use = ["hot_code"]', 'use = ["hot_code", "arena"]', "'itcm' for hot code must"),
        (CHIP, "flash_bytes = 0x20_0000", "flash_bytes = 0x40_0000", "flash budget"),
        (CHIP, "clock_hz = 480_000_000", 'clock_hz = "fast"', "wrong type"),
        (CHIP, "[core]", "[core", "no TOML"),
        (CHIP, 'name = "axi"', 'name = "a xi"', "'a xi' must be lower-case"),
        (CHIP, "PD8 = 7", "PQ8 = 7", "PQ8 with function 7 is not a pin"),
        (CHIP, "PD8 = 7", "PD8 = 16", "PD8 with function 16 is not a pin"),
        (BOARD, "[console]", "[uart.SPI3]\nkernel_clock_hz = 9\n[console]", "lacks the entry"),
        (BOARD, 'name = "nucleo', 'name = "../nucleo', "'../nucleo-h743zi2' must be"),
        (BOARD, 'title = "NUCLEO', 'title = "*/NUCLEO', "printable ASCII"),
        (BOARD, 'openocd = "board', 'openocd = "$(id)', "probe configuration"),
        (BOARD, 'uart = "USART3"', 'uart = "SPI3"', "'SPI3' is not a UART"),
        (BOARD, "baud = 115_200", "baud = 0", "0 baud"),
        (BOARD, "baud = 115_200", "baud = 8_000_000", "8000000 baud cannot be made"),
        (BOARD, "baud = 115_200", "baud = 7_272_727", "7272727 baud cannot be made"),
        (BOARD, 'tx = "PD8"', 'tx = "PD9"', "'PD9' is not the TX pin of USART3"),
        (BOARD, 'rx = "PD9"', "", "there is no RX pin of USART3"),
        (BOARD, "hz = 8_000_000", "hz = 9_000_000", "clock of 9000000 Hz"),
        (BOARD, 'kind = "signal"', 'kind = "quartz"', "an external clock is no 'quartz'"),
        (BOARD, 'chip = "stm32h743"', 'chip = "stm32h734"', "unknown chip 'stm32h734'"),
        (BOARD, "[console]", "[[console]]", "wrong type"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, file: str, old: str, new: str, words: str) -> None:
    path = write_files(tmp_path, file, old, new)
    with pytest.raises(InputFileError) as caught:
        load_board(path)
    assert words in str(caught.value)
    assert path in str(caught.value) or "stm32h743.toml" in str(caught.value)


def test_advice_names_what_there_is(tmp_path: Path) -> None:
    path = write_files(tmp_path, BOARD, 'tx = "PD8"', 'tx = "PD2"')
    with pytest.raises(InputFileError) as caught:
        load_board(path)
    assert caught.value.hint == "It can be PB10, PC10, PD8."


def test_a_board_adds_and_replaces_memories(tmp_path: Path) -> None:
    """By name; the chip's keep their order, and those of the board come behind them."""
    memory = '[[memory]]\nname = "{}"\naddress = {}\nsize = 0x1000\naccess = "rw"\nuse = ["{}"]\n'
    more = memory.format("sdram", "0xD000_0000", "arena") + memory.format(
        "axi", "0x2400_0000", "arena"
    )
    path = write_files(tmp_path, BOARD, "[probe]", f"{more}[budget]\nram_bytes = 0x7_9000\n[probe]")
    chip, board = load_board("stm32h743"), load_board(path)
    assert [m.name for m in board.memories] == [*(m.name for m in chip.memories), "sdram"]
    sizes = {m.name: m.size for m in board.memories}
    assert sizes == {m.name: m.size for m in chip.memories} | {"axi": 0x1000, "sdram": 0x1000}


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"cannot read board file .*: No such file") as caught:
        load_board(str(tmp_path / "none.toml"))
    assert "`tinydeploy boards`" in caught.value.hint
