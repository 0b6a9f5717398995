"""Does what a page of the manual says, as a reader would: writes its files, runs its commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Block, list_blocks
from tests.docs.given import make_given
from tinydeploy.cli.main import main


def walk_page(page: Path, capfd: pytest.CaptureFixture[str]) -> int:
    """Walks the page in the current folder; returns how many commands were run."""
    printed, count = "", 0
    for block in list_blocks(page):
        if block.marker == "given":
            make_given(block.words, Path.cwd())
        elif block.marker == "file":
            path = Path(block.words)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text + "\n", encoding="utf-8")
        elif block.marker == "run":
            commands = list_commands(block)
            count += len(commands)
            codes = [run_command(command) for command in commands]
            printed = "".join(capfd.readouterr())
            wanted = [0] * (len(codes) - 1) + [_exit_code(block)]
            assert codes == wanted, f"{block.place}: {printed}"
        elif block.marker == "output":
            check_printed(block, printed)
    return count


def list_commands(block: Block) -> list[str]:
    """Its lines; a backslash at the end joins two."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.strip()]


def run_command(command: str) -> int:
    """The exit code: of tinydeploy, started here, or of another program by the shell."""
    words = shlex.split(command, comments=True)
    if words[0] == "tinydeploy" and not set(words) & {"|", ">", "&&"}:
        with pytest.raises(SystemExit) as caught:
            main(words[1:])
        return int(caught.value.code or 0)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command], check=False, env={**os.environ, "PATH": path}
    ).returncode


def check_printed(block: Block, printed: str) -> None:
    """The block's lines were printed in their order, whatever the figures; `...` is anything."""
    lines = [_mask(line) for line in printed.splitlines()]
    at = 0
    for line in block.text.splitlines():
        if line.strip() in ("", "..."):
            continue
        pattern = re.escape(_mask(line)).replace(r"\.\.\.", ".*")
        places = [k for k in range(at, len(lines)) if re.fullmatch(pattern, lines[k])]
        assert places, f"{block.place} was not printed: {line}\n{printed}"
        at = places[0] + 1


def _exit_code(block: Block) -> int:
    match = re.fullmatch(r"(?:exit (\d+))?", block.words)
    assert match, f"{block.place}: what is '{block.words}'?"
    return int(match[1] or 0)


def _mask(line: str) -> str:
    """Figures, and the spaces that line them up, differ from one machine and time to another."""
    return " ".join(re.sub(r"[-+]?\d[\d,.]*", "#", line).split())
