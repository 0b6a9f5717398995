"""The id by which a chip says what it is: DEV_ID in the lower 12 bits of DBGMCU_IDCODE.

Addresses and values: chapters "Debug support" of RM0433, RM0432, RM0385 and RM0402.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError

# Only to name what is attached where it is not the board's chip.
_NAMES = {
    0x415: "STM32L47x/L48x",
    0x441: "STM32F412",
    0x449: "STM32F74x/F75x",
    0x450: "STM32H74x/H75x",
    0x470: "STM32L4R/L4S",
    0x471: "STM32L4P5/L4Q5",
    0x480: "STM32H7A/H7B",
    0x483: "STM32H72x/H73x",
}


@dataclass(frozen=True)
class ChipId:
    """Where a chip's id is, and which it has to be."""

    address: int
    device: int


_IDS = {
    "stm32h7": ChipId(0x5C001000, 0x450),
    "stm32l4": ChipId(0xE0042000, 0x470),
    "stm32f7": ChipId(0xE0042000, 0x449),
    "stm32f4": ChipId(0xE0042000, 0x441),
}


ID_ADDRESSES = tuple(dict.fromkeys(chip.address for chip in _IDS.values()))


def find_chip_id(board: Board) -> ChipId | None:
    """The id of a board's chip; None for families that are not known here."""
    return _IDS.get(board.family)


def check_device(found: int, board: Board, elsewhere: Iterable[int] = ()) -> None:
    """Compares the id that a tool has read with the board's.

    Args:
        found: The id.
        board: The board.
        elsewhere: What is read where other chips have their id.

    Raises:
        BoardLinkError: It is another chip's.
    """
    wanted = find_chip_id(board)
    if wanted is None or found & 0xFFF == wanted.device:
        return
    devices = [word & 0xFFF for word in (found, *elsewhere)]
    device = next((each for each in devices if each in _NAMES), devices[0])
    name = f" ({_NAMES[device]})" if device in _NAMES else ""
    raise BoardLinkError(
        f"the chip that is attached has the id {device:#05x}{name}; {board.title} has"
        f" {wanted.device:#05x} ({_NAMES[wanted.device]})",
        "Is another board attached, or was this built for another one? Nothing was written.",
    )
