"""The accelerator that is wired to an emulated board: its link, and what goes wrong with that."""

from __future__ import annotations

import importlib

from tinydeploy.board import Board
from tinydeploy.emulate.chip_options import ChipOptions
from tinydeploy.emulate.peripherals.sdmmc_stm32l4 import SdmmcPort
from tinydeploy.emulate.peripherals.spi_stm32l4 import Memory, SpiPort
from tinydeploy.emulate.peripherals.stm32l4 import Stm32L4
from tinydeploy.errors import UsageError
from tinydeploy.npu.link import CHUNK
from tinydeploy.npu.link_device import LinkDevice
from tinydeploy.npu.link_faults import FaultyLink
from tinydeploy.npu.link_sdio import SDIO_PIECE, SdioCard
from tinydeploy.npu.link_sdio_faults import FaultyCard


class WiredAccelerator:
    """An accelerator behind its link; it lives on when the chip is reset.

    Args:
        options: What it is, its link, and what goes wrong.
    """

    def __init__(self, options: ChipOptions) -> None:
        module, _, name = options.accelerator.partition(":")
        accelerator = getattr(importlib.import_module(module), name)()
        is_card = options.link == "sdio"
        self._device = LinkDevice(accelerator, SDIO_PIECE if is_card else CHUNK)
        self._end: FaultyCard | FaultyLink = (
            FaultyCard(SdioCard(self._device), options.faults)
            if is_card
            else FaultyLink(self._device, options.faults)
        )

    def connect(self, chip: Stm32L4, memory: Memory) -> SpiPort | SdmmcPort:
        """Wires it to a chip that was just reset."""
        if isinstance(self._end, FaultyCard):
            return chip.open_sdio(self._end, memory)
        return chip.open_spi(self._end, memory)

    def describe(self) -> dict[str, int]:
        """Frames computed, nanoseconds that they took, and the faults that happened."""
        return {
            "frames": self._device.frames,
            "busy_ns": self._device.busy_ns,
            "flipped_bits": self._end.flipped_bits,
            "brown_outs": self._end.brown_outs,
            "hangs": self._end.hangs,
        }


def open_accelerator(board: Board, options: ChipOptions) -> WiredAccelerator | None:
    """What the options ask for; None for nothing.

    Raises:
        UsageError: The board has no pins for it.
    """
    if not options.accelerator:
        return None
    if board.accelerator is None or board.family != "stm32l4":
        raise UsageError(
            f"board {board.name} has no pins for an accelerator",
            "Its board file needs a table [accelerator], and its chip must be an STM32L4+.",
        )
    if options.link == "sdio" and board.accelerator.sdio is None:
        raise UsageError(
            f"board {board.name} has no SDIO pins for an accelerator",
            "Its board file needs a table [accelerator.sdio], or take the link spi.",
        )
    return WiredAccelerator(options)
