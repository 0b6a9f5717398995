"""The emulated board's serial line as a pseudo terminal, which any terminal program opens."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError, MissingDependencyError, UsageError

_CHUNK = 4096
_POLL_S = 0.1
_LAST_WORDS_S = 1.0
_SETTLE_S = 0.25
_NOW = 0  # termios.TCSANOW, where there is a termios


class PtyBridge:
    """Carries bytes between an emulated board's UART and a pseudo terminal, both ways.

        with EmulatedBoard(elf, board) as emulated, PtyBridge(emulated) as bridge:
            print(bridge.port)
            input("Enter ends it")

    The terminal has no baud rate. What the board says while no program has the terminal open is
    kept: the first one is told all from the boot message on.

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

        self._make_raw = tty.setraw
        self._emulated = emulated
        self._master, terminal = os.openpty()
        os.set_blocking(self._master, False)
        self.port = os.ttyname(terminal)
        os.close(terminal)  # from now on a hang-up says that no program has it open
        self._ended, self._is_open = threading.Event(), threading.Event()
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

    def _deliver_last_words(self) -> None:
        """Gives a reader a moment: closing the terminal loses what it has not read."""
        if self._is_open.is_set():
            self._to_host.join(_LAST_WORDS_S)
            time.sleep(_SETTLE_S)

    def _carry_to_host(self) -> None:
        if not self._is_open.wait(_POLL_S):
            return
        data = self._emulated.process.read_uart(_CHUNK, _POLL_S)
        with suppress(OSError):  # the program has gone meanwhile
            while data and select.select([], [self._master], [], _POLL_S)[1]:
                data = data[os.write(self._master, data) :]

    def _carry_to_board(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        events = dict(poll.poll(1000 * _POLL_S)).get(self._master, 0)
        if events & select.POLLHUP and not events & select.POLLIN:
            self._is_open.clear()
            time.sleep(_POLL_S / 2)
            return
        if not self._is_open.is_set():
            # Settings do not outlive the program that made them. Who opens a port empties it,
            # which must not take the boot message.
            self._make_raw(self._master, _NOW)
            time.sleep(_SETTLE_S)
            self._is_open.set()
        if events & select.POLLIN:
            with suppress(OSError):
                data = os.read(self._master, _CHUNK)
                self._emulated.process.write_uart(data)

    def _repeat(self, carry: Callable[[], None]) -> None:
        """Carries until the bridge is closed; a stopped firmware may be started again."""
        while not self._ended.is_set():
            try:
                carry()
            except (EmulationError, MissingDependencyError):  # who holds the board asks it why
                self._ended.wait(_POLL_S)
