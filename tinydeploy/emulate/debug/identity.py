"""What a debugger reads to find out which chip it is attached to.

Numbers: chapters "Debug support" of RM0433, RM0432, RM0385 and RM0402, and ADIv5 for the ports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinydeploy.board import Board

_ROM = 0xE00FF000
_SCS, _DWT, _FPB = 0xE000E000, 0xE0001000, 0xE0002000
_ARM, _ST = (0xB0, 0x0B, 4), (0x00, 0x0A, 0)


@dataclass(frozen=True)
class Identity:
    """A chip's identification.

    Args:
        tap: IDCODE of the core's JTAG test access port.
        boundary: IDCODE of the boundary scan port behind it.
        port: DPIDR of the debug port.
        access: IDR of the access port to the core's bus.
        system: The chip's id at DBGMCU and where that is.
        more: Other words that only debuggers ask for, by address: flash size, unique id.
        apb: Address of DBGMCU through access port 2; None where there is none.
        breakpoints: FP_CTRL without its enable bit.
        page: Where the access port's address counter wraps, in bytes.
        components: ROM table and identification of the core's debug units, by address.
    """

    tap: int
    boundary: int
    port: int
    access: int
    system: tuple[int, int]
    more: Mapping[int, int]
    apb: int | None = None
    breakpoints: int = 0x260
    page: int = 0x1000
    components: Mapping[int, int] = field(default_factory=dict)

    @property
    def words(self) -> dict[int, int]:
        """Everything that is read through the access port to the core's bus, by address."""
        address, value = self.system
        return {address: value, **self.more, **self.components}


def identify_chip(board: Board) -> Identity:
    """The identification of the board's chip."""
    size_kb = board.code_memory.size // 1024
    chip = _CHIPS.get(board.family, _NO_CHIP)
    tap, port, access = _CORES[board.cpu]
    unique = {chip.unique + 4 * n: word for n, word in enumerate(_UNIQUE)}
    # The size stands in half a word, the lower one or the upper one.
    size = {chip.size & ~3: size_kb << 8 * (chip.size & 3)}
    return Identity(
        tap=tap,
        boundary=0x06000041 | (chip.device & 0xFFF) << 12,
        port=port,
        access=access,
        system=(chip.address, chip.device),
        more=unique | size,
        apb=chip.apb,
        breakpoints=0x10000080 if board.cpu == "cortex-m7" else 0x260,
        page=0x400 if board.cpu == "cortex-m7" else 0x1000,
        components=_list_components(chip.device & 0xFFF, board.cpu),
    )


@dataclass(frozen=True)
class _Chip:
    address: int
    device: int
    size: int
    unique: int
    apb: int | None = None


_CHIPS = {
    "stm32h7": _Chip(0x5C001000, 0x2003_6450, 0x1FF1E880, 0x1FF1E800, 0xE00E1000),
    "stm32l4": _Chip(0xE0042000, 0x1003_6470, 0x1FFF75E0, 0x1FFF7590),
    "stm32f7": _Chip(0xE0042000, 0x1001_6449, 0x1FF0F442, 0x1FF0F420),
    "stm32f4": _Chip(0xE0042000, 0x2000_6441, 0x1FFF7A22, 0x1FFF7A10),
}
# A core that is no vendor's chip.
_NO_CHIP = _Chip(0xE0042000, 0, 0x1FFF7A20, 0x1FFF7A10)
# TAP, DPIDR, IDR of the AHB access port.
_CORES = {
    "cortex-m7": (0x6BA00477, 0x6BA02477, 0x84770001),
    "cortex-m4": (0x4BA00477, 0x2BA01477, 0x24770011),
}
_UNIQUE = (0x00270034, 0x3132470F, 0x36383531)


def _list_components(device: int, cpu: str) -> dict[int, int]:
    """The ROM table with the units that are modelled, and their identification registers."""
    parts = {_SCS: 0x00C, _DWT: 0x002, _FPB: 0x00E if cpu == "cortex-m7" else 0x003}
    words = {_ROM + 4 * n: (address - _ROM) & 0xFFFFF000 | 3 for n, address in enumerate(parts)}
    words[_ROM + 4 * len(parts)] = 0
    words[_ROM + 0xFCC] = 1
    words |= _identification(_ROM, device, _ST, 0x10)
    for address, part in parts.items():
        words |= _identification(address, part, _ARM, 0xE0)
    return words


def _identification(
    base: int, part: int, designer: tuple[int, int, int], kind: int
) -> dict[int, int]:
    second, third, fourth = designer
    return {
        base + 0xFD0: fourth,
        base + 0xFE0: part & 0xFF,
        base + 0xFE4: second | part >> 8,
        base + 0xFE8: third,
        base + 0xFEC: 0,
        base + 0xFF0: 0x0D,
        base + 0xFF4: kind,
        base + 0xFF8: 0x05,
        base + 0xFFC: 0xB1,
    }
