"""What can go wrong between a host and a TinyNPU on an SD bus; see link_faults.py for the SPI."""

from __future__ import annotations

from tinydeploy.npu.link_faults import Chance, LinkFaults
from tinydeploy.npu.link_sdio import SdioCard
from tinydeploy.npu.sdio import Sdio

_TO_CARD, _TO_HOST = 0, 1


class FaultyCard:
    """A card behind bad wires and a bad supply; to its host the same as one.

    A brown-out comes between a command and its block, a hang behind a block.

    Args:
        card: The card.
        faults: How bad.
    """

    def __init__(self, card: SdioCard, faults: LinkFaults) -> None:
        self._card, self._faults = card, faults
        self._chance = Chance(faults)
        self._hung = False
        self.brown_outs = self.hangs = 0

    @property
    def flipped_bits(self) -> int:
        """How many arrived inverted."""
        return self._chance.flipped_bits

    def reset(self, now: int) -> None:
        """RESET is released."""
        self._hung = False
        self._card.reset(now)

    def command(self, token: bytes, now: int) -> bytes | None:
        """Takes a command; see SdioCard."""
        if self._hung:
            return None
        response = self._card.command(self._chance.spoil(token, _TO_CARD), now)
        if response is None:
            return None
        moves = token[0] & 0x3F == Sdio.IO_RW_EXTENDED
        if moves and self._chance.happens(self._faults.brown_outs):
            self.brown_outs += 1
            self._card.reset(now)
        return self._chance.spoil(response, _TO_HOST)

    def take_block(self, wire: bytes, now: int) -> int | None:
        """Takes a block; its CRC status, which may be spoilt too: three bits of a byte."""
        if self._hung:
            return None
        status = self._card.take_block(self._chance.spoil(wire, _TO_CARD), now)
        self._maybe_hang()
        if status is None:
            return None
        return self._chance.spoil(bytes([status]), _TO_HOST)[0] & 7

    def give_block(self, now: int) -> bytes | None:
        """A block; see SdioCard."""
        wire = None if self._hung else self._card.give_block(now)
        if wire is None:
            return None
        self._maybe_hang()
        return self._chance.spoil(wire, _TO_HOST)

    def busy_until(self) -> int | None:
        """When DAT0 rises; never where the card hangs."""
        return None if self._hung else self._card.busy_until()

    def ready_at(self) -> int | None:
        """When a block begins; never where the card hangs."""
        return None if self._hung else self._card.ready_at()

    def lines(self) -> int:
        """How many carry data."""
        return self._card.lines()

    def is_fast(self) -> bool:
        """Whether it takes clocks beyond 25 MHz."""
        return self._card.is_fast()

    def _maybe_hang(self) -> None:
        if self._chance.happens(self._faults.hangs):
            self.hangs += 1
            self._hung = True
