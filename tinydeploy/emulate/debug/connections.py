"""The debuggers connected to an emulated chip: which protocol each of them speaks."""

from __future__ import annotations

import functools
from typing import Protocol

from tinydeploy.board import Board
from tinydeploy.emulate.debug.access_port import DebugPort
from tinydeploy.emulate.debug.bitbang import RemoteBitbang
from tinydeploy.emulate.debug.core import CoreDebug
from tinydeploy.emulate.debug.gdb import GdbServer
from tinydeploy.emulate.debug.identity import identify_chip
from tinydeploy.emulate.debug.probe_memory import ProbeMemory
from tinydeploy.emulate.debug.remote_probe import RemoteProbe
from tinydeploy.emulate.host_line import HostLine
from tinydeploy.emulate.peripherals.flash import Cells


class Debugger(Protocol):
    """One protocol on one connection."""

    def feed(self, data: bytes) -> bytes | None:
        """Takes what the host sends; returns what it gets back, None to end the connection."""

    def close(self) -> None:
        """The connection has ended."""


class Connections:
    """Gives each connection's bytes to its protocol.

    Args:
        debug: The core under debug.
        cells: The chip's flash; None where programming it is not modelled.
        board: The board.
        line: Carries the answers.
    """

    def __init__(self, debug: CoreDebug, cells: Cells | None, board: Board, line: HostLine) -> None:
        self._debug, self._cells, self._board, self._line = debug, cells, board, line
        self._identity = identify_chip(board)
        self._memory = ProbeMemory(debug, self._identity)
        self._debuggers: dict[int, Debugger] = {}

    def feed(self, connection: int, data: bytes, *, gdb: bool) -> None:
        """Takes bytes of a connection to gdb or a probe; none mean that it has ended."""
        if not data:
            if debugger := self._debuggers.pop(connection, None):
                debugger.close()
                if not gdb:
                    self._memory.leave()
            return
        if connection not in self._debuggers:
            self._debuggers[connection] = self._open(connection, data[:1], gdb=gdb)
        answer = self._debuggers[connection].feed(data)
        if answer is None or answer:
            self._line.send_debug(connection, answer or b"")

    def _open(self, connection: int, first: bytes, *, gdb: bool) -> Debugger:
        """Gdb's protocol, or the probe's that a connection's first byte belongs to."""
        if gdb:
            return GdbServer(
                self._debug,
                self._cells,
                self._board,
                functools.partial(self._line.send_debug, connection),
            )
        port = DebugPort(self._memory, self._identity)
        if first == b"{":
            return RemoteProbe(port, self._memory.reset)
        return RemoteBitbang(port, self._identity, self._memory.reset)
