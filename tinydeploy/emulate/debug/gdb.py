"""gdb's remote serial protocol on one connection (gdb manual, appendix E)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tinydeploy.board import Board
from tinydeploy.emulate.debug.core import CoreDebug
from tinydeploy.emulate.debug.gdb_packets import INTERRUPT, PacketReader, pack
from tinydeploy.emulate.debug.gdb_target import REGISTERS, describe_memories, describe_target
from tinydeploy.emulate.exceptions import BUS_FAULT, MEM_MANAGE
from tinydeploy.emulate.peripherals.flash import Cells

_SIGINT, _SIGILL, _SIGTRAP, _SIGABRT, _SIGSEGV = 2, 4, 5, 6, 11
_ERROR = b"E01"
_Answer = Callable[["GdbServer", bytes], bytes | None]
_HELP = "reset: run from the reset vector; reset halt: stand before it; halt\n"


class GdbServer:
    """Serves one gdb.

    While it is connected, faults and breakpoints halt the core where they happen.

    Args:
        debug: The core under debug.
        cells: The flash that gdb's `load` writes; None where it cannot.
        board: The board.
        send: Sends bytes to gdb.
    """

    def __init__(
        self,
        debug: CoreDebug,
        cells: Cells | None,
        board: Board,
        send: Callable[[bytes], None],
    ) -> None:
        self._debug, self._cells, self._board, self._send = debug, cells, board, send
        self._packets = PacketReader()
        self._runs = False  # gdb waits for a halt
        self._signal = _SIGTRAP
        self._trouble: dict[str, Any] | None = None  # why the firmware has stopped for good
        debug.enabled = debug.catch_faults = True
        debug.on_halt.append(self._on_halt)
        debug.on_stop.append(self._on_stop)
        debug.take_over()

    def close(self) -> None:
        """Gdb has gone: the firmware runs on."""
        debug = self._debug
        debug.on_halt.remove(self._on_halt)
        debug.on_stop.remove(self._on_stop)
        for address in debug.breakpoints:
            debug.clear_breakpoint(address)
        debug.enabled = debug.catch_faults = debug.masks_interrupts = False
        debug.resume()

    def feed(self, data: bytes) -> bytes | None:
        """Takes what gdb sends; answers through `send`, None ends the connection."""
        for packet in self._packets.feed(data):
            if packet == INTERRUPT:
                self._debug.take_over()
                continue
            if self._packets.acknowledges:
                self._send(b"-" if packet is None else b"+")
            if packet is None:
                continue
            try:
                answer = self._answer(packet)
            except (ValueError, IndexError, KeyError):
                answer = _ERROR  # not of the protocol's form
            if answer is not None:
                self._send(pack(answer))
            if packet == b"QStartNoAckMode":
                self._packets.acknowledges = False
            if packet[:1] in (b"D", b"k"):
                return None
        return b""

    def _answer(self, packet: bytes) -> bytes | None:
        """The answer to a packet; empty for what is not known, None where it comes later."""
        word = packet.split(b":")[0].split(b",")[0].decode("ascii", "replace")
        for name, answer in self._WORDS.items():
            if word.startswith(name):
                return answer(self, packet[len(name) :])
        answer_one = self._LETTERS.get(word[:1])
        return b"" if answer_one is None else answer_one(self, packet[1:])

    def _transfer(self, rest: bytes) -> bytes:
        kind, rest = rest.split(b":read:")
        texts = {b"features": describe_target(), b"memory-map": describe_memories(self._board)}
        offset, size = (int(part, 16) for part in rest.split(b":")[1].split(b","))
        text = texts[kind].encode()
        return (b"m" if offset + size < len(text) else b"l") + text[offset : offset + size]

    def _read_registers(self, _: bytes) -> bytes:
        return b"".join(self._read_register(number) for number in range(len(REGISTERS)))

    def _write_registers(self, rest: bytes) -> bytes:
        for number, words in enumerate(REGISTERS):
            size = 8 * len(words)
            if rest[:size]:
                self._write_register(number, rest[:size])
            rest = rest[size:]
        return b"OK"

    def _read_register(self, number: int) -> bytes:
        values = (self._debug.read_register(word) for word in REGISTERS[number])
        return b"".join(value.to_bytes(4, "little").hex().encode() for value in values)

    def _write_register(self, number: int, text: bytes) -> None:
        data = bytes.fromhex(text.decode())
        for at, word in enumerate(REGISTERS[number]):
            self._debug.write_register(word, int.from_bytes(data[4 * at : 4 * at + 4], "little"))

    def _read_one(self, rest: bytes) -> bytes:
        number = int(rest, 16)
        return self._read_register(number) if number < len(REGISTERS) else _ERROR

    def _write_one(self, rest: bytes) -> bytes:
        number, value = rest.split(b"=")
        self._write_register(int(number, 16), value)
        return b"OK"

    def _read_memory(self, rest: bytes) -> bytes:
        address, size = (int(part, 16) for part in rest.split(b","))
        data = self._debug.read_memory(address, size)
        return _ERROR if data is None else data.hex().encode()

    def _write_hex(self, rest: bytes) -> bytes:
        place, text = rest.split(b":")
        return self._write(place, bytes.fromhex(text.decode()))

    def _write_binary(self, rest: bytes) -> bytes:
        place, data = rest.split(b":", 1)
        return self._write(place, data)

    def _write(self, place: bytes, data: bytes) -> bytes:
        address = int(place.split(b",")[0], 16)
        return b"OK" if not data or self._debug.write_memory(address, data) else _ERROR

    def _erase_flash(self, rest: bytes) -> bytes:
        address, size = (int(part, 16) for part in rest.split(b","))
        return self._change_flash(address, b"\xff" * size)

    def _write_flash(self, rest: bytes) -> bytes:
        address, data = rest.split(b":", 1)
        return self._change_flash(int(address, 16), data)

    def _change_flash(self, address: int, data: bytes) -> bytes:
        cells = self._cells
        if cells is None or self._debug.is_secret(cells.memory.address):
            return b"E.the flash cannot be written"
        offset = address - cells.memory.address
        if offset < 0 or offset + len(data) > cells.memory.size:
            return b"E.not in the flash"
        cells.put(offset, data, by_core=False)
        return b"OK"

    def _end_flash(self, _: bytes) -> bytes:
        self._debug.reset(halt=True)  # gdb sets the pc after a load, but not the stack pointer
        return b"OK"

    def _set_breakpoint(self, rest: bytes) -> bytes:
        kind, address = rest.split(b",")[:2]
        if kind not in (b"0", b"1"):
            return b""  # data watchpoints are not modelled
        self._debug.set_breakpoint(int(address, 16))
        return b"OK"

    def _clear_breakpoint(self, rest: bytes) -> bytes:
        self._debug.clear_breakpoint(int(rest.split(b",")[1], 16))
        return b"OK"

    def _continue(self, rest: bytes) -> None:
        self._runs = True
        self._debug.resume()

    def _step(self, rest: bytes) -> None:
        self._runs = True
        masked, self._debug.masks_interrupts = self._debug.masks_interrupts, True
        self._debug.step()
        self._debug.masks_interrupts = masked

    def _act(self, rest: bytes) -> bytes | None:
        """vCont: the first action is for the only thread."""
        action = rest.lstrip(b";")[:1]
        if action in (b"c", b"C"):
            self._continue(rest)
        elif action in (b"s", b"S"):
            self._step(rest)
        else:
            return _ERROR
        return None

    def _command(self, rest: bytes) -> bytes:
        """`monitor ...`."""
        words = bytes.fromhex(rest.decode()).decode("utf-8", "replace").split()
        if words[:1] == ["reset"]:
            self._debug.reset(halt=True)
            if words[1:2] not in (["halt"], ["init"]):
                self._debug.resume()
        elif words == ["halt"]:
            self._debug.take_over()
        else:
            return _HELP.encode().hex().encode()
        return b"OK"

    def _tell_signal(self, _: bytes) -> bytes:
        return b"S%02x" % self._signal

    def _on_halt(self, cause: str) -> None:
        fault, trouble = self._debug.fault, self._trouble
        self._signal, self._trouble = _SIGTRAP, None
        text = ""
        if trouble is not None:
            self._signal, text = _SIGABRT, f"the firmware stopped: {trouble['text']}"
        elif cause == "fault" and fault is not None:
            memory = fault.exception in (BUS_FAULT, MEM_MANAGE)
            self._signal, text = _SIGSEGV if memory else _SIGILL, f"fault: {fault.text}"
        elif cause == "request":
            self._signal = _SIGINT
        if self._runs:
            self._runs = False
            if text:
                self._send(pack(b"O" + f"{text}\n".encode().hex().encode()))
            self._send(pack(self._tell_signal(b"")))

    def _on_stop(self, facts: dict[str, Any]) -> None:
        if facts:
            self._trouble = facts
            self._debug.take_over()

    # What packets begin with; the longer names first.
    _WORDS: ClassVar[Mapping[str, _Answer]] = {
        "qSupported": lambda self, rest: (
            b"PacketSize=4000;qXfer:features:read+;qXfer:memory-map:read+;QStartNoAckMode+"
        ),
        "QStartNoAckMode": lambda self, rest: b"OK",
        "qXfer": lambda self, rest: self._transfer(rest[1:]),
        "qAttached": lambda self, rest: b"1",
        "qRcmd": lambda self, rest: self._command(rest[1:]),
        "vFlashErase": lambda self, rest: self._erase_flash(rest[1:]),
        "vFlashWrite": lambda self, rest: self._write_flash(rest[1:]),
        "vFlashDone": _end_flash,
        "vCont?": lambda self, rest: b"vCont;c;C;s;S",
        "vCont": _act,
    }
    _LETTERS: ClassVar[Mapping[str, _Answer]] = {
        "?": _tell_signal,
        "g": _read_registers,
        "G": _write_registers,
        "p": _read_one,
        "P": _write_one,
        "m": _read_memory,
        "M": _write_hex,
        "X": _write_binary,
        "Z": _set_breakpoint,
        "z": _clear_breakpoint,
        "c": _continue,
        "s": _step,
        "H": lambda self, rest: b"OK",
        "D": lambda self, rest: b"OK",
    }
