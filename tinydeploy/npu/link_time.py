"""How long a frame occupies the wires, over SPI and over its SDIO twin, without errors.

docs/tinynpu.md, "The link", says what goes over them.
"""

from __future__ import annotations

from tinydeploy.npu.link import CHUNK, FRAME_BYTES, HEADER_BYTES
from tinydeploy.npu.link_device import TURN_NS

SPI_HZ = 60_000_000
SDIO_HZ = 48_000_000

_CRC_BYTES, _CYCLES_BYTES = 4, 4
_SDIO_BLOCK = 1056
_SDIO_LANES = 4
# Clocks of a block besides its data: CRC and end bits, command, response, the longest gap between.
_SDIO_OVERHEAD = 17 + 48 + 48 + 64


def count_spi(image_bytes: int, result_bytes: int) -> tuple[int, int]:
    """Bytes and transactions of one frame: its pieces, START, RESULT, and what fetches answers."""
    image = _cut(image_bytes)
    fetched = sum(2 * HEADER_BYTES + piece + _CRC_BYTES for piece in _cut(_in_all(result_bytes)))
    pieces = image_bytes + len(image) * (HEADER_BYTES + _CRC_BYTES)
    transactions = len(image) + 2 + 2 * len(_cut(_in_all(result_bytes)))
    return pieces + 2 * HEADER_BYTES + fetched, transactions


def spi_frame_ns(image_bytes: int, result_bytes: int, clock_hz: int = SPI_HZ) -> int:
    """Nanoseconds of one frame over SPI, READY's included, the computing and the host's not.

    Args:
        image_bytes: Of the image.
        result_bytes: Of all outputs.
        clock_hz: Of SCK.
    """
    count, transactions = count_spi(image_bytes, result_bytes)
    return 8 * count * 1_000_000_000 // clock_hz + transactions * TURN_NS


def sdio_frame_ns(image_bytes: int, result_bytes: int, clock_hz: int = SDIO_HZ) -> int:
    """The same over 4-bit SDIO, where an image's pieces are answered by START alone."""
    results = len(_cut(_in_all(result_bytes)))
    written = len(_cut(image_bytes)) + 1 + results
    read = 1 + results
    assert FRAME_BYTES <= _SDIO_BLOCK
    clocks = (written + read) * (8 * _SDIO_BLOCK // _SDIO_LANES + _SDIO_OVERHEAD)
    return clocks * 1_000_000_000 // clock_hz + (written + read) * TURN_NS


def _in_all(result_bytes: int) -> int:
    """Bytes behind RESULT: the cycles, then the outputs."""
    return _CYCLES_BYTES + result_bytes


def _cut(size: int) -> list[int]:
    """Bytes of the pieces."""
    return [min(CHUNK, size - at) for at in range(0, size, CHUNK)]
