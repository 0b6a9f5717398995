"""The debuggers connected to an emulated chip: which protocol each of them speaks."""

from __future__ import annotations

from typing import Protocol

from tinydeploy.board import Board
from tinydeploy.emulate.debug.access_port import DebugPort
from tinydeploy.emulate.debug.bitbang import RemoteBitbang
from tinydeploy.emulate.debug.core import CoreDebug
from tinydeploy.emulate.debug.identity import identify_chip
from tinydeploy.emulate.debug.probe_memory import ProbeMemory
from tinydeploy.emulate.debug.remote_probe import RemoteProbe
from tinydeploy.emulate.host_line import HostLine


class Debugger(Protocol):
    """One protocol on one connection."""

    def feed(self, data: bytes) -> bytes | None:
        """Takes what the host sends; returns what it gets back, None to end the connection."""


class Connections:
    """Gives each connection's bytes to its protocol.

    Args:
        debug: The core under debug.
        board: For the chip's identification.
        line: Carries the answers.
    """

    def __init__(self, debug: CoreDebug, board: Board, line: HostLine) -> None:
        self._line = line
        self._identity = identify_chip(board)
        self._memory = ProbeMemory(debug, self._identity)
        self._debuggers: dict[int, Debugger] = {}

    def feed(self, connection: int, data: bytes) -> None:
        """Takes bytes of a connection; none mean that it has ended."""
        if not data:
            self._debuggers.pop(connection, None)
            return
        if connection not in self._debuggers:
            self._debuggers[connection] = self._open(data[:1])
        answer = self._debuggers[connection].feed(data)
        if answer is None or answer:
            self._line.send_debug(connection, answer or b"")

    def _open(self, first: bytes) -> Debugger:
        """The protocol that a connection's first byte belongs to."""
        port = DebugPort(self._memory, self._identity)
        if first == b"{":
            return RemoteProbe(port, self._memory.reset)
        return RemoteBitbang(port, self._identity, self._memory.reset)
