"""Sizes come from the linked ELF; budgets name what is over, by how much, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_model import BuildFirmware

from tinydeploy.board import list_boards, load_board
from tinydeploy.errors import BudgetError, InputFileError
from tinydeploy.project.size import check_budget, read_sizes

every_board = pytest.mark.parametrize("name", list_boards())
both = pytest.mark.parametrize("kind", ("gcc", "zig"))


@every_board
@both
def test_parts_add_up(fake_firmware: BuildFirmware, name: str, kind: str) -> None:
    board = load_board(name)
    firmware = fake_firmware(name, kind)
    sizes = read_sizes(firmware.elf, board)
    assert sizes.flash_bytes == firmware.bin.stat().st_size
    assert sizes.flash_bytes == sizes.code_bytes + sizes.weights_bytes + sizes.constants_bytes
    assert sizes.weights_bytes == 8
    assert (sizes.arena_bytes, sizes.stack_bytes) == (48, 4096)
    padding = sizes.ram_bytes - sizes.arena_bytes - sizes.stack_bytes - sizes.static_bytes
    assert 0 <= padding < 16
    assert sizes.static_bytes < 1024
    assert [use.name for use in sizes.memories] == [memory.name for memory in board.memories]
    assert sum(use.used for use in sizes.memories) == sizes.flash_bytes + sizes.ram_bytes
    assert sum(use.arena_bytes for use in sizes.memories) == 48


@every_board
def test_symbols_are_found_where_they_lie(fake_firmware: BuildFirmware, name: str) -> None:
    board = load_board(name)
    sizes = read_sizes(fake_firmware(name, "gcc").elf, board)
    symbols = {symbol.name: symbol for symbol in sizes.symbols}
    assert (symbols["fake_weights"].section, symbols["fake_weights"].size) == (".weights", 8)
    assert symbols["fake_layer1"].memory == board.code_memory.name
    assert symbols["fake_layer1"].address % 2 == 0
    arena = board.memories_for("arena")[0].name
    assert symbols[f"fake_arena_{arena}"].memory == arena
    assert list(sizes.symbols) == sorted(sizes.symbols, key=lambda symbol: -symbol.size)


@every_board
def test_the_runtime_stays_small(fake_firmware: BuildFirmware, name: str) -> None:
    """Start-up, clocks, console, protocol and self-test, without a model worth mentioning."""
    sizes = read_sizes(fake_firmware(name, "gcc").elf, load_board(name))
    assert sizes.flash_bytes < 6 * 1024
    assert sizes.static_bytes < 640


def test_within_budget(fake_firmware: BuildFirmware) -> None:
    board = load_board("stm32h743")
    sizes = read_sizes(fake_firmware("stm32h743", "gcc").elf, board)
    check_budget(sizes, sizes.flash_bytes, sizes.ram_bytes)
    check_budget(sizes, board.flash_budget, board.ram_budget)


def test_flash_over_budget(fake_firmware: BuildFirmware) -> None:
    sizes = read_sizes(fake_firmware("stm32h743", "gcc").elf, load_board("stm32h743"))
    with pytest.raises(BudgetError) as caught:
        check_budget(sizes, sizes.flash_bytes - 1, sizes.ram_bytes)
    assert caught.value.exit_code == 3
    message = caught.value.message
    assert f"flash: {sizes.flash_bytes:,} bytes, 1 over the budget" in message
    assert f"weights 8, code {sizes.code_bytes:,}" in message
    assert "largest: protocol_receive" in message
    assert "RAM" not in message
    assert "--max-flash" in caught.value.hint


def test_both_over_budget(fake_firmware: BuildFirmware) -> None:
    sizes = read_sizes(fake_firmware("stm32h743", "gcc").elf, load_board("stm32h743"))
    with pytest.raises(BudgetError) as caught:
        check_budget(sizes, 0, sizes.ram_bytes - 1500)
    assert "flash:" in caught.value.message
    assert "RAM:" in caught.value.message
    assert "1,500 over the budget" in caught.value.message
    assert "arenas 48, stack 4,096" in caught.value.message
    assert "--max-ram" in caught.value.hint


def test_firmware_of_another_board(fake_firmware: BuildFirmware, tmp_path: Path) -> None:
    firmware = fake_firmware("stm32l4r9", "gcc")
    board = load_board("stm32h743")
    memories = tuple(
        replace(memory, address=0x0900_0000) if memory.name == "flash" else memory
        for memory in board.memories
    )
    with pytest.raises(InputFileError, match="at 0x08000000, where stm32h743 has no memory"):
        read_sizes(firmware.elf, replace(board, memories=memories))


def test_not_an_elf(tmp_path: Path) -> None:
    path = tmp_path / "firmware.elf"
    with pytest.raises(InputFileError, match="cannot read the firmware"):
        read_sizes(path, load_board("stm32h743"))
    path.write_bytes(b"MZ")
    with pytest.raises(InputFileError, match="cannot read the firmware"):
        read_sizes(path, load_board("stm32h743"))
