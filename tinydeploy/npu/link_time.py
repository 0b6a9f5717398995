"""How long a frame occupies the wires, over SPI and over its SDIO twin, without errors.

docs/tinynpu.md, "The link", says what goes over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tinydeploy.npu import sdio
from tinydeploy.npu.link import CHUNK, HEADER_BYTES, MISSING_BYTES
from tinydeploy.npu.link_device import TURN_NS
from tinydeploy.npu.link_sdio import BLOCK, SDIO_PIECE

SPI_HZ = 60_000_000
SDIO_HZ = 48_000_000

_CRC_BYTES, _CYCLES_BYTES = 4, 4


def count_spi(image_bytes: int, result_bytes: int) -> tuple[int, int]:
    """Bytes and transactions of one frame: its pieces, START, RESULT, and what fetches answers."""
    image = _cut(image_bytes)
    fetched = sum(2 * HEADER_BYTES + piece + _CRC_BYTES for piece in _cut(_in_all(result_bytes)))
    pieces = image_bytes + len(image) * (HEADER_BYTES + _CRC_BYTES)
    transactions = len(image) + 2 + 2 * len(_cut(_in_all(result_bytes)))
    started = 2 * HEADER_BYTES + MISSING_BYTES + _CRC_BYTES  # with room for what may be missing
    return pieces + started + fetched, transactions


def spi_frame_ns(image_bytes: int, result_bytes: int, clock_hz: int = SPI_HZ) -> int:
    """Nanoseconds of one frame over SPI, READY's included, the computing and the host's not.

    Args:
        image_bytes: Of the image.
        result_bytes: Of all outputs.
        clock_hz: Of SCK.
    """
    count, transactions = count_spi(image_bytes, result_bytes)
    return 8 * count * 1_000_000_000 // clock_hz + transactions * TURN_NS


def count_sdio(image_bytes: int, result_bytes: int) -> tuple[int, int]:
    """Blocks written and read for one frame: its pieces, START, RESULT; and their answers."""
    results = len(_cut(_in_all(result_bytes), SDIO_PIECE))
    return len(_cut(image_bytes, SDIO_PIECE)) + 1 + results, 1 + results


def sdio_frame_ns(image_bytes: int, result_bytes: int, clock_hz: int = SDIO_HZ) -> int:
    """The same as spi_frame_ns over 4-bit SDIO."""
    written, read = count_sdio(image_bytes, result_bytes)
    command = sdio.TOKEN_CLOCKS + sdio.RESPONSE_GAP + sdio.TOKEN_CLOCKS
    clocks = (written + read) * (command + sdio.block_clocks(BLOCK))
    clocks += written * sdio.WRITE_GAP + read * sdio.READ_GAP
    return clocks * 1_000_000_000 // clock_hz + written * TURN_NS


def _in_all(result_bytes: int) -> int:
    """Bytes behind RESULT: the cycles, then the outputs."""
    return _CYCLES_BYTES + result_bytes


def _cut(size: int, piece: int = CHUNK) -> list[int]:
    """Bytes of the pieces."""
    return [min(piece, size - at) for at in range(0, size, piece)]


# By the name of a link: what it is, and what computes a frame's time on it.
WIRES: Final[Mapping[str, tuple[str, Callable[[int, int], int]]]] = {
    "spi": (f"SPI at {SPI_HZ // 10**6} MHz", spi_frame_ns),
    "sdio": (f"4-bit SDIO at {SDIO_HZ // 10**6} MHz", sdio_frame_ns),
}
