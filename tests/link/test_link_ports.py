"""Which serial port is the board's, and what is said where it cannot be opened, on each system."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

import pytest
import serial
from serial.tools import list_ports

from tinydeploy.errors import BoardLinkError, UsageError
from tinydeploy.link.ports import choose_port, explain_failure
from tinydeploy.link.transport import SerialTransport


@dataclass(frozen=True)
class Port:
    """As much of pyserial's ListPortInfo as matters."""

    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None


V2 = Port("/dev/ttyACM0", 0x0483, 0x374B, "066AFF")
V3 = Port("COM11", 0x0483, 0x374E, "004200")
OTHER = Port("/dev/ttyUSB0", 0x10C4, 0xEA60, "0001")
BUILT_IN = Port("/dev/ttyS0")
DFU = Port("/dev/ttyACM9", 0x0483, 0xDF11)  # ST's, but no debug probe


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def connected(*ports: Port) -> None:
        monkeypatch.setattr(list_ports, "comports", lambda: list(ports))

    return connected


@pytest.mark.parametrize(
    ("ports", "expected"),
    [((OTHER, V2, BUILT_IN), "/dev/ttyACM0"), ((V3,), "COM11"), ((DFU, V3), "COM11")],
)
def test_the_probe_is_found(connect, ports: tuple[Port, ...], expected: str) -> None:  # type: ignore[no-untyped-def]
    connect(*ports)
    assert choose_port(None) == expected


def test_a_name_is_taken_as_it_is(connect) -> None:  # type: ignore[no-untyped-def]
    connect(V2)
    assert choose_port("COM3") == "COM3"


def test_no_probe(connect) -> None:  # type: ignore[no-untyped-def]
    connect()
    with pytest.raises(BoardLinkError, match="no ST-LINK with a serial port") as caught:
        choose_port(None)
    assert "cable that carries data" in caught.value.hint
    assert "--port" not in caught.value.hint
    connect(OTHER, BUILT_IN, DFU)
    with pytest.raises(BoardLinkError) as caught:
        choose_port(None)
    assert "Other serial ports: /dev/ttyACM9, /dev/ttyS0, /dev/ttyUSB0" in caught.value.hint


def test_several_probes_are_named(connect) -> None:  # type: ignore[no-untyped-def]
    connect(V3, V2)
    with pytest.raises(UsageError) as caught:
        choose_port(None)
    assert "COM11 (STLINK-V3, serial number 004200)" in caught.value.message
    assert "/dev/ttyACM0 (ST-LINK/V2-1, serial number 066AFF)" in caught.value.message
    assert caught.value.hint == "Name one: --port /dev/ttyACM0"


# The texts are those of pyserial 3.5 on Linux and on Windows.
DENIED = serial.SerialException(13, "could not open port /dev/x: [Errno 13] Permission denied")
GONE = serial.SerialException(2, "could not open port /dev/ttyACM0: [Errno 2] No such file")
LOCKED = serial.SerialException(11, "Could not exclusively lock port /dev/ttyACM0: [Errno 11]")
BUSY = serial.SerialException(16, "could not open port /dev/ttyACM0: [Errno 16] Device busy")
WINDOWS_DENIED = serial.SerialException(
    "could not open port 'COM3': PermissionError(13, 'Access is denied.', None, 5)"
)
WINDOWS_GONE = serial.SerialException(
    "could not open port 'COM3': FileNotFoundError(2, 'The system cannot find the file.', None, 2)"
)


@pytest.mark.parametrize(
    ("error", "platform", "message", "hint"),
    [
        (DENIED, "linux", "permission denied", "usermod -aG dialout"),
        (LOCKED, "linux", "in use by another program", "Close the other"),
        (BUSY, "linux", "in use by another program", "Close the other"),
        (GONE, "linux", "there is no serial port PORT", "There are: COM11, /dev/ttyACM0."),
        (WINDOWS_DENIED, "win32", "in use by another program", "Close the other"),
        (WINDOWS_GONE, "win32", "there is no serial port PORT", "There are: COM11"),
        (ValueError("no such scheme"), "linux", "no such scheme", "Is it the board's"),
    ],
)
def test_why_a_port_does_not_open(  # type: ignore[no-untyped-def]
    connect, error: Exception, platform: str, message: str, hint: str
) -> None:
    connect(V3, V2)
    said = explain_failure("PORT", error, platform)
    assert message in said.message
    assert hint in said.hint


def test_none_is_there(connect) -> None:  # type: ignore[no-untyped-def]
    connect()
    assert "none now" in explain_failure("COM3", WINDOWS_GONE, "win32").hint


def test_an_open_port_is_in_use() -> None:
    """Two programs on one line would take each other's answers."""
    master, terminal = os.openpty()
    name = os.ttyname(terminal)
    with (
        SerialTransport(name),
        pytest.raises(BoardLinkError, match="in use by another program"),
    ):
        SerialTransport(name)
    with SerialTransport(name):
        pass
    os.close(master)
    os.close(terminal)


def test_the_system_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pyserial makes of the system's refusal, not what a test believes it makes."""

    def deny(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/dev/ttyACM0")

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(BoardLinkError, match="permission denied") as caught:
        SerialTransport("/dev/ttyACM0")
    assert "dialout" in caught.value.hint
