"""dfu-util: without a probe, through the boot loader in the chip's ROM and its own USB socket."""

from __future__ import annotations

import re
import shutil
from typing import ClassVar

from tinydeploy.board import Board
from tinydeploy.flash.run import run_command
from tinydeploy.flash.tool import (
    IN_USE,
    NO_ACCESS,
    PROTECTED,
    READ_BACK,
    FlashTool,
    Job,
    Probe,
    Step,
    Trouble,
    check_read_back,
    need_binary,
)

_DEVICE = "0483:df11"
_WAIT = (
    "Hold BOOT0 high while the chip resets, and connect the chip's own USB socket, not the probe's."
)


class DfuUtil(FlashTool):
    """See FlashTool."""

    name = "dfu"
    advice = "apt-get install dfu-util"
    troubles: ClassVar[tuple[Trouble, ...]] = (
        Trouble(r"LIBUSB_ERROR_BUSY", "the boot loader is in use by another program", IN_USE),
        Trouble(
            r"LIBUSB_ERROR_ACCESS|Cannot open DFU device.*ACCESS",
            "this user may not use the boot loader's USB device",
            NO_ACCESS,
        ),
        Trouble(
            r"No DFU capable USB device",
            "{tool} finds no chip in its boot loader",
            _WAIT,
        ),
        Trouble(
            r"status\(\d+\) = (.*vendor|.*address|.*firmware)|not (readable|writeable)|errVENDOR",
            "the flash of {board} is protected",
            PROTECTED,
        ),
    )

    def is_installed(self) -> bool:
        """See FlashTool."""
        return shutil.which("dfu-util") is not None

    def knows(self, board: Board) -> bool:
        """See FlashTool."""
        return board.family.startswith("stm32")

    def list_probes(self) -> list[Probe]:
        """See FlashTool."""
        output = run_command(["dfu-util", "-l"], self.name).output
        serials = re.findall(rf'Found DFU: \[{_DEVICE}\].*serial="([^"]*)"', output)
        return [Probe(serial, "STM32 boot loader") for serial in dict.fromkeys(serials)]

    def steps(self, job: Job) -> list[Step]:
        """See FlashTool; the boot loader does not tell the chip's id."""
        words = ["dfu-util", "-d", _DEVICE, "-a", "0"]
        words += ["-S", job.serial] if job.serial else []
        binary = need_binary(job)
        place = f"{job.board.code_memory.address:#010x}"
        size = binary.stat().st_size
        return [
            Step([*words, "-s", place, "-D", str(binary)], "write"),
            Step(
                [*words, "-s", f"{place}:{size}:leave", "-U", READ_BACK],
                "compare, start",
                lambda output: check_read_back(job),
            ),
        ]
