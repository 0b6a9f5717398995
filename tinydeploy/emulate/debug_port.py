"""TCP ports at which debuggers find an emulated board."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from types import TracebackType
from typing import Self

from tinydeploy.emulate.debug.remote_probe import refuse
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError, MissingDependencyError, UsageError

_NUMBERS = itertools.count(1)
_PATIENCE_S = 2.0
_GRACE_S = 0.5
_LAST_PORT = 65535


def parse_port(text: str) -> int:
    """The number of a port as users write it: 3333, :3333 or localhost:3333.

    Raises:
        UsageError: It is none, or not of this machine.
    """
    host, _, number = text.rpartition(":")
    if host not in ("", "localhost", "127.0.0.1"):
        raise UsageError(
            f"'{host}' is not this machine", "The ports are for this machine alone: give a number."
        )
    if not number.isdecimal() or not number.isascii() or int(number) > _LAST_PORT:
        raise UsageError(f"'{text}' is no port", "Give a number up to 65535, or 0 for a free one.")
    return int(number)


class DebugServer:
    """Hands what arrives at a port to the board's debug unit, for one client at a time.

    Args:
        emulated: The board, running, made with debug=True.
        port: TCP port on this machine; 0 takes a free one.
        gdb: Whether gdb is expected there, not a tool that brings its own debug probe.

    Attributes:
        port: The port.

    Raises:
        UsageError: The port cannot be used.
    """

    def __init__(self, emulated: EmulatedBoard, port: int, *, gdb: bool = False) -> None:
        self._process, self._gdb = emulated.process, gdb
        try:
            self._listener = socket.create_server(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"cannot listen at port {port}: {error}",
                "Choose another port, or 0 for a free one.",
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._free = threading.Event()
        self._free.set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends listening and the connection."""
        for connection in (self._listener, self._client):
            if connection is not None:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
        self._accepting.join(_PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A tool that was started at once after another may come before that one's end is seen.
            if not self._free.wait(_GRACE_S):
                threading.Thread(target=_turn_away, args=(client,), daemon=True).start()
                continue
            self._client = client
            self._free.clear()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        number = next(_NUMBERS)

        def send(data: bytes) -> None:
            with contextlib.suppress(OSError):
                if data:
                    client.sendall(data)
                else:
                    client.shutdown(socket.SHUT_RDWR)

        self._process.open_debug(number, send)
        try:
            while data := client.recv(65536):
                self._process.send_debug(number, data, gdb=self._gdb)
        except (OSError, EmulationError, MissingDependencyError):
            pass  # either end has gone; why the board has, `EmulatorProcess.failure` tells
        finally:
            self._process.close_debug(number, gdb=self._gdb)
            self._client = None
            self._free.set()
            client.close()


def _turn_away(client: socket.socket) -> None:
    """A second client: a probe has one master."""
    with contextlib.suppress(OSError), client:
        client.settimeout(_PATIENCE_S)
        if client.recv(1) == b"{":
            client.sendall(refuse("the probe is in use"))
