"""ST's STM32CubeProgrammer, by its command line: through an ST-LINK."""

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
)

_PROGRAM = "STM32_Programmer_CLI"


class CubeProgrammer(FlashTool):
    """See FlashTool."""

    name = "cubeprogrammer"
    advice = f"install STM32CubeProgrammer from st.com and put {_PROGRAM} on the PATH"
    troubles: ClassVar[tuple[Trouble, ...]] = (
        Trouble(
            r"ST-LINK error \(DEV_USB_COMM_ERR\)|already used|in use|DEV_CONNECT_ERR_BUSY",
            "the probe is in use by another program",
            IN_USE,
        ),
        Trouble(r"permission|DEV_USB_ACCESS", "this user may not use the probe", NO_ACCESS),
        Trouble(
            r"No (debug probe|STLink|ST-?LINK) detected|No debug probe",
            "{tool} finds no debug probe",
            NO_PROBE,
        ),
        Trouble(
            r"Read ?Out Protection|failed to erase memory|Data read failed|write protect",
            "the flash of {board} is protected",
            PROTECTED,
        ),
        Trouble(
            r"No STM32 target found|Unable to get core ID|DEV_TARGET_NOT_HALTED|"
            r"DEV_CONNECT_ERR|cannot connect to target",
            "the probe is there, but the chip of {board} does not answer",
            NO_TARGET,
        ),
        Trouble(
            r"verif\w* failed|Data mismatch",
            "what was read back is not what was written",
            WORN,
        ),
    )

    def is_installed(self) -> bool:
        """See FlashTool."""
        return shutil.which(_PROGRAM) is not None

    def knows(self, board: Board) -> bool:
        """See FlashTool."""
        return board.family.startswith("stm32")

    def list_probes(self) -> list[Probe]:
        """See FlashTool."""
        output = run_command([_PROGRAM, "-l", "st-link"], self.name).output
        serials = re.findall(r"ST-LINK SN\s*:\s*(\S+)", output)
        return [Probe(serial, "ST-LINK") for serial in dict.fromkeys(serials)]

    def steps(self, job: Job) -> list[Step]:
        """See FlashTool."""
        words = [_PROGRAM, "-c", "port=SWD", "mode=UR"]
        words += [f"sn={job.serial}"] if job.serial else []
        return [
            Step(words, "read the chip's id", lambda output: _check_id(output, job.board)),
            Step([*words, "-d", str(job.elf), "-v", "-rst"], "write, compare, start"),
        ]


def _check_id(output: str, board: Board) -> None:
    found = re.search(r"Device ID\s*:\s*(0x[0-9a-f]+)", output, re.IGNORECASE)
    if found:
        check_device(int(found[1], 16), board)
