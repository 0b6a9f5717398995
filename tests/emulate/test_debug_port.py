"""The debug port: what no tool would send, second clients, and the chip under a probe."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from debuggers import debugged_board
from probe_firmware import CORES, Probe

from tinydeploy.emulate.debug_port import DebugServer, parse_port
from tinydeploy.errors import EmulationError, UsageError

_DHCSR, _DCRSR, _DCRDR, _DEMCR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC
_KEY = 0xA05F0000


class RemoteClient:
    """Speaks pyOCD's remote probe protocol."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("localhost", port), 10)
        self._file = self._socket.makefile("rwb")
        self.ask("hello", 1)
        self.ask("write_dp", 4, 0x50000000)
        self.ask("write_dp", 8, 0)
        self.ask("write_ap", 0, 0x23000052)

    def ask(self, request: str, *arguments: Any) -> Any:
        line = {"id": 5, "request": request, "arguments": arguments}
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        answer = json.loads(self._file.readline())
        assert answer["id"] == 5
        if answer["status"]:
            raise OSError(answer["status"], answer["error"])
        return answer.get("result")

    def read(self, address: int) -> int:
        self.ask("write_ap", 4, address)
        return int(self.ask("read_ap", 12))

    def write(self, address: int, value: int) -> None:
        self.ask("write_ap", 4, address)
        self.ask("write_ap", 12, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()


@pytest.mark.parametrize("name", CORES)
def test_a_probe_halts_looks_steps_and_resets(name: str, probes: Callable[[str], Path]) -> None:
    elf = probes(name)
    with debugged_board(name, elf) as (emulated, port):
        probe = Probe(emulated)
        probe.read_until("ready\n")
        with RemoteClient(port) as client:
            address, device = {
                "stm32h743": (0x5C001000, 0x450),
                "stm32l4r9": (0xE0042000, 0x470),
            }[name]
            assert client.read(address) & 0xFFF == device
            client.write(_DHCSR, _KEY | 3)
            assert client.read(_DHCSR) & 1 << 17
            stopped = emulated.instructions()
            emulated.transport.write(b"z")
            assert emulated.instructions() == stopped  # halted is halted
            client.write(_DHCSR, _KEY | 13)  # step, interrupts masked
            assert emulated.instructions() - stopped in (0, 1)
            client.write(_DCRDR, 0x12345678)
            client.write(_DCRSR, 1 << 16 | 12)
            client.write(_DCRDR, 0)
            client.write(_DCRSR, 12)
            assert client.read(_DCRDR) == 0x12345678
            # Halt before the first instruction after a reset.
            client.write(_DEMCR, 1 << 24 | 1)
            client.write(0xE000ED0C, 0x05FA0004)
            assert client.read(_DHCSR) & (1 << 17 | 1 << 25) == 1 << 17 | 1 << 25
            client.write(_DCRSR, 15)
            assert client.read(_DCRDR) == client.read(0x08000004) & ~1
            client.write(_DEMCR, 0)
            client.write(_DHCSR, _KEY)
            assert probe.read_until("ready\n") == "ready\n"  # the reset has taken 'z' with it


def test_an_access_that_nothing_answers_is_an_error(probes: Callable[[str], Path]) -> None:
    elf = probes("stm32l4r9")
    with debugged_board("stm32l4r9", elf) as (_, port), RemoteClient(port) as client:
        with pytest.raises(OSError, match="fault"):
            client.read(0x70000000)
        with pytest.raises(OSError, match="fault"):  # sticky
            client.read(0x08000000)
        client.ask("write_dp", 0, 4)
        assert client.read(0x08000000)


def test_a_tool_that_has_gone_debugs_no_more(probes: Callable[[str], Path]) -> None:
    with debugged_board("stm32l4r9", probes("stm32l4r9")) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        with RemoteClient(port) as client:
            client.write(_DHCSR, _KEY | 1)
            client.write(_DEMCR, 1 << 24 | 0x7F0)  # would halt the core at faults
            assert client.read(_DHCSR) & 3 == 1
        with RemoteClient(port) as client:
            assert client.read(_DHCSR) & 3 == 0
        emulated.transport.write(b"n")
        with pytest.raises(EmulationError, match="reads 4 bytes at 0x60000000"):
            while emulated.transport.read(100, 10.0):
                pass


def test_a_fault_is_caught_where_its_handler_begins(probes: Callable[[str], Path]) -> None:
    with debugged_board("stm32l4r9", probes("stm32l4r9")) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        with RemoteClient(port) as client:
            client.write(_DHCSR, _KEY | 1)
            client.write(_DEMCR, 1 << 24 | 1 << 10)
            emulated.transport.write(b"n")
            end = time.monotonic() + 10
            while not client.read(_DHCSR) & 1 << 17:
                assert time.monotonic() < end
            client.write(_DCRSR, 15)
            assert client.read(_DCRDR) == client.read(0x0800000C) & ~1
            client.write(_DCRSR, 16)
            assert client.read(_DCRDR) & 0x1FF == 3


def test_a_second_client_is_turned_away() -> None:
    with debugged_board("stm32l4r9") as (_, port), RemoteClient(port) as client:
        with socket.create_connection(("localhost", port), 10) as second:
            second.sendall(b'{"id": 0, "request": "hello", "arguments": [1]}\n')
            assert b"in use" in second.recv(1000)
        with socket.create_connection(("localhost", port), 10) as second:
            second.sendall(b"r")
            with suppress(ConnectionError):
                assert not second.recv(10)
        assert client.read(0x08000000) == 0xFFFFFFFF  # the first does not notice


def test_noise_does_not_hurt(probes: Callable[[str], Path]) -> None:
    generator = random.Random(7)
    with debugged_board("stm32l4r9", probes("stm32l4r9")) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        lines = b'{\n{"id": 1}\n{"id": 1, "request": 3}\n[]\n{"request": "read_ap"}\n'
        for noise in (
            lines,
            b"{" + generator.randbytes(3000) + b"\n",
            bytes(generator.choices(b"01234567RrstuBbZ", k=20_000)),
            generator.randbytes(3000).replace(b"Q", b"R"),
        ):
            with socket.create_connection(("localhost", port), 10) as client:
                client.sendall(noise)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
        assert emulated.process.is_alive()
        with RemoteClient(port) as client:
            assert client.read(0xE0042000) & 0xFFF == 0x470


@pytest.mark.parametrize(("text", "port"), [("3333", 3333), (":0", 0), ("localhost:65535", 65535)])
def test_ports(text: str, port: int) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize("text", ["", "abc", "-1", "65536", "example.org:1", ":"])
def test_ports_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_port(text)


def test_a_port_that_is_taken() -> None:
    with (
        debugged_board("stm32l4r9") as (emulated, port),
        pytest.raises(UsageError, match="cannot listen"),
        DebugServer(emulated, port),
    ):
        pass
