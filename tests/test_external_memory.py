"""A board file of one's own, with external flash and RAM: from a build to its proof."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from model_builder import ModelBuilder

from tinydeploy.board import load_board
from tinydeploy.cli.console import StageView
from tinydeploy.errors import InputFileError
from tinydeploy.paths import BOARDS
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.project.toolchain import find_toolchain

FLASH, DTCM, SRAM = 0x1_0000, 0x4000, 0x2000
_MEMORIES = f"""
[[memory]]
name = "flash"
address = 0x0800_0000
size = {FLASH}
access = "rx"
use = ["code"]

[[memory]]
name = "dtcm"
address = 0x2000_0000
size = {DTCM}
access = "rw"
use = ["data", "arena"]

[[memory]]
name = "sram"
address = 0x2400_0000
size = {SRAM}
access = "rwx"
use = ["arena"]

[[memory]]
name = "sdram"
address = 0xD000_0000
size = 0x80_0000
access = "rw"
use = ["arena"]

[[memory]]
name = "qspi"
address = 0x9000_0000
size = 0x40_0000
access = "r"
use = ["weights"]

[[memory]]
name = "itcm"
address = 0x0000_0000
size = 0x1_0000
access = "rwx"
use = ["hot_code"]

"""


def write_board(folder: Path, memories: str = _MEMORIES) -> str:
    """The H743's core and console with other memories."""
    chip = (BOARDS / "chips" / "stm32h743.toml").read_text(encoding="utf-8")
    begin, end = chip.index("[[memory]]"), chip.index("[uart.USART1]")
    chip = chip[:begin] + memories + chip[end:]
    chip = chip.replace("flash_bytes = 0x20_0000", "flash_bytes = 0x40_0000")
    chip = chip.replace("ram_bytes = 0xF_8000", "ram_bytes = 0x80_0000")
    (folder / "chip.toml").write_text(chip, encoding="utf-8")
    text = (BOARDS / "nucleo-h743zi2.toml").read_text(encoding="utf-8")
    text = text.replace('name = "nucleo-h743zi2"', 'name = "mine"')
    text = text.replace('chip = "stm32h743"', 'chip = "chip.toml"')
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def write_model(folder: Path) -> str:
    """An input of 12 KB and weights of some 90 KB."""
    b = ModelBuilder(0)
    x = b.conv(b.input((64, 64, 3)), 16, (3, 3), stride=(2, 2))
    x = b.conv(x, 32, (3, 3), stride=(2, 2))
    x = b.conv(x, 256, (3, 3), stride=(2, 2))
    x = b.fully_connected(b.mean(x), 64)
    path = folder / "net.tflite"
    path.write_bytes(b.finish([x]))
    return str(path)


def test_everything_has_its_memory(tmp_path: Path) -> None:
    board, model = write_board(tmp_path), write_model(tmp_path)
    request = BuildRequest(board=board, model=model, output=tmp_path / "out")
    result = build_image(request, StageView(quiet=True))
    report = result.report
    assert report.validation is not None
    assert report.validation.bit_exact
    regions = {region.name: region for region in report.memory.regions}
    assert 0 < regions["flash"].used_bytes <= FLASH
    assert regions["qspi"].used_bytes > 70_000
    assert regions["itcm"].used_bytes > 4_000
    assert report.memory.flash_bytes == regions["flash"].used_bytes + regions["qspi"].used_bytes
    assert report.memory.weights_bytes > 90_000
    arenas = {name: r.arena_bytes for name, r in regions.items() if r.arena_bytes}
    assert set(arenas) == {"dtcm", "sram", "sdram"}
    assert sum(arenas.values()) == report.memory.arena_bytes
    for name, size in arenas.items():
        assert 0 < (regions[name].arena_touched_bytes or 0) <= size
    # .bin is the internal flash's alone, .hex has both.
    assert result.folder is not None
    assert (result.folder / "firmware.bin").stat().st_size == regions["flash"].used_bytes
    assert ":020000049000" in (result.folder / "firmware.hex").read_text(encoding="ascii")
    with (result.folder / "firmware.elf").open("rb") as stream:
        sections = {s.name: s["sh_addr"] for s in ELFFile(stream).iter_sections()}
    assert sections[".weights.qspi"] == 0x9000_0000
    project = result.folder / "firmware"
    assert "OPEN(0x90000000u, 22u)" in (project / "config/board_config.h").read_text()
    if find_toolchain().kind == "gcc":
        subprocess.run(["make", "-s"], cwd=project, check=True, capture_output=True)
        made = (project / "build/firmware.bin").read_bytes()
        assert made == (result.folder / "firmware.bin").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('access = "r"\nuse = ["weights"]', 'access = "rw"\nuse = ["weights"]', "must be flash"),
        ('use = ["weights"]', 'use = ["weights", "arena"]', "must be flash"),
        ("0x9000_0000", "0x9010_0000", "'qspi' must begin at a multiple of its size"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in _MEMORIES
    with pytest.raises(InputFileError) as caught:
        load_board(write_board(tmp_path, _MEMORIES.replace(old, new)))
    assert words in str(caught.value)
