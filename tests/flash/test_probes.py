"""Flashing tools, through stand-ins on the PATH."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tinydeploy.board import load_board
from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError
from tinydeploy.flash.probes import FLASH_TOOLS, choose_tool, flash_board, flash_command

BOARD = load_board("stm32h743")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Puts a program called openocd, and nothing else but the shell's, on the PATH."""
    program = folder / "openocd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def test_the_command_survives_odd_paths() -> None:
    command = flash_command(Path("my [odd] dir/fw.elf"), BOARD, FLASH_TOOLS["openocd"])
    assert command[:3] == ["openocd", "-f", "board/st_nucleo_h743zi.cfg"]
    assert command[-1] == "program {my [odd] dir/fw.elf} verify reset exit"


def test_success_returns_what_the_tool_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, 'echo "** Verified OK **"; echo "$@" > ' + f"{tmp_path}/args")
    tool = choose_tool(BOARD, "openocd")
    assert "Verified OK" in flash_board(tmp_path / "fw.elf", BOARD, tool)
    assert f"program {{{tmp_path}/fw.elf}} verify reset exit" in (tmp_path / "args").read_text()


def test_failure_quotes_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, 'echo "Error: open failed" >&2; exit 1')
    with pytest.raises(BoardLinkError, match="open failed") as caught:
        flash_board(tmp_path / "fw.elf", BOARD, choose_tool(BOARD, "openocd"))
    assert "attached" in caught.value.hint


def test_unknown_tool() -> None:
    with pytest.raises(UsageError, match="unknown tool 'hammer'"):
        choose_tool(BOARD, "hammer")


def test_a_board_without_an_entry() -> None:
    board = dataclasses.replace(BOARD, probes={"pyocd": "stm32h743xx"})
    with pytest.raises(UsageError, match="no entry for openocd"):
        choose_tool(board, "openocd")
    with pytest.raises(UsageError, match="names no flashing tool"):
        choose_tool(dataclasses.replace(BOARD, probes={}))


def test_no_tool_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    board = dataclasses.replace(BOARD, probes={"openocd": "x.cfg"})
    with pytest.raises(MissingDependencyError, match="no flashing tool") as caught:
        choose_tool(board)
    assert "apt-get install openocd" in caught.value.hint
    assert choose_tool(board, must_exist=False).name == "openocd"  # for --dry-run
