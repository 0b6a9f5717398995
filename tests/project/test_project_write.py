"""The project is a pure function of its inputs, holds what it needs and no more."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from fake_model import build_fake, fake_files, fake_graph, toolchain_or_skip

from tinydeploy.board import Board, ClockGate, list_boards, load_board
from tinydeploy.errors import InternalError, OutputError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.paths import BOARDS
from tinydeploy.plan.plan import Arena, Plan
from tinydeploy.project.layout import list_sources
from tinydeploy.project.write import project_files, write_project

every_board = pytest.mark.parametrize("name", list_boards())


def build_id(files: dict[str, bytes]) -> bytes:
    found = re.search(rb"BUILD_ID \{(.*)\}", files["config/build_id.h"])
    assert found
    return bytes(int(byte, 16) for byte in found[1].split(b","))


@every_board
def test_same_arguments_same_bytes(name: str) -> None:
    board = load_board(name)
    first, second = fake_files(board), fake_files(board)
    assert first == second
    assert list(first) == sorted(first)
    assert len(build_id(first)) == 8


def test_build_id_depends_on_everything() -> None:
    board = load_board("stm32h743")
    ids = {
        build_id(fake_files(board)),
        build_id(fake_files(load_board("stm32l4r9"))),
        build_id(fake_files(board, crc=1)),
        build_id(fake_files(board, arena=64)),
        build_id(fake_files(board, kernels=["add_s8"])),
        build_id(fake_files(board, changes={"fake/model.h": "// other\n"})),
    }
    assert len(ids) == 6


@every_board
def test_only_what_is_needed(name: str) -> None:
    board = load_board(name)
    files = fake_files(board, kernels=["max_pool_2d_s8"])
    kernels = {path for path in files if path.startswith("kernels/")}
    assert kernels == {"kernels/max_pool_2d_s8.c"}
    assert {"include/td_types.h", "include/td_kernels.h", "include/td_window.h"} <= set(files)
    assert "include/td_binary.h" not in files
    families = {path.split("/")[1] for path in files if path.startswith("targets/")}
    shared = {name for name in ("stm32", "stm32f") if board.family.startswith(name)}
    assert families == {"common", "libc", board.family} | shared
    without = fake_files(board)
    assert {path for path in without if path.startswith("include/")} == {"include/td_types.h"}


@every_board
def test_every_include_is_there(name: str) -> None:
    files = fake_files(load_board(name), kernels=["conv_2d_s8", "softmax_s8"])
    names = {Path(path).name for path in files} | {"fake/model.h"}
    for path, content in files.items():
        for header in re.findall(rb'#include "([^"]+)"', content):
            assert header.decode() in names, f"{path} includes {header.decode()}"
        if path.endswith((".c", ".h")):
            assert content.startswith(b"/* SPDX-License-Identifier: 0BSD */\n"), path
            assert content.endswith(b"\n"), path
            assert not re.search(rb"[ \t]+$", content, re.MULTILINE), path


def test_text_is_free_of_holes() -> None:
    for path, content in fake_files(load_board("stm32l4r9")).items():
        text = content.decode()
        assert "{{" not in text.replace("{{{", ""), path
        assert "None" not in text, path
        assert "\n\n\n" not in text, path


def test_model_data_is_not_compiled(tmp_path: Path) -> None:
    files = fake_files(load_board("stm32h743"), changes={"fake/model_data.c": "int data;\n"})
    write_project(tmp_path, files)
    sources = list_sources(tmp_path)
    assert "fake/model.c" in sources
    assert "fake/model_data.c" not in sources
    assert set(sources) == {
        path for path in files if path.endswith(".c") and "model_data" not in path
    }


def test_several_inputs_are_numbered() -> None:
    board = load_board("stm32h743")
    graph = fake_graph()
    graph = dataclasses.replace(graph, inputs=(0, 1), outputs=(2, 1))
    text = app_model(graph, board)
    for words in ("fake_input_0()", "FAKE_INPUT_1_SIZE", "fake_output_1,", "FAKE_OUTPUT_0_SCALE"):
        assert words in text
    assert ".input_count = 2u" in text


def app_model(graph: Graph, board: Board) -> str:
    memory = board.memories_for("arena")[0].name
    plan = Plan((), {}, {}, (Arena(memory, 16),), 0, {})
    files = project_files(graph, plan, {}, [], board, selftest_crc=0)
    return files["config/app_model.c"].decode()


@pytest.mark.parametrize("name", ["app", "build", "kernels"])
def test_model_that_would_overwrite_a_folder(name: str) -> None:
    graph = dataclasses.replace(fake_graph(), name=name)
    with pytest.raises(UsageError, match=f"cannot be named '{name}'"):
        app_model(graph, load_board("stm32h743"))


def test_family_without_start_up_code() -> None:
    board = dataclasses.replace(load_board("stm32h743"), family="stm32z9")
    with pytest.raises(UsageError, match="stm32z9") as caught:
        fake_files(board)
    assert "stm32f4, stm32f7, stm32h7, stm32l4" in caught.value.hint


def test_stack_in_a_gated_memory() -> None:
    board = load_board("stm32h743")
    gated = tuple(
        dataclasses.replace(memory, clock=ClockGate(0x580244DC, 1))
        if "data" in memory.use
        else memory
        for memory in board.memories
    )
    with pytest.raises(UsageError, match="'dtcm' holds the stack"):
        fake_files(dataclasses.replace(board, memories=gated))


def test_unknown_kernel_is_a_bug() -> None:
    with pytest.raises(InternalError, match="no kernel nonsense"):
        fake_files(load_board("stm32h743"), kernels=["nonsense"])


def test_new_board_of_a_known_family_needs_one_file(tmp_path: Path) -> None:
    """Another console on other pins: data only, down to the registers that the C code names."""
    text = (BOARDS / "nucleo-h743zi2.toml").read_text(encoding="utf-8")
    for old, new in (
        ('uart = "USART3"', 'uart = "UART7"'),
        ('tx = "PD8"', 'tx = "PA15"'),
        ('rx = "PD9"', 'rx = "PE7"'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    firmware = build_fake(tmp_path / "firmware", load_board(str(path)), toolchain_or_skip("gcc"))
    assert firmware.warnings == ()
    config = (tmp_path / "firmware/config/board_config.h").read_text()
    for line in (
        "#define BOARD_CONSOLE_ADDRESS 0x40007800u",
        "#define BOARD_CONSOLE_ENABLE UART7_ENABLE",
        "#define BOARD_CONSOLE_LPUART 0",
        "#define BOARD_CONSOLE_TX_PORT 0u /* A is 0 */",
        "#define BOARD_CONSOLE_TX_FUNCTION 11u",
        "#define BOARD_CONSOLE_RX_PIN 7u",
    ):
        assert line in config


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the firmware project"):
        write_project(tmp_path / "file", {"a/b": b""})
