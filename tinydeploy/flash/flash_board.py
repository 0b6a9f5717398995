"""Chooses a tool and a probe, and flashes a board with them."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError
from tinydeploy.flash.cubeprogrammer import CubeProgrammer
from tinydeploy.flash.dfu import DfuUtil
from tinydeploy.flash.openocd import OpenOcd
from tinydeploy.flash.pyocd import PyOcd
from tinydeploy.flash.run import run_command
from tinydeploy.flash.stlink import StLinkTools
from tinydeploy.flash.tool import NO_PROBE, FlashTool, Job

# In the order in which `auto` tries them.
TOOLS: Mapping[str, FlashTool] = {
    tool.name: tool for tool in (OpenOcd(), PyOcd(), StLinkTools(), CubeProgrammer(), DfuUtil())
}
AUTO = "auto"
_QUOTED = 8  # lines of what a tool said


def choose_tool(
    board: Board, name: str, *, serial: str = "", remote: str = "", must_exist: bool = True
) -> FlashTool:
    """The tool of that name, or the first installed one that knows the board and sees a probe.

    Args:
        board: The board.
        name: One of TOOLS, or "auto".
        serial: Serial number of the probe that is wanted; empty for any.
        remote: An emulated board's debug port, which needs no probe; empty for a probe at USB.
        must_exist: Whether a tool that is not installed, or sees no probe, is an error.

    Raises:
        UsageError: No such tool or probe, the tool does not know the board, several probes.
        MissingDependencyError: The tool, or every tool, is not installed.
        BoardLinkError: No tool sees a probe.
    """
    if name != AUTO:
        tool = _find_tool(board, name, remote)
        if must_exist and not tool.is_installed():
            raise MissingDependencyError(f"{name} is not installed", f"Get it: {tool.advice}")
        if must_exist and not remote:
            _pick_probe(tool, serial)
        return tool
    known = [t for t in TOOLS.values() if t.knows(board) and (t.takes_remote or not remote)]
    if not known:
        raise UsageError(
            f"no tool can flash {board.title}",
            "It has no debug probe" + (": tinydeploy emulate runs it." if not remote else "."),
        )
    installed = [tool for tool in known if tool.is_installed()]
    if not must_exist:
        return (installed or known)[0]
    if not installed:
        raise MissingDependencyError(
            f"no flashing tool for {board.title} is installed",
            "Get one: " + "   or: ".join(tool.advice for tool in known),
        )
    if remote:
        return installed[0]
    for tool in installed:
        if _pick_probe(tool, serial):
            return tool
    which = f"no debug probe with serial number {serial}" if serial else "no debug probe"
    tried = ", ".join(tool.name for tool in installed)
    raise BoardLinkError(f"{which} is connected (asked: {tried})", NO_PROBE)


def _find_tool(board: Board, name: str, remote: str) -> FlashTool:
    if name not in TOOLS:
        raise UsageError(f"unknown tool '{name}'", f"Known: {', '.join(TOOLS)}, {AUTO}.")
    tool = TOOLS[name]
    if not tool.knows(board):
        others = [other for other, each in TOOLS.items() if each.knows(board)]
        raise UsageError(
            f"{name} has no name for {board.title}",
            f"Its file names one in [probe]. Without one work: {', '.join(others)}.",
        )
    if remote and not tool.takes_remote:
        raise UsageError(
            f"{name} cannot reach an emulated board",
            f"Use one of: {', '.join(t.name for t in TOOLS.values() if t.takes_remote)}.",
        )
    return tool


def _pick_probe(tool: FlashTool, serial: str) -> bool:
    """Whether the tool sees the probe that is meant.

    Raises:
        UsageError: It sees several, and none is named.
    """
    probes = tool.list_probes()
    if serial:
        return any(probe.serial == serial for probe in probes)
    if len(probes) > 1:
        named = ", ".join(f"{probe.name} {probe.serial}" for probe in probes)
        raise UsageError(
            f"{tool.name} sees several probes: {named}",
            f"Name one: --serial {probes[0].serial}",
        )
    return bool(probes)


def flash_board(job: Job, tool: FlashTool) -> None:
    """Writes the image to the board, compares it, and starts it.

    Raises:
        TinydeployError: It did not work; the message says why, or quotes the tool.
    """
    for step in tool.steps(job):
        outcome = run_command(step.command, tool.name, job.scratch)
        if outcome.code != 0:
            known = tool.explain(outcome.output, job.board)
            if known is not None:
                raise known
            tail = "\n".join(outcome.output.splitlines()[-_QUOTED:])
            raise BoardLinkError(
                f"{tool.name} could not flash {job.board.title}"
                f" ({step.purpose}; exit code {outcome.code}):\n{tail}",
                "Is the board connected by its debug probe's socket, and may you use it (udev)?",
            )
        step.check(outcome.output)
