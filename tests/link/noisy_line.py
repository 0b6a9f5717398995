"""A line that flips, drops and doubles bytes, both ways, the same ones for the same seed."""

from __future__ import annotations

import random

from tinydeploy.link.transport import Transport


class NoisyLine:
    """A transport over another one.

    Args:
        transport: The good line.
        share: Of the bytes that are spoilt: a third each has a bit flipped, is dropped, is doubled.
        seed: Of the noise.
    """

    def __init__(self, transport: Transport, share: float = 0.01, seed: int = 0) -> None:
        self._transport, self._share = transport, share
        self._random = random.Random(seed)
        self.carried = self.flipped = self.dropped = self.doubled = 0

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        return self._spoil(self._transport.read(max_bytes, timeout_s))

    def write(self, data: bytes) -> None:
        self._transport.write(self._spoil(data))

    def _spoil(self, data: bytes) -> bytes:
        self.carried += len(data)
        out = bytearray()
        for byte in data:
            dice = self._random.random() / self._share
            if dice >= 1:
                out.append(byte)
            elif dice < 1 / 3:
                self.flipped += 1
                out.append(byte ^ 1 << self._random.randrange(8))
            elif dice < 2 / 3:
                self.dropped += 1
            else:
                self.doubled += 1
                out += bytes([byte, byte])
        return bytes(out)
