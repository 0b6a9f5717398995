"""The emulator's side of the line to its parent: UART bytes and requests on two pipes."""

from __future__ import annotations

import os
import queue
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
        self._inbox: queue.SimpleQueue[tuple[Kind, bytes | dict[str, Any]]] = queue.SimpleQueue()
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
        any_message = False
        while True:
            if timeout == 0 or any_message:
                if self._inbox.empty():
                    return any_message
                timeout = 0
            try:
                _, content = self._inbox.get(timeout != 0, timeout or None)
            except queue.Empty:
                return any_message
            any_message = True
            if isinstance(content, bytes):
                received.extend(content)
            else:
                self.requests.append(content)

    def has_message(self) -> bool:
        """Whether something waits to be taken or served."""
        return bool(self.requests) or not self._inbox.empty()

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

    def _receive(self) -> None:
        while (message := read_message(self._source)) is not None:
            kind, content, data = message
            if kind is Kind.DEBUG:
                content |= {"do": "debug", "data": data}
            self._inbox.put((kind, data if kind is Kind.UART else content))
            self._wake(kind)
        os._exit(0)  # the parent has gone, or has closed the board
