"""The emulator's process as its parent sees it: started, asked, listened to, buried."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinydeploy.board import Board
from tinydeploy.emulate.chip_options import ChipOptions
from tinydeploy.emulate.image import Image
from tinydeploy.emulate.messages import Kind, pack_message, read_message
from tinydeploy.errors import EmulationError, MissingDependencyError

_START_TIMEOUT, _REPLY_TIMEOUT = 120.0, 60.0

_ADVICE = {
    "internal": "This is a bug of the emulator, not of the firmware.",
    "violation": "A real board would fail here, perhaps only sometimes.",
}


class EmulatorProcess:
    """A running emulator.

    Args:
        elf: The firmware; None for erased flash.
        image: The same, read.
        board: The board.
        options: How the chip is set up.

    Raises:
        MissingDependencyError: Unicorn is not installed.
        EmulationError: The image does not fit the board, or the process died.
    """

    def __init__(self, elf: Path | None, image: Image, board: Board, options: ChipOptions) -> None:
        self._image = image
        self._uart = bytearray()
        self._news = threading.Condition()
        self._sending = threading.Lock()
        self._replies: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()
        self._stopped: dict[str, Any] | None = None
        self._gone = self._closed = False
        self._debuggers: dict[int, Callable[[bytes], None]] = {}  # by connection
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tinydeploy.emulate.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=os.environ | {"PYTHONPATH": path},
            bufsize=0,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            start = {
                "elf": None if elf is None else str(elf),
                "board": asdict(board),
                "options": asdict(options),
            }
            self.counter: str = self.request(start, timeout_s=_START_TIMEOUT)[0]["counter"]
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def close(self) -> None:
        """Ends the process."""
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._complaints.close()

    def request(
        self, request: dict[str, Any], *, timeout_s: float = _REPLY_TIMEOUT
    ) -> tuple[dict[str, Any], bytes]:
        """Asks the server (server.py says what there is to ask); returns facts and data.

        Raises:
            EmulationError: The server refuses, or is no more.
        """
        self._write(pack_message(Kind.REQUEST, request))
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                facts, data = self._replies.get(timeout=0.2)
                break
            except queue.Empty:
                if self._gone and self._replies.empty():
                    raise self._death() from None
                if time.monotonic() > deadline:
                    self.close()  # a late reply would answer the next question
                    raise EmulationError(
                        f"the emulator's process did not answer within {timeout_s:g} s"
                    ) from None
        if "error" in facts:
            raise EmulationError(facts["error"], facts.get("hint", ""))
        return facts, data

    def read_uart(self, max_bytes: int, timeout_s: float) -> bytes:
        """See EmulatedTransport.read."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while not self._uart:
                if self._gone or self._stopped:
                    raise self._death()
                left = deadline - time.monotonic()
                if left <= 0:
                    return b""
                self._news.wait(left)
            data = bytes(self._uart[:max_bytes])
            del self._uart[:max_bytes]
            return data

    def write_uart(self, data: bytes) -> None:
        """See EmulatedTransport.write."""
        if failure := self.failure():
            raise failure
        self._write(pack_message(Kind.UART, data))

    def open_debug(self, connection: int, send: Callable[[bytes], None]) -> None:
        """Has `send` called with what the debug unit says on a connection; none ends it."""
        self._debuggers[connection] = send

    def send_debug(self, connection: int, data: bytes, *, gdb: bool = False) -> None:
        """Passes on what a debugger says; none for its end."""
        self._write(pack_message(Kind.DEBUG, {"connection": connection, "gdb": gdb}, data))

    def close_debug(self, connection: int, *, gdb: bool) -> None:
        """The debugger has gone."""
        self._debuggers.pop(connection, None)
        with contextlib.suppress(EmulationError, MissingDependencyError):
            self.send_debug(connection, b"", gdb=gdb)

    def is_alive(self) -> bool:
        """Whether the process is there, whatever the firmware does."""
        return not self._gone

    def failure(self) -> EmulationError | MissingDependencyError | None:
        """Why firmware or process have stopped; None while they run."""
        return self._death() if self._gone or self._stopped else None

    def _write(self, message: bytes) -> None:
        stdin = self._process.stdin
        if self._closed or stdin is None:
            raise self._death()
        try:
            with self._sending:
                view = memoryview(message)
                while view:
                    view = view[stdin.write(view) :]
        except OSError as error:
            self._listener.join(5)
            raise self._death() from error

    def _listen(self) -> None:
        source: Any = self._process.stdout
        while (message := read_message(source)) is not None:
            kind, facts, data = message
            if kind is Kind.REPLY:
                self._replies.put((facts, data))
                continue
            if kind is Kind.DEBUG:
                if send := self._debuggers.get(facts["connection"]):
                    send(data)
                continue
            with self._news:
                if kind is Kind.STOPPED:
                    self._stopped = facts or None  # none: a debugger has reset the chip
                else:
                    self._uart += data
                self._news.notify_all()
        with self._news:
            self._gone = True
            self._news.notify_all()

    def _death(self) -> EmulationError | MissingDependencyError:
        if self._stopped:
            return EmulationError(
                self._describe(self._stopped), _ADVICE.get(self._stopped["reason"], "")
            )
        if self._closed:
            return EmulationError("the emulated board is not running")
        try:
            code: int | str = self._process.wait(5)
        except subprocess.TimeoutExpired:
            code = "unknown"
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip()
        if "No module named 'unicorn'" in said or "No module named 'capstone'" in said:
            return MissingDependencyError(
                "the emulated board needs the packages unicorn and capstone",
                "Install them with: pip install 'tinydeploy[emulate]'.",
            )
        last = said.splitlines()[-1] if said else "no message"
        return EmulationError(f"the emulator's process ended (exit code {code}): {last}")

    def _describe(self, facts: dict[str, Any]) -> str:
        image, pc, lr = self._image, int(facts["pc"]), int(facts["lr"])
        text = f"the firmware stopped: {facts['text']}; at {pc:#010x} in {image.describe(pc)}"
        if image.function_at(lr & ~1):
            text += f", called from {image.describe((lr & ~1) - 2)}"
        return text + f", sp {int(facts['sp']):#010x}"
