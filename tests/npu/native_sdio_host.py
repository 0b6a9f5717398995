"""The host's C code, compiled for this machine, on an SD bus with a card of Python.

The bus is played here as the SDMMC and its driver do it: firmware/npu/stm32l4/sdio/.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from native_host import NativeHost

from tinydeploy.npu import sdio
from tinydeploy.npu.device import Accelerator
from tinydeploy.npu.link_device import LinkDevice
from tinydeploy.npu.link_faults import FaultyLink, LinkFaults
from tinydeploy.npu.link_sdio import BLOCK, SDIO_PIECE, SdioCard
from tinydeploy.npu.link_sdio_faults import FaultyCard

_CLOCK_NS = 1000 / 48
_FIND_CLOCK_NS = 2500  # at 400 kHz
_WRITE_LIMIT_NS, _READ_LIMIT_NS = 20_000_000, 500_000_000  # for what a card does with a block
_WRITES, _ONE_BLOCK = 1 << 31, 1 << 28 | 1 << 27 | 1
_ABORT, _RESET = _WRITES | 6 << 9 | 1, _WRITES | 6 << 9 | 8
_R5_ERRORS = 0x0B00
_SETTINGS = {0x02: 2, 0x07: 0x82, 0x13: 2, 0x110: BLOCK & 0xFF, 0x111: BLOCK >> 8}


def link_host(
    link: str, library: Path, accelerator: Accelerator, faults: LinkFaults, *facts: Any
) -> NativeHost:
    """A host of a link with a device behind bad wires; `facts` as NativeHost's."""
    if link == "spi":
        return NativeHost(library, FaultyLink(LinkDevice(accelerator), faults), *facts)
    card = SdioCard(LinkDevice(accelerator, SDIO_PIECE))
    return NativeSdioHost(library, FaultyCard(card, faults), *facts)


class NativeSdioHost(NativeHost):
    """A host with a clock of its own, and a card; see NativeHost.

    Args:
        library: From compile_host(link="sdio").
        card: A SdioCard, or a FaultyCard.
    """

    def __init__(self, library: Path, card: Any, *facts: Any) -> None:
        super().__init__(library, card, *facts)
        self._found = self._failed = False

    def _reset(self, asserted: int) -> None:
        self._found = False
        super()._reset(asserted)

    def _is_ready(self) -> int:
        self.now += 100
        self._found = self._found or self._find()
        return self._found

    def _find(self) -> bool:
        """Initializes the card."""
        self._ask(52, _RESET, _FIND_CLOCK_NS)
        told = self._ask(5, 0xFF8000, _FIND_CLOCK_NS)
        if told is None or not told >> 31:
            return False
        address = self._ask(3, 0, _FIND_CLOCK_NS)
        if address is None or self._ask(7, address & 0xFFFF0000, _FIND_CLOCK_NS) is None:
            return False
        settings = (_WRITES | place << 9 | value for place, value in _SETTINGS.items())
        return all(
            (told := self._ask(52, setting, _FIND_CLOCK_NS)) is not None
            and told & (_R5_ERRORS | 0xFF) == setting & 0xFF
            for setting in settings
        )

    def _ask(self, index: int, argument: int, clock_ns: float = _CLOCK_NS) -> int | None:
        """The 32 bits of the response; None where none comes through."""
        self.now += round(sdio.TOKEN_CLOCKS * clock_ns)
        response = self.device.command(sdio.pack_command(index, argument), self.now)
        self.now += round((sdio.RESPONSE_GAP + sdio.TOKEN_CLOCKS) * clock_ns)
        if response is None:
            return None
        if index != 5 and response[5] != sdio.crc7(response[:5]) << 1 | 1:
            return None
        return int.from_bytes(response[1:5], "big")

    def _exchange(self, out: int | None, received: int | None, count: int) -> None:
        assert self._ends is None
        assert (out is None) != (received is None)
        assert count <= BLOCK
        told = self._ask(53, _ONE_BLOCK | (_WRITES if out else 0))
        self._failed = told is None or bool(told & _R5_ERRORS)
        self._ends = self.now
        if told is None:
            return
        moved = self._send(ctypes.string_at(out, BLOCK)) if out else self._fetch(received)
        self._failed = self._failed or not moved

    def _send(self, data: bytes) -> bool:
        """Whether the card has taken a block."""
        end = self.now + round((sdio.WRITE_GAP + sdio.block_clocks(BLOCK)) * _CLOCK_NS)
        status = self.device.take_block(sdio.seal_block(data), end)
        if status is not None and status != sdio.ACCEPTED:
            self._ends = end
            return False
        busy = None if status is None else self.device.busy_until()
        if busy is None or busy > end + _WRITE_LIMIT_NS:
            self._ends = end + _WRITE_LIMIT_NS
            return False
        self._ends = max(end, busy)
        return True

    def _fetch(self, received: int | None) -> bool:
        """Whether a block has come; what has come is kept, as a DMA does."""
        ready = self.device.ready_at()
        begin = None if ready is None else max(self.now, ready)
        wire = None if begin is None else self.device.give_block(begin)
        if wire is None or begin is None:
            self._ends = self.now + _READ_LIMIT_NS
            return False
        self._ends = begin + round((sdio.READ_GAP + sdio.block_clocks(BLOCK)) * _CLOCK_NS)
        ctypes.memmove(received, wire, BLOCK)
        return sdio.open_block(wire) is not None

    def _end(self) -> int:
        assert self._ends is not None
        self.now, self._ends = max(self.now, self._ends), None
        if self._failed:
            self._ask(52, _ABORT)
        return -1 if self._failed else 0
