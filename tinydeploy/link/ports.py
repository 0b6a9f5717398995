"""Finds the serial port of a board's own debug probe, and says why a port cannot be opened."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError

_ST = 0x0483
# Of the ST-LINKs with a virtual serial port; from STSW-LINK007's release notes.
_PROBES: Final = {
    0x374B: "ST-LINK/V2-1",
    0x3752: "ST-LINK/V2-1",
    0x374E: "STLINK-V3",
    0x374F: "STLINK-V3",
    0x3753: "STLINK-V3",
    0x3754: "STLINK-V3",
    0x3755: "STLINK-V3",
    0x3757: "STLINK-V3",
}
_BUSY = (errno.EBUSY, errno.EAGAIN)


def choose_port(wish: str | None) -> str:
    """The port that the user names, or else that of the one ST-LINK there is.

    Raises:
        BoardLinkError: No ST-LINK is there.
        UsageError: There are several.
        MissingDependencyError: pyserial is not installed.
    """
    return wish or _choose_probe(_list_ports())


def explain_failure(port: str, error: Exception, platform: str = sys.platform) -> BoardLinkError:
    """Why a port cannot be opened, with what helps on this system.

    Args:
        port: The port.
        error: What pyserial raised.
        platform: As sys.platform.
    """
    text = str(error)
    number = getattr(error, "errno", None)
    # Windows opens a port for one program at a time, and denies access to the next.
    in_use = platform == "win32" and "PermissionError" in text
    if in_use or number in _BUSY or "exclusively lock" in text:
        return BoardLinkError(
            f"serial port {port} is in use by another program",
            "Close the other terminal, IDE or tinydeploy that has it open.",
        )
    if number == errno.EACCES:
        return BoardLinkError(
            f"serial port {port}: permission denied",
            "Join the group that owns it, then log in again: sudo usermod -aG dialout $USER",
        )
    if number == errno.ENOENT or "FileNotFoundError" in text:
        names = [str(each.device) for each in _list_ports()]
        there = f"There are: {', '.join(names)}." if names else "This computer has none now."
        return BoardLinkError(f"there is no serial port {port}", f"{there} Is the board connected?")
    return BoardLinkError(
        f"cannot open serial port {port}: {text}",
        "Is it the board's port, and is the board connected?",
    )


def _choose_probe(ports: Iterable[Any]) -> str:
    """The only ST-LINK among pyserial's ListPortInfo."""
    others, probes = [], []
    for each in sorted(ports, key=lambda each: str(each.device)):
        if each.vid == _ST and each.pid in _PROBES:
            serial = f", serial number {each.serial_number}" if each.serial_number else ""
            probes.append((str(each.device), f"{each.device} ({_PROBES[each.pid]}{serial})"))
        else:
            others.append(str(each.device))
    if not probes:
        also = f" Other serial ports: {', '.join(others)}; --port takes one." if others else ""
        raise BoardLinkError(
            "no ST-LINK with a serial port is connected",
            "Connect the USB socket of the board's debug probe with a cable that carries data, "
            f"not power alone.{also}",
        )
    if len(probes) > 1:
        raise UsageError(
            f"several ST-LINKs are connected: {'; '.join(text for _, text in probes)}",
            f"Name one: --port {probes[0][0]}",
        )
    return probes[0][0]


def _list_ports() -> list[Any]:
    try:
        from serial.tools import list_ports
    except ImportError as error:
        raise MissingDependencyError(
            "serial ports need the package pyserial", "Install it with: pip install pyserial."
        ) from error
    return list(list_ports.comports())


@dataclass(frozen=True)
class StLink:
    """An ST-LINK with a serial port.

    Args:
        serial: Its serial number.
        name: Its generation.
        port: The serial port.
    """

    serial: str
    name: str
    port: str


def list_st_links() -> list[StLink]:
    """The ST-LINKs with a serial port that are connected."""
    return [
        StLink(str(each.serial_number or ""), _PROBES[each.pid], str(each.device))
        for each in _list_ports()
        if each.vid == _ST and each.pid in _PROBES
    ]
