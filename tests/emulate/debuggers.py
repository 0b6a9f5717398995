"""The real tools, at the ports of an emulated board."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from programs import require_program

from tinydeploy.board import load_board
from tinydeploy.emulate.debug_port import DebugServer
from tinydeploy.emulate.emulated_board import EmulatedBoard

_PATIENCE_S = 30.0


@contextmanager
def debugged_board(
    name: str, elf: Path | None = None, *, gdb: bool = False, protected: bool = False
) -> Iterator[tuple[EmulatedBoard, int]]:
    """An emulated board, and the port at which a debugger finds it."""
    with (
        EmulatedBoard(elf, load_board(name), debug=True, protected=protected) as emulated,
        DebugServer(emulated, 0, gdb=gdb) as server,
    ):
        yield emulated, server.port


def run_gdb(
    elf: Path, port: int, commands: Sequence[str], attached: Callable[[], None] = lambda: None
) -> str:
    """What gdb says to some commands.

    Args:
        elf: The image, for its symbols.
        port: Of the board.
        commands: After gdb is attached, and the core stands.
        attached: Called when it is.
    """
    require_program("gdb-multiarch")
    words = ["gdb-multiarch", "-nx", "-batch", str(elf)]
    for command in (f"target remote localhost:{port}", "echo is attached\\n", *commands):
        words += ["-ex", command]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as gdb:
        watchdog = threading.Timer(_PATIENCE_S, gdb.kill)
        watchdog.start()
        assert gdb.stdout is not None
        said = ""
        for line in gdb.stdout:
            said += line
            if line == "is attached\n":
                attached()
        watchdog.cancel()
    assert watchdog.finished.is_set()
    return said
