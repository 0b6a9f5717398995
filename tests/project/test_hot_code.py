"""Hot code is flashed once, copied to its memory at start-up, and runs there."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from fake_model import build_fake, fake_files, fake_output, toolchain_or_skip

from tinydeploy.board import Board, load_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import BudgetError
from tinydeploy.link.client import BoardClient
from tinydeploy.project.hot_code import build_project, fit_hot_sources, rank_hot_sources
from tinydeploy.project.size import read_sizes
from tinydeploy.project.toolchain import Kind
from tinydeploy.project.write import write_project

HOT = rank_hot_sources([], "fake")


def shrink_hot_memory(board: Board, size: int) -> Board:
    memories = tuple(
        dataclasses.replace(memory, size=size) if memory == board.hot_memory else memory
        for memory in board.memories
    )
    return dataclasses.replace(board, memories=memories)


def test_the_hottest_come_first() -> None:
    ranked = rank_hot_sources(["conv_2d_gemm_s8", "cores/gemm_s8"], "vww")
    assert ranked == (
        "kernels/conv_2d_gemm_s8",
        "kernels/cores/gemm_s8",
        "vww/model",
        "targets/common/mem",
    )


@pytest.mark.parametrize(
    ("room", "fitting"),
    [(99, ["c"]), (100, ["a"]), (130, ["a", "c"]), (350, ["a", "b", "c"]), (29, [])],
)
def test_what_does_not_fit_stays_in_flash(room: int, fitting: list[str]) -> None:
    text = {"a.c": 20, "a.S": 80, "b.c": 220, "c.c": 30, "ab.c": 1}
    assert list(fit_hot_sources(["a", "b", "c"], text, room)) == fitting


@pytest.mark.parametrize("name", ["stm32h743", "stm32f746"])
@pytest.mark.parametrize("kind", ["gcc", "zig"])
def test_hot_code_runs_in_its_memory(tmp_path: Path, name: str, kind: Kind) -> None:
    board = load_board(name)
    toolchain = toolchain_or_skip(kind)
    firmware = build_fake(tmp_path / "hot", board, toolchain, hot=HOT)
    assert firmware.warnings == ()
    sizes = read_sizes(firmware.elf, board)
    symbols = {symbol.name: symbol for symbol in sizes.symbols}
    for function in ("fake_run", "fake_layer0", "memcpy"):
        assert symbols[function].memory == "itcm"
    assert symbols["main"].memory == board.code_memory.name
    used = {use.name: use.used for use in sizes.memories}
    assert 0 < used["itcm"] < 2048
    # Flash holds it once, and it is none of the RAM for data.
    assert sizes.flash_bytes == firmware.bin.stat().st_size == used["flash"]
    assert sizes.flash_bytes == sizes.code_bytes + sizes.weights_bytes + sizes.constants_bytes
    cold = read_sizes(build_fake(tmp_path / "cold", board, toolchain).elf, board)
    assert cold.ram_bytes == sizes.ram_bytes
    assert abs(sizes.code_bytes - cold.code_bytes) < 128  # jumps from one to the other
    with EmulatedBoard(firmware.elf, board) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        assert client.selftest().passed
        client.write_input(0, bytes(range(16)))
        client.run()
        assert client.read_output(0) == fake_output(bytes(range(16)))
        emulated.trace_model("fake")
        client.run()
        assert sum(event.instructions for event in emulated.layer_events()) > 0


def test_the_copy_is_whole_words_of_eight_bytes(tmp_path: Path) -> None:
    firmware = build_fake(tmp_path, load_board("stm32h743"), toolchain_or_skip("gcc"), hot=HOT)
    with firmware.elf.open("rb") as stream:
        elf = ELFFile(stream)
        section = elf.get_section_by_name(".hot_text")
        segments = [s for s in elf.iter_segments("PT_LOAD") if s.section_in_segment(section)]
        assert (section["sh_addr"], section["sh_size"] % 8) == (0, 0)
        assert segments[0]["p_paddr"] % 8 == 0


def test_cmake_makes_the_same_code_hot(tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    board, toolchain = load_board("stm32h743"), toolchain_or_skip("gcc")
    ours = build_fake(tmp_path / "ours", board, toolchain, hot=HOT)
    write_project(tmp_path, fake_files(board, hot=HOT))
    compiler = f"-DCMAKE_C_COMPILER={toolchain.command[0]}"
    for command in (["cmake", "-B", "build", compiler], ["cmake", "--build", "build"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    theirs = read_sizes(tmp_path / "build" / "firmware.elf", board)
    assert theirs.memories == read_sizes(ours.elf, board).memories


def test_a_small_memory_takes_the_hottest_alone(tmp_path: Path) -> None:
    toolchain = toolchain_or_skip("gcc")
    board = shrink_hot_memory(load_board("stm32h743"), 880)
    tried: list[tuple[str, ...]] = []

    def make_files(hot: Sequence[str]) -> dict[str, bytes]:
        tried.append(tuple(hot))
        return fake_files(board, hot=hot)

    big = ("targets/common/mem", "app/protocol", "fake/model")
    firmware = build_project(tmp_path, board, toolchain, big, make_files)
    assert tried == [big, ("targets/common/mem",)]
    symbols = {symbol.name: symbol.memory for symbol in read_sizes(firmware.elf, board).symbols}
    assert symbols["memcpy"] == "itcm"
    assert symbols["protocol_receive"] == symbols["fake_run"] == "flash"


def test_flash_that_overflows_is_still_said(tmp_path: Path) -> None:
    board = load_board("stm32h743")
    flash = dataclasses.replace(board.code_memory, size=2048)
    small = dataclasses.replace(board, memories=(flash, *board.memories[1:]))
    toolchain = toolchain_or_skip("gcc")
    with pytest.raises(BudgetError, match="memory 'flash' is"):
        build_project(tmp_path, small, toolchain, HOT, lambda hot: fake_files(small, hot=hot))
