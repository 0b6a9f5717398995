"""The accelerator that is wired to an emulated board: its link, and what goes wrong with that."""

from __future__ import annotations

import importlib

from tinydeploy.board import Board
from tinydeploy.emulate.chip_options import ChipOptions
from tinydeploy.errors import UsageError
from tinydeploy.npu.link_device import LinkDevice
from tinydeploy.npu.link_faults import FaultyLink, LinkFaults


class WiredAccelerator(FaultyLink):
    """An accelerator behind its link.

    Args:
        device: Its end of the link.
        faults: What goes wrong.
    """

    def __init__(self, device: LinkDevice, faults: LinkFaults) -> None:
        super().__init__(device, faults)
        self._counted = device

    def describe(self) -> dict[str, int]:
        """Frames computed, nanoseconds that they took, and the faults that happened."""
        return {
            "frames": self._counted.frames,
            "busy_ns": self._counted.busy_ns,
            "flipped_bits": self.flipped_bits,
            "brown_outs": self.brown_outs,
            "hangs": self.hangs,
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
    module, _, name = options.accelerator.partition(":")
    accelerator = getattr(importlib.import_module(module), name)()
    return WiredAccelerator(LinkDevice(accelerator), options.faults)
