"""Runs a flashing tool's command and takes down what it says."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.errors import BoardLinkError, MissingDependencyError

_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Args:
        code: Its exit code.
        output: What it printed, on both streams.
    """

    code: int
    output: str


def run_command(command: Sequence[str], tool: str, folder: Path | None = None) -> Outcome:
    """Runs a command to its end.

    Args:
        command: The command line.
        tool: Whose it is.
        folder: Where it runs; None for here.

    Raises:
        MissingDependencyError: There is no such program.
        BoardLinkError: It did not end in time.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise MissingDependencyError(
            f"{command[0]} is not installed", f"It belongs to {tool}."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BoardLinkError(
            f"{tool} did not finish within {_TIMEOUT_S:.0f} s",
            "Disconnect the board and connect it again.",
        ) from error
    return Outcome(done.returncode, (done.stdout + done.stderr).strip())
