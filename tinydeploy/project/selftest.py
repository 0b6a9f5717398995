"""The self-test's inputs and checksum, exactly as firmware/app/selftest.c makes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

_SEED = 0x2545F491


def selftest_inputs(sizes: Sequence[int]) -> tuple[bytes, ...]:
    """The bytes of each input tensor.

    Args:
        sizes: Bytes of each input, in the model's order.
    """
    stream = _xorshift32(_SEED)
    return tuple(bytes(next(stream) >> 24 for _ in range(size)) for size in sizes)


def selftest_crc(outputs: Iterable[bytes], crc: int = 0) -> int:
    """CRC-32 over all outputs, one behind the other; `crc` is that of what came before."""
    for output in outputs:
        crc = zlib.crc32(output, crc)
    return crc


def _xorshift32(state: int) -> Iterator[int]:
    """Marsaglia, Xorshift RNGs, 2003: the triple 13, 17, 5."""
    while True:
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        yield state
