"""The firmware builds without a warning, to the same bytes wherever and however it is built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from fake_model import BuildFirmware, build_fake, fake_files, toolchain_or_skip
from hex_file import drop_filler, read_hex

from tinydeploy.board import list_boards, load_board
from tinydeploy.errors import BudgetError, CompileError, UsageError
from tinydeploy.project.build import build_firmware
from tinydeploy.project.toolchain import Kind
from tinydeploy.project.write import STACK_BYTES, write_project

# One of each family: what differs within one is numbers in a header.
BOARDS = tuple({load_board(name).family: name for name in list_boards()}.values())
KINDS: tuple[Kind, ...] = ("gcc", "zig")
both = pytest.mark.parametrize("kind", KINDS)
every_board = pytest.mark.parametrize("board", BOARDS)


@every_board
@both
def test_builds_without_a_warning(fake_firmware: BuildFirmware, board: str, kind: Kind) -> None:
    firmware = fake_firmware(board, kind)
    assert firmware.warnings == ()
    assert firmware.toolchain.kind == kind


@every_board
@both
def test_another_folder_gives_the_same_bytes(
    fake_firmware: BuildFirmware, tmp_path: Path, board: str, kind: Kind
) -> None:
    first = fake_firmware(board, kind)
    second = build_fake(tmp_path / "else where", load_board(board), toolchain_or_skip(kind))
    for suffix in ("elf", "bin", "hex"):
        assert getattr(first, suffix).read_bytes() == getattr(second, suffix).read_bytes()


@every_board
@both
def test_make_gives_the_same_elf(
    fake_firmware: BuildFirmware, tmp_path: Path, board: str, kind: Kind
) -> None:
    firmware = fake_firmware(board, kind)
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    write_project(tmp_path, fake_files(load_board(board)))
    compiler = " ".join(firmware.toolchain.command)
    environment = {k: v for k, v in os.environ.items() if k not in ("CC", "MAKEFLAGS", "PWD")}
    command = ["make", "-s", f"TOOLCHAIN={kind}", f"CC={compiler}", f"PYTHON={sys.executable}"]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert (tmp_path / "build/firmware.elf").read_bytes() == firmware.elf.read_bytes()
    made = read_hex((tmp_path / "build/firmware.hex").read_bytes())
    content = read_hex(firmware.hex.read_bytes())
    if kind == "gcc":
        assert (tmp_path / "build/firmware.bin").read_bytes() == firmware.bin.read_bytes()
    else:
        assert not (tmp_path / "build/firmware.bin").exists()
        del content["entry"]  # zig's objcopy writes none
    assert made == drop_filler(content, made)


@every_board
@both
def test_everything_lies_where_it_should(
    fake_firmware: BuildFirmware, board: str, kind: Kind
) -> None:
    target = load_board(board)
    with fake_firmware(board, kind).elf.open("rb") as stream:
        elf = ELFFile(stream)
        sections = {s.name: (s["sh_addr"], s["sh_size"]) for s in elf.iter_sections()}
        tables = [s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)]
        symbols = {s.name: s["st_value"] for table in tables for s in table.iter_symbols()}
        entry = elf.header["e_entry"]
        vectors = elf.get_section_by_name(".vectors").data()
    known = {".vectors", ".text", ".weights", ".rodata", ".stack", ".data", ".bss"}
    unknown = {
        name
        for name, (address, size) in sections.items()
        if address and size and name not in known and not name.startswith(".td_arena.")
    }
    assert not unknown
    assert sections[".vectors"][0] == target.code_memory.address
    assert sections[".stack"] == (target.data_memory.address, STACK_BYTES)
    assert sections[".weights"][1] == 8
    first = target.memories_for("arena")[0]
    address, size = sections[f".td_arena.{first.name}"]
    assert first.address <= address
    assert address + size <= first.end
    assert size == 48
    # The vector table: stack, reset, and a fault for everything else. VTOR takes multiples of
    # its length rounded up to a power of two.
    words = [int.from_bytes(vectors[i : i + 4], "little") for i in range(0, len(vectors), 4)]
    assert words[0] == target.data_memory.address + STACK_BYTES
    assert words[1] == entry == symbols["Reset_Handler"] | 1
    assert set(words[2:]) == {symbols["fault_entry"] | 1}
    interrupts = {"stm32h7": 150, "stm32l4": 95, "stm32f7": 98, "stm32f4": 97, "mps2": 32}[
        target.family
    ]
    assert len(words) == 16 + interrupts
    assert symbols["td_vectors"] % (1 << (len(vectors) - 1).bit_length()) == 0
    assert symbols["td_vectors"] % 128 == 0


@every_board
def test_image_equals_objcopy(fake_firmware: BuildFirmware, tmp_path: Path, board: str) -> None:
    firmware = fake_firmware(board, "gcc")
    objcopy = shutil.which("arm-none-eabi-objcopy")
    if objcopy is None:
        pytest.skip("arm-none-eabi-objcopy is not installed")
    for kind, path in (("binary", firmware.bin), ("ihex", firmware.hex)):
        copy = tmp_path / kind
        subprocess.run([objcopy, "-O", kind, firmware.elf, copy], check=True)
        ours, theirs = path.read_bytes(), copy.read_bytes()
        if kind == "ihex":
            content, made = map(read_hex, (ours, theirs))
            assert drop_filler(content, made) == made
        else:
            assert ours == theirs


def test_no_path_of_this_machine_is_in_the_elf(fake_firmware: BuildFirmware) -> None:
    firmware = fake_firmware("stm32h743", "gcc")
    assert str(firmware.elf.parent.parent).encode() not in firmware.elf.read_bytes()


def test_errors_are_quoted_with_file_and_line(tmp_path: Path) -> None:
    board = load_board("stm32h743")
    weights = '#include "weights.h"\nconst int8_t fake_weights[8] = {nonsense};\n'
    with pytest.raises(CompileError) as caught:
        build_fake(tmp_path, board, toolchain_or_skip("gcc"), changes={"fake/weights.c": weights})
    assert re.search(r"fake/weights\.c:2:\d+: error: .*nonsense", caught.value.message)
    assert "TINYDEPLOY_CC" in caught.value.hint


def test_missing_function_is_named(tmp_path: Path) -> None:
    changes = {"fake/weights.c": "typedef int nothing;\n"}
    with pytest.raises(CompileError, match=r"to link.*undefined reference to `fake_weights'"):
        build_fake(tmp_path, load_board("stm32h743"), toolchain_or_skip("gcc"), changes=changes)


def test_warnings_are_reported(tmp_path: Path) -> None:
    weights = '#include "weights.h"\nconst int8_t fake_weights[8] = {300};\n'
    firmware = build_fake(
        tmp_path,
        load_board("stm32h743"),
        toolchain_or_skip("gcc"),
        changes={"fake/weights.c": weights},
    )
    assert any("fake/weights.c:2" in line for line in firmware.warnings)


@both
def test_overflowing_memory_is_a_budget_error(tmp_path: Path, kind: Kind) -> None:
    board = load_board("stm32h743")
    with pytest.raises(BudgetError, match=r"memory 'axi' is 16 bytes too small") as caught:
        build_fake(tmp_path, board, toolchain_or_skip(kind), memory="axi", arena=0x80000 + 16)
    assert caught.value.exit_code == 3
    assert "(largest: fake/model.c 524," in caught.value.message


def test_overflowing_flash_names_what_lies_there(tmp_path: Path) -> None:
    """Not the arena, which is larger than all code."""
    board = load_board("stm32l4r9")
    flash = replace(board.code_memory, size=2048)
    small = replace(board, memories=(flash, *board.memories[1:]))
    with pytest.raises(BudgetError, match="memory 'flash' is") as caught:
        build_fake(tmp_path, small, toolchain_or_skip("gcc"), arena=50_000)
    assert "(largest: app/protocol.c" in caught.value.message
    assert "--optimize flash" in caught.value.hint


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no firmware project"):
        build_firmware(tmp_path, load_board("stm32h743"), toolchain_or_skip("gcc"))
