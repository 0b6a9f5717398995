"""pyOCD's remote probe protocol: each line is a request in JSON, and so is its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tinydeploy.emulate.debug.access_port import DebugPort, TransferError

_VERSION = 1
_GENERAL_ERROR, _PROBE_ERROR, _TRANSFER_FAULT = 1, 3, 12
_PROPERTIES: dict[str, Any] = {
    "vendor_name": "tinydeploy",
    "product_name": "emulated board",
    "unique_id": "emulated",
    "supported_wire_protocols": ["DEFAULT", "SWD"],
    "wire_protocol": "SWD",
    "capabilities": ["BANKED_DP_REGISTERS"],
}
_LONGEST_LINE = 1 << 20


def refuse(text: str) -> bytes:
    """The answer to a client's first request that turns it away."""
    return _pack({"id": 0, "status": _PROBE_ERROR, "error": text})


class RemoteProbe:
    """Speaks the protocol on one connection.

    Args:
        port: The debug port.
        reset: Called when the reset line is released.
    """

    def __init__(self, port: DebugPort, reset: Callable[[], None]) -> None:
        self._port, self._reset = port, reset
        self._received = bytearray()
        self._in_reset = False
        self._requests: dict[str, Callable[..., Any]] = {
            "hello": self._hello,
            "readprop": lambda name: _PROPERTIES[name],
            "reset": reset,
            "assert_reset": self._assert_reset,
            "is_reset_asserted": lambda: self._in_reset,
            "swd_sequence": lambda sequences: [0, []],
            "read_dp": port.read_port,
            "write_dp": port.write_port,
            "read_ap": lambda register: port.read_access(register & 12),
            "write_ap": lambda register, value: port.write_access(register & 12, value),
            "read_ap_multiple": self._read_multiple,
            "write_ap_multiple": self._write_multiple,
            "get_memory_interface_for_ap": lambda version, address: None,
        }
        # Nothing is to be done for them.
        for name in ("open", "close", "lock", "unlock", "connect", "disconnect", "flush"):
            self._requests[name] = lambda *arguments: None
        for name in ("swj_sequence", "set_clock"):
            self._requests[name] = lambda *arguments: None

    def close(self) -> None:
        """The connection has ended; the core stays as the tool has left it."""

    def feed(self, data: bytes) -> bytes | None:
        """Takes what the host sends; returns what it gets back, None to end the connection."""
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        if len(rest) > _LONGEST_LINE:
            return None
        return b"".join(self._answer(line) for line in lines if line.strip())

    def _answer(self, line: bytes | bytearray) -> bytes:
        answer: dict[str, Any] = {"id": -1, "status": 0}
        try:
            request = json.loads(line)
            answer["id"] = request["id"]
            result = self._requests[request["request"]](*request.get("arguments", []))
            if result is not None:
                answer["result"] = result
        except TransferError:
            answer |= {"status": _TRANSFER_FAULT, "error": "memory transfer fault"}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            answer |= {"status": _GENERAL_ERROR, "error": f"malformed request: {error!r}"}
        return _pack(answer)

    def _hello(self, version: int) -> None:
        if version != _VERSION:
            raise ValueError(f"protocol version {version}")

    def _assert_reset(self, asserted: bool) -> None:
        if self._in_reset and not asserted:
            self._reset()
        self._in_reset = bool(asserted)

    def _read_multiple(self, register: int, count: int) -> list[int]:
        return [self._port.read_access(register & 12) for _ in range(count)]

    def _write_multiple(self, register: int, values: list[int]) -> None:
        for value in values:
            self._port.write_access(register & 12, value)


def _pack(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
