"""How bytes get to a board and back: anything with read and write, among it a serial port."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

from tinydeploy.errors import BoardLinkError, MissingDependencyError
from tinydeploy.link.ports import explain_failure


class Transport(Protocol):
    """A line to a board. It may lose, change and invent bytes."""

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Up to `max_bytes`, as soon as there are any; none if none arrive within `timeout_s`."""

    def write(self, data: bytes) -> None:
        """Sends bytes."""


class SerialTransport:
    """A serial port, 8 data bits, no parity, 1 stop bit.

    Args:
        port: Its name, e.g. "/dev/ttyACM0" or "COM3", or a URL that pyserial knows.
        baud: Bits per second.

    Raises:
        MissingDependencyError: pyserial is not installed.
        BoardLinkError: The port cannot be opened, or another program has it.
    """

    def __init__(self, port: str, baud: int = 115_200) -> None:
        try:
            import serial
        except ImportError as error:
            raise MissingDependencyError(
                "serial ports need the package pyserial", "Install it with: pip install pyserial."
            ) from error
        self._port = port
        self._failures: tuple[type[Exception], ...] = (serial.SerialException, OSError)
        try:
            self._serial: Any = serial.serial_for_url(
                port, baudrate=baud, timeout=0, exclusive=True
            )
        except (*self._failures, ValueError) as error:
            raise explain_failure(port, error) from error

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
        """Closes the port."""
        self._serial.close()

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """See Transport.read."""
        try:
            waiting = min(self._serial.in_waiting, max_bytes)
            self._serial.timeout = timeout_s
            first = bytes(self._serial.read(max(waiting, 1)))
            more = min(self._serial.in_waiting, max_bytes - len(first)) if first else 0
            return first + bytes(self._serial.read(more)) if more > 0 else first
        except self._failures as error:
            raise self._lost(error) from error

    def write(self, data: bytes) -> None:
        """See Transport.write."""
        try:
            self._serial.write(data)
            self._serial.flush()
        except self._failures as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> BoardLinkError:
        return BoardLinkError(
            f"serial port {self._port} failed: {error}", "Was the board unplugged?"
        )
