"""The emulated board's serial line as a pseudo terminal, which any terminal program opens."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError, MissingDependencyError, UsageError

_CHUNK = 4096
_POLL_S = 0.1
_LAST_WORDS_S = 1.0


class PtyBridge:
    """Carries bytes between an emulated board's UART and a pseudo terminal, both ways.

        with EmulatedBoard(elf, board) as emulated, PtyBridge(emulated) as bridge:
            print(bridge.port)
            input("Enter ends it")

    The terminal has no baud rate. As on a real line, what the board sends while nobody reads is
    kept up to the terminal's few KB, then lost.

    Args:
        emulated: The running board.

    Attributes:
        port: The terminal's name, e.g. "/dev/pts/7".

    Raises:
        UsageError: This system has no pseudo terminals.
    """

    def __init__(self, emulated: EmulatedBoard) -> None:
        if not hasattr(os, "openpty"):
            raise UsageError(
                "this system has no pseudo terminals",
                "Use --on emulator with run, validate and bench: it needs no port.",
            )
        import tty

        self._emulated = emulated
        # The bridge keeps the terminal's own end open, too: else reading would fail whenever no
        # program has it open.
        self._master, self._terminal = os.openpty()
        tty.setraw(self._terminal)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._terminal)
        self._ended = threading.Event()
        self._to_host, self._to_board = (
            threading.Thread(target=self._repeat, args=(carry,), daemon=True)
            for carry in (self._carry_to_host, self._carry_to_board)
        )

    def __enter__(self) -> Self:
        self._to_host.start()
        self._to_board.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._emulated.failure():
            self._deliver_last_words()
        self._ended.set()
        self._to_host.join()
        self._to_board.join()
        os.close(self._master)
        os.close(self._terminal)

    def _deliver_last_words(self) -> None:
        """Waits a moment for a reader: closing the terminal loses what nobody has read."""
        self._to_host.join(_LAST_WORDS_S)
        until = time.monotonic() + _LAST_WORDS_S
        while select.select([self._terminal], [], [], 0)[0] and time.monotonic() < until:
            time.sleep(_POLL_S / 10)

    def _carry_to_host(self) -> None:
        data = self._emulated.process.read_uart(_CHUNK, _POLL_S)
        while data and select.select([], [self._master], [], _POLL_S)[1]:
            data = data[os.write(self._master, data) :]

    def _carry_to_board(self) -> None:
        if select.select([self._master], [], [], _POLL_S)[0]:
            self._emulated.process.write_uart(os.read(self._master, _CHUNK))

    def _repeat(self, carry: Callable[[], None]) -> None:
        """Carries until the bridge is closed; a stopped firmware may be started again."""
        while not self._ended.is_set():
            try:
                carry()
            except (EmulationError, MissingDependencyError):  # who holds the board asks it why
                self._ended.wait(_POLL_S)
