"""OpenOCD: through the board's ST-LINK, or JTAG at an emulated board's debug port."""

from __future__ import annotations

import re
import shutil
from typing import ClassVar

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError, UsageError
from tinydeploy.flash.chip_id import ID_ADDRESSES, check_device, find_chip_id
from tinydeploy.flash.tool import (
    IN_USE,
    NO_ACCESS,
    NO_PROBE,
    NO_TARGET,
    PROTECTED,
    WORN,
    FlashTool,
    Job,
    Probe,
    Step,
    Trouble,
)
from tinydeploy.link.ports import list_st_links

# What the configurations of boards take for their chip, which an emulated board needs alone.
_TARGETS = {
    "stm32h7": "target/stm32h7x_dual_bank.cfg",
    "stm32l4": "target/stm32l4x.cfg",
    "stm32f7": "target/stm32f7x.cfg",
    "stm32f4": "target/stm32f4x.cfg",
}
_QUIET = "gdb_port disabled; tcl_port disabled; telnet_port disabled"
_SIGN = "tinydeploy-chip-id"


class OpenOcd(FlashTool):
    """See FlashTool."""

    name = "openocd"
    advice = "apt-get install openocd"
    takes_remote = True
    troubles: ClassVar[tuple[Trouble, ...]] = (
        Trouble(
            r"LIBUSB_ERROR_BUSY|unable to claim|already in use|remote_bitbang_\w+': errno",
            "the probe is in use by another program",
            IN_USE,
        ),
        Trouble(
            r"LIBUSB_ERROR_ACCESS|LIBUSB_ERROR_NOT_SUPPORTED",
            "this user may not use the probe",
            NO_ACCESS,
        ),
        Trouble(
            r"'Failed to connect'|'connect'|couldn't connect",
            "nothing listens at the remote port",
            "Start it: tinydeploy emulate --debug-port PORT, and name that port.",
        ),
        Trouble(r"Error: open failed|no device found", "{tool} finds no debug probe", NO_PROBE),
        Trouble(
            r"stm32x device protected|RDP level [12]|WRPERR|flash.*(locked|protected)",
            "the flash of {board} is protected",
            PROTECTED,
        ),
        Trouble(
            r"init mode failed|unable to connect to the target|target voltage may be too low"
            r"|JTAG scan chain interrogation failed|Error connecting DP",
            "the probe is there, but the chip of {board} does not answer",
            NO_TARGET,
        ),
        Trouble(
            r"can't find|couldn't open",
            "this OpenOCD has no configuration for {board}",
            "Version 0.12 has; name another tool with --probe, or update OpenOCD.",
        ),
        Trouble(
            r"Cannot identify target|can't get the device id|expected 1 of 1",
            "the chip that is attached is not that of {board}",
            "Is another board attached? Nothing was written.",
        ),
        Trouble(
            r"Verify Failed|checksum mismatch|contents differ",
            "what was read back is not what was written",
            WORN,
        ),
    )

    def is_installed(self) -> bool:
        """See FlashTool."""
        return shutil.which("openocd") is not None

    def knows(self, board: Board) -> bool:
        """See FlashTool."""
        return "openocd" in board.probes

    def list_probes(self) -> list[Probe]:
        """OpenOCD lists none itself: the ST-LINKs with a serial port that this computer sees."""
        return [Probe(found.serial, found.name) for found in list_st_links()]

    def steps(self, job: Job) -> list[Step]:
        """See FlashTool."""
        words = ["openocd", *self._adapter(job), "-c", _QUIET]
        chip = find_chip_id(job.board)
        if chip is None:
            raise UsageError(f"the chip family '{job.board.family}' has no known id")
        places = " ".join(f"{address:#010x}" for address in ID_ADDRESSES)
        look = f'catch {{echo [concat {_SIGN} [capture "mdw $place"]]}}'
        identify = f"init; foreach place {{{places}}} {{{look}}}; shutdown"
        # Braces keep blanks and brackets of the path literal in OpenOCD's own language.
        program = f"program {{{job.elf}}} verify reset exit"
        return [
            Step(
                [*words, "-c", identify],
                "read the chip's id",
                lambda output: _check_id(output, chip.address, job.board),
            ),
            Step([*words, "-c", program], "write, compare, start"),
        ]

    def _adapter(self, job: Job) -> list[str]:
        if job.remote:
            host, _, port = job.remote.rpartition(":")
            adapter = "adapter driver remote_bitbang; transport select jtag"
            place = f"remote_bitbang host {host or 'localhost'}; remote_bitbang port {port}"
            return ["-c", f"{adapter}; {place}", "-f", _TARGETS[job.board.family]]
        words = ["-f", job.board.probes["openocd"]]
        return [*words, "-c", f"adapter serial {job.serial}"] if job.serial else words


def _check_id(output: str, address: int, board: Board) -> None:
    pattern = rf"{_SIGN} 0x([0-9a-f]+): ([0-9a-f]+)"
    words = {int(at, 16): int(word, 16) for at, word in re.findall(pattern, output)}
    if not words:
        raise BoardLinkError("openocd could not read the chip's id", NO_TARGET)
    check_device(words.get(address, 0), board, words.values())
