"""Programs that stand in for flashing tools on the PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinydeploy.board import load_board
from tinydeploy.flash.tool import Job

BOARD = load_board("stm32h743")


class StandIns:
    """A folder of shell scripts, and nothing else but the shell's tools, on the PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name in ("sh", "cat", "cp", "echo", "dd", "head"):
            for place in ("/bin", "/usr/bin"):
                if (Path(place) / name).exists():
                    (folder / name).symlink_to(Path(place) / name)
                    break
        monkeypatch.setenv("PATH", str(folder))

    def add(self, name: str, script: str) -> None:
        """A program; it notes each call in calls.txt."""
        program = self.folder / name
        note = f'echo "{name} $@" >> {self.folder}/calls.txt'
        program.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What was called, with its arguments."""
        path = self.folder / "calls.txt"
        return path.read_text().splitlines() if path.exists() else []


def make_job(folder: Path, *, serial: str = "") -> Job:
    """A job with an image of a few bytes."""
    elf = folder / "my build" / "firmware.elf"
    elf.parent.mkdir()
    elf.write_bytes(b"\x7fELF")
    elf.with_suffix(".bin").write_bytes(b"image")
    scratch = folder / "scratch"
    scratch.mkdir()
    return Job(elf, BOARD, serial, "", scratch)
