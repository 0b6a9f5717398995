"""A board in QEMU: another emulator, by other people, for what the emulated board is to agree with.

Only boards that QEMU has a machine for. It counts instructions instead of time, so that the
machine's timer, which the firmware reads as its cycle counter, tells how many were executed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError

PROGRAM = "qemu-system-arm"
INSTALL_ADVICE = "apt-get install qemu-system-arm"
# One instruction takes 2**6 ns, the least power of two that is longer than a cycle of 25 MHz: each
# of them is seen by the timer.
_SHIFT = 6


class QemuBoard:
    """Runs an ELF file in QEMU; a Transport to its console.

        with QemuBoard(elf, board) as machine:
            client = BoardClient(machine)

    Args:
        elf: The firmware.
        board: The board.

    Raises:
        UsageError: QEMU has no machine that is this board.
        MissingDependencyError: QEMU is not installed.
    """

    def __init__(self, elf: Path, board: Board) -> None:
        if not board.qemu_machine:
            raise UsageError(
                f"QEMU has no machine that is {board.title}",
                "It has mps2-an386 (Cortex-M4) and mps2-an500 (Cortex-M7): build for one of them.",
            )
        if shutil.which(PROGRAM) is None:
            raise MissingDependencyError(f"{PROGRAM} is not installed", f"Try: {INSTALL_ADVICE}")
        self._elf, self._board = elf, board
        self._process: subprocess.Popen[bytes] | None = None
        self._received = bytearray()
        self._news = threading.Condition()
        self._silent = False  # nothing will ever come again

    def __enter__(self) -> Self:
        command = [PROGRAM, "-machine", self._board.qemu_machine, "-kernel", str(self._elf)]
        command += ["-display", "none", "-monitor", "none", "-serial", "stdio"]
        command += ["-icount", f"shift={_SHIFT}"]
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._listener = threading.Thread(
            target=self._listen, args=(self._process.stdout,), daemon=True
        )
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends QEMU."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        self._listener.join()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        self._complaints.close()

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """See Transport.read.

        Raises:
            BoardLinkError: QEMU has ended.
        """
        deadline = time.monotonic() + timeout_s
        with self._news:
            while not self._received:
                left = deadline - time.monotonic()
                if self._silent:
                    raise self._ended()
                if left <= 0:
                    return b""
                self._news.wait(left)
            data = bytes(self._received[:max_bytes])
            del self._received[:max_bytes]
            return data

    def write(self, data: bytes) -> None:
        """See Transport.write.

        Raises:
            BoardLinkError: QEMU has ended.
        """
        if self._process is None or self._process.stdin is None:
            raise BoardLinkError("QEMU is not running")
        try:
            self._process.stdin.write(data)
        except OSError as error:
            raise self._ended() from error

    def count_instructions(self, cycles: int) -> float:
        """Instructions that the firmware took for `cycles` of its cycle counter.

        Off by less than one: the counter's readings are rounded down to cycles, which are shorter
        than instructions.
        """
        return cycles / self._board.clock_hz * 1e9 / (1 << _SHIFT)

    def _listen(self, pipe: IO[bytes]) -> None:
        while data := pipe.read(4096):
            with self._news:
                self._received += data
                self._news.notify_all()
        with self._news:
            self._silent = True
            self._news.notify_all()

    def _ended(self) -> BoardLinkError:
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").split("\n")[0]
        return BoardLinkError(
            f"QEMU has ended: {said or 'it does not say why'}",
            "Does its version know the machine? Those from 5.1 on know both.",
        )
