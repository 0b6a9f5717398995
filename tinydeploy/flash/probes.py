"""Flashing tools: which there are, and the command by which each writes an image to a board."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError

_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class FlashTool:
    """A program that writes an ELF file to a board's flash, verifies it and starts it.

    Args:
        name: As in the board file's [probe] table.
        is_installed: Whether it can be started here.
        make_command: From the board's target name and the ELF to the command line.
        advice: How to install it.
    """

    name: str
    is_installed: Callable[[], bool]
    make_command: Callable[[str, Path], list[str]]
    advice: str


def _openocd_command(config: str, elf: Path) -> list[str]:
    # OpenOCD's own language: braces keep blanks and brackets of the path literal.
    return ["openocd", "-f", config, "-c", f"program {{{elf}}} verify reset exit"]


def _pyocd_command(target: str, elf: Path) -> list[str]:
    return [sys.executable, "-m", "pyocd", "load", "--target", target, str(elf)]


FLASH_TOOLS: Mapping[str, FlashTool] = {
    tool.name: tool
    for tool in (
        FlashTool(
            "openocd",
            lambda: shutil.which("openocd") is not None,
            _openocd_command,
            "apt-get install openocd",
        ),
        FlashTool(
            "pyocd",
            lambda: find_spec("pyocd") is not None,
            _pyocd_command,
            "pip install 'tinydeploy[flash]'",
        ),
    )
}


def choose_tool(board: Board, name: str | None = None, *, must_exist: bool = True) -> FlashTool:
    """The tool asked for, or the first installed one that knows the board.

    Args:
        board: Its [probe] table says which tools know it, and under which name.
        name: "openocd" or "pyocd"; None chooses.
        must_exist: Whether a tool that is not installed here is an error.

    Raises:
        UsageError: No such tool, or the board has no entry for it.
        MissingDependencyError: The tool, or every tool, is not installed.
    """
    if name is not None:
        if name not in FLASH_TOOLS:
            raise UsageError(f"unknown tool '{name}'", f"Known tools: {', '.join(FLASH_TOOLS)}.")
        if name not in board.probes:
            raise UsageError(
                f"board '{board.name}' has no entry for {name}",
                f"Its file knows: {', '.join(board.probes) or 'none'}.",
            )
        tool = FLASH_TOOLS[name]
        if must_exist and not tool.is_installed():
            raise MissingDependencyError(f"{name} is not installed", f"Try: {tool.advice}")
        return tool
    known = [FLASH_TOOLS[name] for name in FLASH_TOOLS if name in board.probes]
    if not known:
        raise UsageError(f"the file of board '{board.name}' names no flashing tool")
    for tool in known:
        if tool.is_installed():
            return tool
    if must_exist:
        raise MissingDependencyError(
            f"no flashing tool for '{board.name}' is installed",
            "Try: " + "   or: ".join(tool.advice for tool in known),
        )
    return known[0]


def flash_command(elf: Path, board: Board, tool: FlashTool) -> list[str]:
    """The command line that writes, verifies and starts `elf`."""
    return tool.make_command(board.probes[tool.name], elf)


def flash_board(elf: Path, board: Board, tool: FlashTool) -> str:
    """Writes the image to the attached board and returns what the tool printed.

    Raises:
        BoardLinkError: The tool failed; the message quotes it.
    """
    command = flash_command(elf, board, tool)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise BoardLinkError(f"{tool.name} did not finish within {_TIMEOUT_S:.0f} s") from error
    output = (done.stdout + done.stderr).strip()
    if done.returncode != 0:
        tail = "\n".join(output.splitlines()[-8:])
        raise BoardLinkError(
            f"{tool.name} could not flash {board.title} (exit code {done.returncode}):\n{tail}",
            "Is the board attached by its debug-probe USB connector, and may you use it (udev)?",
        )
    return output
