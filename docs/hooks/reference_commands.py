"""The page of all commands and their options, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from markdown_text import cell

from tinydeploy.cli.main import app

_INTRO = """\
# Commands

Made from the command line itself: `tinydeploy COMMAND --help` says the same. `tinydeploy
--version` prints the version; `--debug`, anywhere, shows the traceback of an error. Exit codes:
0 ok, 1 failure, 2 usage, 3 a budget missed, 4 outputs differ from the reference, 130 interrupted.
"""


def write_commands() -> str:
    """The page."""
    lines = [_INTRO]
    for path, command in list_commands(typer.main.get_command(app), "tinydeploy"):
        lines += [f"## {path}", "", (command.help or "").strip(), ""]
        rows = [_row(each) for each in command.params if each.name != "help"]
        if rows:
            lines += ["| | default | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def list_commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All commands below a group with their names; of a group that does something, itself."""
    for name, command in group.commands.items():
        where = f"{path} {name}"
        if getattr(command, "invoke_without_command", True):
            yield where, command
        if hasattr(command, "commands"):
            yield from list_commands(command, where)


def _row(parameter: Any) -> str:
    argument = parameter.param_type_name == "argument"
    name = (parameter.metavar or parameter.name.upper()) if argument else ", ".join(parameter.opts)
    value = f" {parameter.metavar}" if parameter.metavar and not argument else ""
    shown = f"`{name}{value}`" + (" (needed)" if parameter.required else "")
    return f"| {shown} | {_default(parameter)} | {cell(parameter.help or '')} |"


def _default(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return cell(parameter.show_default)
    value = parameter.default
    if value is None or isinstance(value, bool) or callable(value) or value == []:
        return ""
    return f"`{getattr(value, 'value', value)}`"
