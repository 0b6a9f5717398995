"""What can go wrong between a host and a TinyNPU: a device behind bad wires and a bad supply."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Protocol


class Device(Protocol):
    """A device on the link, see LinkDevice."""

    def reset(self, now: int) -> None:
        """RESET is released, or the supply is back."""

    def is_ready(self, now: int) -> bool:
        """The level of READY."""

    def select(self, now: int) -> None:
        """NSS falls."""

    def shift(self, data: bytes) -> bytes:
        """Clocks bytes through."""

    def deselect(self, now: int) -> None:
        """NSS rises."""


@dataclass(frozen=True)
class LinkFaults:
    """Probabilities of what goes wrong.

    Args:
        bit_errors: That a bit arrives inverted, of each bit in each direction.
        brown_outs: That the device is reset during a transaction, of each transaction.
        hangs: That a transaction is the last one until RESET, of each transaction.
        seed: Of the random numbers: the same faults each time.
    """

    bit_errors: float = 0.0
    brown_outs: float = 0.0
    hangs: float = 0.0
    seed: int = 1


NO_FAULTS = LinkFaults()


class Chance:
    """Random numbers for one link: the same ones for the same faults.

    Args:
        faults: How bad it is.
    """

    def __init__(self, faults: LinkFaults) -> None:
        self._bit_errors = faults.bit_errors
        self._random = random.Random(faults.seed)
        self._good_bits = [self._draw_gap(), self._draw_gap()]  # until the next error, by direction
        self.flipped_bits = 0

    def happens(self, probability: float) -> bool:
        """Whether something of a probability happens now."""
        return probability > 0 and self._random.random() < probability

    def choose(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return self._random.randrange(count)

    def spoil(self, data: bytes, direction: int) -> bytes:
        """What arrives of bytes that are sent in direction 0 or 1."""
        bits = 8 * len(data)
        at = self._good_bits[direction]
        if at >= bits:
            self._good_bits[direction] -= bits
            return data
        spoilt = bytearray(data)
        while at < bits:
            spoilt[at // 8] ^= 1 << at % 8
            self.flipped_bits += 1
            at += 1 + self._draw_gap()
        self._good_bits[direction] = at - bits
        return bytes(spoilt)

    def _draw_gap(self) -> int:
        """Good bits until the next error: geometrically distributed."""
        if self._bit_errors <= 0:
            return 1 << 62
        uniform = 1.0 - self._random.random()
        return int(math.log(uniform) / math.log1p(-self._bit_errors))


class FaultyLink:
    """A device behind bad wires and a bad supply; itself one.

    Args:
        device: The device.
        faults: How bad.
    """

    def __init__(self, device: Device, faults: LinkFaults) -> None:
        self._device, self._faults = device, faults
        self._chance = Chance(faults)
        self._hung = self._browns = False
        self.brown_outs = self.hangs = 0

    @property
    def flipped_bits(self) -> int:
        """How many arrived inverted."""
        return self._chance.flipped_bits

    def reset(self, now: int) -> None:
        """RESET is released."""
        self._hung = False
        self._device.reset(now)

    def is_ready(self, now: int) -> bool:
        """The level of READY."""
        return not self._hung and self._device.is_ready(now)

    def select(self, now: int) -> None:
        """NSS falls."""
        self._browns = self._chance.happens(self._faults.brown_outs)
        self._device.select(now)

    def shift(self, data: bytes) -> bytes:
        """Clocks bytes through; a brown-out comes somewhere in their middle."""
        if self._hung:
            return b"\xff" * len(data)
        cut = self._chance.choose(len(data) + 1) if self._browns else len(data)
        data = self._chance.spoil(data, 0)
        answer = self._device.shift(data[:cut])
        return self._chance.spoil(answer.ljust(len(data), b"\xff"), 1)

    def deselect(self, now: int) -> None:
        """NSS rises."""
        if self._browns:
            self.brown_outs += 1
            self._device.reset(now)
        else:
            self._device.deselect(now)
        if self._chance.happens(self._faults.hangs):
            self.hangs += 1
            self._hung = True
