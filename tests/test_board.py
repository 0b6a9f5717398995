"""Every board file is valid; every mistake in one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinydeploy.board import list_boards, load_board
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.paths import BOARDS, FIRMWARE


@pytest.mark.parametrize("name", list_boards())
def test_every_board_loads(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert (FIRMWARE / "targets" / board.family).is_dir()
    assert board.code_memory.access == "rx"


def test_unknown_board_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="unknown board 'stm32h734'") as caught:
        load_board("stm32h734")
    assert "Did you mean stm32h743?" in caught.value.hint
    assert "stm32l4r9" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('cpu = "cortex-m7"', 'cpu = "cortex-m0"', "unknown cpu 'cortex-m0'"),
        ('fpu = "fpv5-d16"', 'fpu = "fpv4-sp-d16"', "does not belong to cortex-m7"),
        ('cpu = "cortex-m7"', "", "lacks the entry 'cpu'"),
        ("address = 0x2400_0000", "address = 0x2001_0000", "'dtcm' and 'axi' overlap"),
        ('name = "axi"', 'name = "dtcm"', "'dtcm' is listed twice"),
        ("size = 0x8_0000", "size = 0", "'axi' does not lie in the 32-bit address space"),
        ('use = ["code"]', 'use = ["coffee"]', "unknown use 'coffee'"),
        ('use = ["code"]', "use = []", "no memory has the use 'code'"),
        ('use = ["arena"]', 'use = ["hot_code"]', "more than one memory has the use 'hot_code'"),
        ('use = ["hot_code"]', 'use = ["hot_code", "arena"]', "'itcm' for hot code must have"),
        ("flash_bytes = 0x20_0000", "flash_bytes = 0x40_0000", "flash budget"),
        ("clock_hz = 480_000_000", 'clock_hz = "fast"', "wrong type"),
        ("[core]", "[core", "no TOML"),
        ('name = "axi"', 'name = "a xi"', "'a xi' must be lower-case"),
        ('title = "NUCLEO', 'title = "*/NUCLEO', "printable ASCII"),
        ('openocd = "board', 'openocd = "$(id)', "probe configuration"),
        ('uart = "USART3"', 'uart = "SPI3"', "not the name of a UART"),
        ("baud = 115_200", "baud = 0", "0 baud"),
        ('tx = { port = "D"', 'tx = { port = "Q"', "PQ8"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = (BOARDS / "stm32h743.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputFileError) as caught:
        load_board(str(path))
    assert words in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot read board file"):
        load_board(str(tmp_path / "none.toml"))
