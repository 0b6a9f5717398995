"""The open stlink tools, st-flash and st-info: through an ST-LINK."""

from __future__ import annotations

import re
import shutil
from typing import ClassVar

from tinydeploy.board import Board
from tinydeploy.flash.chip_id import check_device
from tinydeploy.flash.run import run_command
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
    need_binary,
)


class StLinkTools(FlashTool):
    """See FlashTool."""

    name = "stlink"
    advice = "apt-get install stlink-tools"
    troubles: ClassVar[tuple[Trouble, ...]] = (
        Trouble(r"LIBUSB_ERROR_BUSY|busy", "the probe is in use by another program", IN_USE),
        Trouble(
            r"write access to USB|errno=13|LIBUSB_ERROR_ACCESS|Permission denied",
            "this user may not use the probe",
            NO_ACCESS,
        ),
        Trouble(
            r"Couldn't find any ST-Link|Found 0 stlink|no ST-?Link.*found",
            "{tool} finds no debug probe",
            NO_PROBE,
        ),
        Trouble(
            r"flash is (write |read )?protected|protection error|Flash memory is write protected"
            r"|unlock.*failed",
            "the flash of {board} is protected",
            PROTECTED,
        ),
        Trouble(
            r"Can not connect to target|Failed to connect to target|unknown chip id|"
            r"target voltage|Failed to parse flash type",
            "the probe is there, but the chip of {board} does not answer",
            NO_TARGET,
        ),
        Trouble(
            r"Verification of flash failed|verify.*fail",
            "what was read back is not what was written",
            WORN,
        ),
    )

    def is_installed(self) -> bool:
        """See FlashTool."""
        return shutil.which("st-flash") is not None

    def knows(self, board: Board) -> bool:
        """See FlashTool."""
        return board.family.startswith("stm32")

    def list_probes(self) -> list[Probe]:
        """See FlashTool."""
        output = run_command(["st-info", "--probe"], self.name).output
        return [
            Probe(serial, "ST-LINK") for serial in re.findall(r"^\s*serial:\s*(\S+)", output, re.M)
        ]

    def steps(self, job: Job) -> list[Step]:
        """See FlashTool; st-flash compares what it has written by itself."""
        words = ["st-flash", "--reset", "--connect-under-reset"]
        words += [f"--serial={job.serial}"] if job.serial else []
        place = f"{job.board.code_memory.address:#010x}"
        return [
            Step(
                ["st-info", "--probe"],
                "read the chip's id",
                lambda output: _check_id(output, job.serial, job.board),
            ),
            Step([*words, "write", str(need_binary(job)), place], "write, compare, start"),
        ]


def _check_id(output: str, serial: str, board: Board) -> None:
    """Looks at the probe with this serial number among those that st-info lists, or the first."""
    blocks = re.split(r"(?=^\s*(?:\d+\.|version:))", output, flags=re.M)
    for block in blocks:
        found = re.search(r"chip-?id:\s*(0x[0-9a-f]+)", block, re.IGNORECASE)
        if found and serial in block:
            check_device(int(found[1], 16), board)
            return
