"""The emulator's side of the line to its parent: UART bytes and requests on two pipes."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

from tinydeploy.emulate.messages import Kind, pack_message, read_message

_FLUSH = 4096


class HostLine:
    """Receives in a thread of its own, so that a running firmware can be interrupted.

    Args:
        source: Pipe from the parent.
        sink: Pipe to the parent.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.requests: deque[dict[str, Any]] = deque()
        self._source, self._sink = source, sink
        # Not a queue.SimpleQueue: in CPython 3.11 its get() may wait for ever where a timeout of
        # some microseconds has passed before it waits.
        self._inbox: deque[bytes | dict[str, Any]] = deque()
        self._arrived = threading.Event()
        self._text = bytearray()
        self._wake: Callable[[Kind], None] = lambda kind: None
        threading.Thread(target=self._receive, daemon=True).start()

    def on_message(self, wake: Callable[[Kind], None]) -> None:
        """Has `wake` called with the kind, in the receiving thread, after each message."""
        self._wake = wake

    def first_request(self) -> dict[str, Any]:
        """Blocks for the first request."""
        while not self.requests:
            self.take(deque(), None)
        return self.requests.popleft()

    def take(self, received: deque[int], timeout: float | None) -> bool:
        """Sorts waiting messages into `received` and `requests`; blocks for the first one.

        Args:
            received: Where UART bytes go.
            timeout: Seconds to wait for a first message; 0 does not wait, None waits for ever.

        Returns:
            Whether there was a message.
        """
        if timeout != 0:
            self.flush()
            self._wait(timeout)
        any_message = bool(self._inbox)
        while self._inbox:
            content = self._inbox.popleft()
            if isinstance(content, bytes):
                received.extend(content)
            else:
                self.requests.append(content)
        return any_message

    def has_message(self) -> bool:
        """Whether something waits to be taken or served."""
        return bool(self.requests or self._inbox)

    def send_debug(self, connection: int, data: bytes) -> None:
        """Sends bytes to a debugger; none end the connection."""
        self._write(pack_message(Kind.DEBUG, {"connection": connection}, data))

    def send_byte(self, byte: int) -> None:
        """Takes one byte that the firmware transmits."""
        self._text.append(byte)
        if byte == 10 or len(self._text) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Hands transmitted bytes to the parent."""
        if self._text:
            self._write(pack_message(Kind.UART, bytes(self._text)))
            self._text.clear()

    def reply(self, facts: dict[str, Any], data: bytes = b"") -> None:
        """Answers a request."""
        self.flush()
        self._write(pack_message(Kind.REPLY, facts, data))

    def report_stop(self, facts: dict[str, Any]) -> None:
        """Tells that the firmware has stopped for good."""
        self.flush()
        self._write(pack_message(Kind.STOPPED, facts))

    def _write(self, message: bytes) -> None:
        self._sink.write(message)
        self._sink.flush()

    def _wait(self, timeout: float | None) -> None:
        """Waits for a message, if none is there."""
        self._arrived.clear()
        if not self._inbox:  # one may have come before the flag was cleared
            self._arrived.wait(timeout)

    def _receive(self) -> None:
        while (message := read_message(self._source)) is not None:
            kind, content, data = message
            if kind is Kind.DEBUG:
                content |= {"do": "debug", "data": data}
            self._inbox.append(data if kind is Kind.UART else content)
            self._arrived.set()
            self._wake(kind)
        os._exit(0)  # the parent has gone, or has closed the board
